/**
 * Phi-3 (Abdin et al. 2024): Llama's block with queries, keys and values out of one product, and gate and up projection out of
 * another. Gradients reach every row of the token embedding; transformers leaves out the row of `pad_token_id`.
 */
import type { Value } from "../../graph/graph.ts";
import { add, multiply } from "../../graph/operators/elementwise.ts";
import { gather, reshape } from "../../graph/operators/layout.ts";
import { rmsNorm, rotary, silu } from "../../graph/operators/neural.ts";
import { type Phi3Config, phi3ParameterShapes } from "../phi3-config.ts";
import { rotaryTables } from "../rotary.ts";
import type { DecoderFamily, ForwardContext } from "./family.ts";
import { splitOutputs } from "./layer-parts.ts";
import { linearLayer, linearLayers } from "./linear-layer.ts";
import { embedTokens, headLogits } from "./token-table.ts";

export function phi3Family(config: Phi3Config): DecoderFamily {
  const width = config.hidden_size;
  const inner = config.intermediate_size;
  const { num_attention_heads: heads, num_key_value_heads: keyValueHeads, head_dim: headWidth } = config;
  const [queryWidth, keyWidth] = [heads * headWidth, keyValueHeads * headWidth];
  const shapes = phi3ParameterShapes(config);
  const normalized = (context: ForwardContext, x: Value, name: string): Value =>
    rmsNorm(x, context.parameter(`${name}.weight`), config.rms_norm_eps);
  const options = { layout: "out-in", bias: false } as const;
  const feedForward = (context: ForwardContext, x: Value, name: string): Value => {
    const parts = splitOutputs(context, x, `${name}.gate_up_proj`, [inner, inner], options);
    const [gate, up] = parts as [Value, Value];
    return linearLayer(context, multiply(silu(gate), up), `${name}.down_proj`, options);
  };

  return {
    name: "phi3",
    shape: {
      layers: config.num_hidden_layers,
      heads,
      keyValueHeads,
      headWidth,
      width,
      vocabularySize: config.vocab_size,
      contextLength: config.rotary.contextLength,
    },
    parameterShapes: shapes,
    linear: linearLayers("out-in", shapes, /^model\.layers\./),
    decays: (name) => !name.endsWith("norm.weight"),

    hidden(context) {
      const tokens = embedTokens(context, "model.embed_tokens.weight");
      let x = reshape(tokens, [-1, width], ["tokens", width]);
      const tables = rotaryTables(context.graph, config.rotary, context.ids, context.positions);
      const turned = (y: Value, count: number) => rotary(y, count, tables.cosine, tables.sine);
      for (let layer = 0; layer < config.num_hidden_layers; layer++) {
        const block = `model.layers.${layer}`;
        const read = normalized(context, x, `${block}.input_layernorm`);
        const parts = splitOutputs(
          context,
          read,
          `${block}.self_attn.qkv_proj`,
          [queryWidth, keyWidth, keyWidth],
          options,
        );
        const [q, k, v] = parts as [Value, Value, Value];
        let attended = context.attend(layer, turned(q, heads), turned(k, keyValueHeads), v);
        if (context.rows !== undefined && layer === config.num_hidden_layers - 1) {
          attended = gather(attended, context.rows, { unique: true });
          x = gather(x, context.rows, { unique: true });
        }
        x = add(x, linearLayer(context, attended, `${block}.self_attn.o_proj`, options));
        x = add(
          x,
          feedForward(context, normalized(context, x, `${block}.post_attention_layernorm`), `${block}.mlp`),
        );
      }
      return normalized(context, x, "model.norm");
    },

    logits(context, hidden) {
      const head = config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
      return headLogits(context, hidden, head);
    },
  };
}
