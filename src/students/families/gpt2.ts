/** GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, GELU, head tied to the token embedding. */
import type { Value } from "../../graph/graph.ts";
import { add, times } from "../../graph/operators/elementwise.ts";
import { gather, reshape } from "../../graph/operators/layout.ts";
import { layerNorm } from "../../graph/operators/neural.ts";
import { type Gpt2Config, gpt2ParameterShapes } from "../gpt2-config.ts";
import type { DecoderFamily, ForwardContext } from "./family.ts";
import { plainFeedForward } from "./feed-forward.ts";
import { geluOf } from "./gelu.ts";
import { splitOutputs } from "./layer-parts.ts";
import { linearLayer, linearLayers } from "./linear-layer.ts";
import { embedTokens, headLogits } from "./token-table.ts";

export function gpt2Family(config: Gpt2Config): DecoderFamily {
  const width = config.n_embd;
  const shapes = gpt2ParameterShapes(config);
  const epsilon = config.layer_norm_epsilon;
  const normalized = (context: ForwardContext, x: Value, name: string, factor = 1): Value => {
    const [scale, bias] = ["weight", "bias"].map((part) =>
      times(context.parameter(`${name}.${part}`), factor),
    );
    return layerNorm(x, scale!, bias!, epsilon);
  };
  const options = { layout: "in-out", bias: true } as const;
  const feedForward = (context: ForwardContext, x: Value, block: string): Value =>
    plainFeedForward(context, (factor) => normalized(context, x, `${block}.ln_2`, factor), {
      modules: { into: `${block}.mlp.c_fc`, out: `${block}.mlp.c_proj` },
      activation: geluOf(context),
      optionsOf: () => options,
    });

  return {
    name: "gpt2",
    shape: {
      layers: config.n_layer,
      heads: config.n_head,
      keyValueHeads: config.n_head,
      headWidth: width / config.n_head,
      width,
      vocabularySize: config.vocab_size,
      contextLength: config.n_positions,
    },
    parameterShapes: shapes,
    linear: linearLayers("in-out", shapes, /^transformer\.h\./),
    decays: (name) => !name.endsWith(".bias") && !/\.ln_[12f]\./.test(name),

    hidden(context) {
      const tokens = embedTokens(context, "transformer.wte.weight");
      const positions = gather(context.parameter("transformer.wpe.weight"), context.positions, {
        unique: context.positions.shape.length === 1,
      });
      let x = reshape(add(tokens, positions), [-1, width], ["tokens", width]);
      for (let layer = 0; layer < config.n_layer; layer++) {
        const block = `transformer.h.${layer}`;
        const read = normalized(context, x, `${block}.ln_1`);
        const parts = splitOutputs(context, read, `${block}.attn.c_attn`, [width, width, width], options);
        const [q, k, v] = parts as [Value, Value, Value];
        let attended = context.attend(layer, q, k, v);
        if (context.rows !== undefined && layer === config.n_layer - 1) {
          attended = gather(attended, context.rows, { unique: true });
          x = gather(x, context.rows, { unique: true });
        }
        x = add(x, linearLayer(context, attended, `${block}.attn.c_proj`, options));
        x = add(x, feedForward(context, x, block));
      }
      return normalized(context, x, "transformer.ln_f");
    },

    logits(context, hidden) {
      const head = config.tie_word_embeddings ? "transformer.wte.weight" : "lm_head.weight";
      return headLogits(context, hidden, head);
    },
  };
}
