/**
 * T5 and Flan-T5 (Raffel et al. 2020; v1.1: Shazeer 2020): RMS normalization before each sublayer, relative positions added to
 * unscaled attention scores, a ReLU feed-forward layer or a gated GELU one, no biases.
 */
import type { Value } from "../../graph/graph.ts";
import { add, multiply, times } from "../../graph/operators/elementwise.ts";
import { gather, reshape } from "../../graph/operators/layout.ts";
import { relu, rmsNorm } from "../../graph/operators/neural.ts";
import { relativeBias } from "../relative-positions.ts";
import { type T5Config, t5ParameterShapes } from "../t5-config.ts";
import type { DecodeContext, EncodeContext, EncoderDecoderFamily } from "./encoder-decoder.ts";
import type { ParameterContext } from "./family.ts";
import { gatedFeedForward, plainFeedForward } from "./feed-forward.ts";
import { geluOf } from "./gelu.ts";
import { linearLayer, linearLayers } from "./linear-layer.ts";
import { embedTokens, headLogits } from "./token-table.ts";

export function t5Family(config: T5Config): EncoderDecoderFamily {
  const { d_model: width, num_heads: heads, num_decoder_layers: decoderLayers } = config;
  const shapes = t5ParameterShapes(config);
  const options = { layout: "out-in", bias: false } as const;
  const projected = (context: ParameterContext, x: Value, name: string): Value =>
    linearLayer(context, x, name, options);
  const normalized = (context: ParameterContext, x: Value, name: string, factor = 1): Value =>
    rmsNorm(x, times(context.parameter(`${name}.weight`), factor), config.layer_norm_epsilon);

  /** Embeddings of ids [batch, time]: [tokens, width]. */
  const embedded = (context: EncodeContext, tokens: string): Value =>
    reshape(embedTokens(context, "shared.weight"), [-1, width], [tokens, width]);

  /** Self-attention of one block, without the residual. */
  const selfAttention = (context: EncodeContext, x: Value, block: string, layer: number): Value => {
    const read = normalized(context, x, `${block}.0.layer_norm`);
    const name = `${block}.0.SelfAttention`;
    const [q, k, v] = ["q", "k", "v"].map((role) => projected(context, read, `${name}.${role}`)) as [
      Value,
      Value,
      Value,
    ];
    return context.attend(layer, q, k, v);
  };

  const feedForward = (context: ParameterContext, x: Value, sublayer: string): Value => {
    const read = (factor: number): Value => normalized(context, x, `${sublayer}.layer_norm`, factor);
    const name = `${sublayer}.DenseReluDense`;
    const optionsOf = () => options;
    const out = `${name}.wo`;
    const fed =
      config.feed_forward_proj === "relu"
        ? plainFeedForward(context, read, {
            optionsOf,
            modules: { into: `${name}.wi`, out },
            activation: { apply: relu },
          })
        : gatedFeedForward(context, read, {
            optionsOf,
            modules: { gate: `${name}.wi_0`, up: `${name}.wi_1`, out },
            activation: geluOf(context),
          });
    return add(x, fed);
  };

  return {
    name: "t5",
    shape: {
      layers: decoderLayers,
      heads,
      keyValueHeads: heads,
      headWidth: config.d_kv,
      width,
      vocabularySize: config.vocab_size,
      // Each side may take what the model was pretrained on.
      contextLength: 2 * config.n_positions,
    },
    startToken: config.decoder_start_token_id,
    scoreScale: 1,
    parameterShapes: shapes,
    linear: linearLayers("out-in", shapes, /\.block\.(?!.*relative_attention_bias)/),
    decays: (name) => !name.endsWith("layer_norm.weight"),

    positionBias(context, stack, relative) {
      const table = `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
      return relativeBias(context.graph, context.parameter(table), relative, {
        buckets: config.relative_attention_num_buckets,
        maxDistance: config.relative_attention_max_distance,
        bidirectional: stack === "encoder",
      });
    },

    encode(context) {
      let x = embedded(context, "sourceTokens");
      for (let layer = 0; layer < config.num_layers; layer++) {
        const block = `encoder.block.${layer}.layer`;
        const attended = selfAttention(context, x, block, layer);
        x = add(x, projected(context, attended, `${block}.0.SelfAttention.o`));
        x = feedForward(context, x, `${block}.1`);
      }
      return normalized(context, x, "encoder.final_layer_norm");
    },

    sourceKeys(context, layer, encoded) {
      const name = `decoder.block.${layer}.layer.1.EncDecAttention`;
      return {
        key: projected(context, encoded, `${name}.k`),
        value: projected(context, encoded, `${name}.v`),
      };
    },

    decode(context: DecodeContext) {
      let x = embedded(context, "tokens");
      for (let layer = 0; layer < decoderLayers; layer++) {
        const block = `decoder.block.${layer}.layer`;
        const own = selfAttention(context, x, block, layer);
        x = add(x, projected(context, own, `${block}.0.SelfAttention.o`));
        const name = `${block}.1.EncDecAttention`;
        const q = projected(context, normalized(context, x, `${block}.1.layer_norm`), `${name}.q`);
        let fromSource = context.attendSource(layer, q);
        if (context.rows !== undefined && layer === decoderLayers - 1) {
          fromSource = gather(fromSource, context.rows, { unique: true });
          x = gather(x, context.rows, { unique: true });
        }
        x = add(x, projected(context, fromSource, `${name}.o`));
        x = feedForward(context, x, `${block}.2`);
      }
      return normalized(context, x, "decoder.final_layer_norm");
    },

    logits(context, hidden) {
      const scaled = config.scale_decoder_outputs ? multiply(hidden, width ** -0.5) : hidden;
      const head = config.tie_word_embeddings ? "shared.weight" : "lm_head.weight";
      return headLogits(context, scaled, head);
    },
  };
}
