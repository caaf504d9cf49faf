/**
 * Llama (Touvron et al. 2023) and Qwen2: RMSNorm before each block, rotary positions, grouped-query attention, a gated SiLU
 * feed-forward layer. Qwen2 has biases on queries, keys and values.
 */
import type { Value } from "../../graph/graph.ts";
import { add, times } from "../../graph/operators/elementwise.ts";
import { gather, reshape } from "../../graph/operators/layout.ts";
import { rmsNorm, rotary, silu } from "../../graph/operators/neural.ts";
import { type LlamaConfig, llamaParameterShapes } from "../llama-config.ts";
import { rotaryTables } from "../rotary.ts";
import type { DecoderFamily, ForwardContext } from "./family.ts";
import { gatedFeedForward } from "./feed-forward.ts";
import { linearLayer, linearLayers } from "./linear-layer.ts";
import { embedTokens, headLogits } from "./token-table.ts";

export function llamaFamily(config: LlamaConfig): DecoderFamily {
  const width = config.hidden_size;
  const { num_attention_heads: heads, num_key_value_heads: keyValueHeads } = config;
  const shapes = llamaParameterShapes(config);
  const normalized = (context: ForwardContext, x: Value, name: string, factor = 1): Value =>
    rmsNorm(x, times(context.parameter(`${name}.weight`), factor), config.rms_norm_eps);
  const optionsOf = (name: string) => ({ layout: "out-in", bias: shapes.has(`${name}.bias`) }) as const;
  const projected = (context: ForwardContext, x: Value, name: string): Value =>
    linearLayer(context, x, name, optionsOf(name));
  const feedForward = (context: ForwardContext, x: Value, block: string): Value =>
    gatedFeedForward(
      context,
      (factor) => normalized(context, x, `${block}.post_attention_layernorm`, factor),
      {
        modules: {
          gate: `${block}.mlp.gate_proj`,
          up: `${block}.mlp.up_proj`,
          out: `${block}.mlp.down_proj`,
        },
        activation: { apply: silu },
        optionsOf,
      },
    );

  return {
    name: config.model_type,
    shape: {
      layers: config.num_hidden_layers,
      heads,
      keyValueHeads,
      headWidth: config.head_dim,
      width,
      vocabularySize: config.vocab_size,
      contextLength: config.max_position_embeddings,
    },
    parameterShapes: shapes,
    linear: linearLayers("out-in", shapes, /^model\.layers\./),
    decays: (name) => !name.endsWith(".bias") && !name.endsWith("norm.weight"),

    hidden(context) {
      const tokens = embedTokens(context, "model.embed_tokens.weight");
      let x = reshape(tokens, [-1, width], ["tokens", width]);
      const tables = rotaryTables(context.graph, config.rotary, context.ids, context.positions);
      const turned = (y: Value, count: number) => rotary(y, count, tables.cosine, tables.sine);
      for (let layer = 0; layer < config.num_hidden_layers; layer++) {
        const block = `model.layers.${layer}`;
        const read = normalized(context, x, `${block}.input_layernorm`);
        const q = turned(projected(context, read, `${block}.self_attn.q_proj`), heads);
        const k = turned(projected(context, read, `${block}.self_attn.k_proj`), keyValueHeads);
        const v = projected(context, read, `${block}.self_attn.v_proj`);
        let attended = context.attend(layer, q, k, v);
        if (context.rows !== undefined && layer === config.num_hidden_layers - 1) {
          attended = gather(attended, context.rows, { unique: true });
          x = gather(x, context.rows, { unique: true });
        }
        x = add(x, projected(context, attended, `${block}.self_attn.o_proj`));
        x = add(x, feedForward(context, x, block));
      }
      return normalized(context, x, "model.norm");
    },

    logits(context, hidden) {
      const head = config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
      return headLogits(context, hidden, head);
    },
  };
}
