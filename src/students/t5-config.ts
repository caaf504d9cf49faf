/**
 * T5's configuration file (v1.0, v1.1 and Flan-T5), its parameters under the names that transformers writes, and their random
 * initialization. What the forward pass does not support is refused here, by the key that asks for it.
 */
import { z } from "zod";
import { size, tokenId, tokenIds, unquantized } from "./config-keys.ts";
import { drawParameters } from "./draw-parameters.ts";
import { checkJson } from "./json-file.ts";
import type { WeightReader } from "./model-folder.ts";
import { holdsOwnHead } from "./stored-names.ts";

const t5ConfigSchema = z
  .object({
    model_type: z.literal("t5"),
    is_encoder_decoder: z.literal(true, "only students with encoder and decoder are supported").nullish(),
    vocab_size: size(10_000_000),
    d_model: size(65_536),
    /** Width of a head; num_heads · d_kv need not be d_model. */
    d_kv: size(65_536),
    d_ff: size(1_000_000),
    num_layers: size(1_000),
    /** Null: as many as the encoder's. */
    num_decoder_layers: size(1_000).nullish(),
    num_heads: size(1_000),
    /** What the model was pretrained on. T5 has no longest sequence of its own: its positions are relative. */
    n_positions: size(1_000_000)
      .nullish()
      .transform((positions) => positions ?? 512),
    relative_attention_num_buckets: z.number().int().min(4).max(100_000).default(32),
    relative_attention_max_distance: z.number().int().min(2).max(1_000_000).default(128),
    feed_forward_proj: z
      .enum(["relu", "gated-gelu"], "only relu and gated-gelu are supported")
      .default("relu"),
    layer_norm_epsilon: z.number().positive().max(1).default(1e-6),
    initializer_factor: z.number().positive().max(100).default(1),
    tie_word_embeddings: z.boolean().nullish(),
    /** Hidden states are multiplied by d_model^-0.5 before the head. Where it is not said, tied heads are scaled (v1.0). */
    scale_decoder_outputs: z.boolean().nullish(),
    quantization_config: unquantized,
    decoder_start_token_id: z
      .number("must name the token that the decoder starts with (0 in all T5 models)")
      .int()
      .min(0),
    pad_token_id: tokenId,
    eos_token_id: tokenIds,
  })
  .transform((config) => ({
    ...config,
    num_decoder_layers: config.num_decoder_layers ?? config.num_layers,
    tie_word_embeddings: config.tie_word_embeddings ?? true,
    scale_decoder_outputs: config.scale_decoder_outputs ?? config.tie_word_embeddings ?? true,
  }))
  .refine((config) => config.relative_attention_max_distance > config.relative_attention_num_buckets / 2, {
    path: ["relative_attention_max_distance"],
    message: "must be above half of relative_attention_num_buckets",
  })
  .refine((config) => config.decoder_start_token_id < config.vocab_size, {
    path: ["decoder_start_token_id"],
    message: "must be a token of the vocabulary",
  });

export type T5Config = z.infer<typeof t5ConfigSchema>;

/**
 * Checks the content of a T5 config.json; keys without meaning for the forward pass are left out.
 *
 * @throws SkipthinkError (exit 2) naming file and key
 */
export function parseT5Config(config: unknown, file: string): T5Config {
  return checkJson(config, t5ConfigSchema, file);
}

/**
 * The configuration with what only the weights say: transformers 5 writes "tie_word_embeddings": true for every T5 and leaves
 * it to the file whether the head has weights of its own.
 */
export async function t5ConfigOfWeights(
  config: Record<string, unknown>,
  file: string,
  weights: Pick<WeightReader, "names" | "readFloat32">,
): Promise<Record<string, unknown>> {
  const { tie_word_embeddings: tied, scale_decoder_outputs } = parseT5Config(config, file);
  if (!tied || !(await holdsOwnHead(weights, "shared.weight", t5ParameterName))) return config;
  return { ...config, tie_word_embeddings: false, scale_decoder_outputs };
}

export interface T5Sizes {
  vocabularySize: number;
  width: number;
  headWidth: number;
  /** Width of the feed-forward layer. */
  inner: number;
  /** Of the encoder, and of the decoder. */
  layers: number;
  heads: number;
  /** Tokens of the encoder, and of the decoder, that the student is made for. */
  positions: number;
  endOfText: number;
  /** Begins the decoder's text. */
  padding: number;
}

/** The config.json of a new T5 in the form of v1.0 (ReLU, tied and scaled head), complete for transformers 4 and 5. No dropout. */
export function newT5Config(sizes: T5Sizes): Record<string, unknown> {
  return {
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    is_encoder_decoder: true,
    vocab_size: sizes.vocabularySize,
    d_model: sizes.width,
    d_kv: sizes.headWidth,
    d_ff: sizes.inner,
    num_layers: sizes.layers,
    num_decoder_layers: sizes.layers,
    num_heads: sizes.heads,
    n_positions: sizes.positions,
    relative_attention_num_buckets: 32,
    relative_attention_max_distance: 128,
    feed_forward_proj: "relu",
    layer_norm_epsilon: 1e-6,
    initializer_factor: 1,
    tie_word_embeddings: true,
    scale_decoder_outputs: true,
    dropout_rate: 0,
    use_cache: true,
    decoder_start_token_id: sizes.padding,
    pad_token_id: sizes.padding,
    eos_token_id: sizes.endOfText,
  };
}

/** Shape of every parameter of T5ForConditionalGeneration, by its name in the checkpoint. Projections are [out, in]. */
export function t5ParameterShapes(config: T5Config): Map<string, number[]> {
  const { d_model: width, d_ff: inner, num_heads: heads } = config;
  const projected = heads * config.d_kv;
  const shapes = new Map<string, number[]>([["shared.weight", [config.vocab_size, width]]]);
  const attention = (name: string) => {
    for (const role of ["q", "k", "v"]) shapes.set(`${name}.${role}.weight`, [projected, width]);
    shapes.set(`${name}.o.weight`, [width, projected]);
  };
  const stack = (name: "encoder" | "decoder", layers: number) => {
    for (let layer = 0; layer < layers; layer++) {
      const block = `${name}.block.${layer}.layer`;
      const parts = name === "encoder" ? ["SelfAttention"] : ["SelfAttention", "EncDecAttention"];
      parts.forEach((part, i) => {
        attention(`${block}.${i}.${part}`);
        shapes.set(`${block}.${i}.layer_norm.weight`, [width]);
      });
      if (layer === 0) {
        const table = [config.relative_attention_num_buckets, heads];
        shapes.set(`${block}.0.SelfAttention.relative_attention_bias.weight`, table);
      }
      const last = parts.length;
      const into = config.feed_forward_proj === "relu" ? ["wi"] : ["wi_0", "wi_1"];
      for (const part of into) shapes.set(`${block}.${last}.DenseReluDense.${part}.weight`, [inner, width]);
      shapes.set(`${block}.${last}.DenseReluDense.wo.weight`, [width, inner]);
      shapes.set(`${block}.${last}.layer_norm.weight`, [width]);
    }
    shapes.set(`${name}.final_layer_norm.weight`, [width]);
  };
  stack("encoder", config.num_layers);
  stack("decoder", config.num_decoder_layers);
  if (!config.tie_word_embeddings) shapes.set("lm_head.weight", [config.vocab_size, width]);
  return shapes;
}

/**
 * The parameter that a stored tensor is: some checkpoints keep the embeddings under the name of one of the stacks. Undefined
 * for the position table of cross-attention that the first T5 checkpoints carry without using it.
 */
export function t5ParameterName(stored: string): string | undefined {
  if (stored.endsWith(".EncDecAttention.relative_attention_bias.weight")) return undefined;
  return /^(encoder|decoder)\.embed_tokens\.weight$/.test(stored) ? "shared.weight" : stored;
}

/** Random parameters as transformers draws them: normal, with a deviation that keeps unscaled attention scores near 1. */
export function initializeT5(config: T5Config, seed: number): Map<string, Float32Array> {
  const { d_model: width, d_kv: headWidth, d_ff: inner, num_heads: heads, initializer_factor } = config;
  const deviation = (name: string): number => {
    if (name === "shared.weight" || name === "lm_head.weight") return 1;
    if (name.endsWith(".q.weight")) return (width * headWidth) ** -0.5;
    if (name.endsWith(".o.weight")) return (heads * headWidth) ** -0.5;
    if (name.endsWith(".wo.weight")) return inner ** -0.5;
    return width ** -0.5;
  };
  return drawParameters(t5ParameterShapes(config), seed, (name) =>
    name.endsWith("layer_norm.weight")
      ? { value: initializer_factor }
      : { deviation: initializer_factor * deviation(name) },
  );
}
