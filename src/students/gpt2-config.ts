/**
 * GPT-2's configuration file, its parameters under the names that transformers writes, and their random initialization. What
 * the forward pass does not support is refused here, by the key that asks for it.
 */
import { z } from "zod";
import { size, tokenId, tokenIds, unquantized } from "./config-keys.ts";
import { drawParameters } from "./draw-parameters.ts";
import { checkJson } from "./json-file.ts";

const only = <T extends boolean>(value: T) =>
  z
    .literal(value, `only ${value} is supported`)
    .nullish()
    .transform(() => value);

const gpt2ConfigSchema = z
  .object({
    model_type: z.literal("gpt2"),
    vocab_size: size(10_000_000),
    n_positions: size(1_000_000),
    n_embd: size(65_536),
    n_layer: size(1_000),
    n_head: size(1_000),
    /** Width of the feed-forward layer; null: 4 · n_embd. */
    n_inner: size(1_000_000)
      .nullish()
      .transform((inner) => inner ?? null),
    activation_function: z
      .enum(["gelu_new", "gelu_pytorch_tanh"], "only gelu_new (also called gelu_pytorch_tanh) is supported")
      .default("gelu_new"),
    layer_norm_epsilon: z.number().positive().max(1).default(1e-5),
    initializer_range: z.number().positive().max(10).default(0.02),
    tie_word_embeddings: z.boolean().default(true),
    scale_attn_weights: only(true),
    scale_attn_by_inverse_layer_idx: only(false),
    reorder_and_upcast_attn: only(false),
    add_cross_attention: only(false),
    quantization_config: unquantized,
    bos_token_id: tokenId,
    eos_token_id: tokenIds,
  })
  .refine((config) => config.n_embd % config.n_head === 0, {
    path: ["n_head"],
    message: "must divide n_embd",
  });

export type Gpt2Config = z.infer<typeof gpt2ConfigSchema>;

/**
 * Checks the content of a GPT-2 config.json; keys without meaning for the forward pass are left out.
 *
 * @throws SkipthinkError (exit 2) naming file and key
 */
export function parseGpt2Config(config: unknown, file: string): Gpt2Config {
  return checkJson(config, gpt2ConfigSchema, file);
}

export interface Gpt2Sizes {
  vocabularySize: number;
  /** Longest sequence, tokens. */
  contextLength: number;
  width: number;
  layers: number;
  heads: number;
  /** End-of-text id; it also begins a text, as in GPT-2. */
  endOfText: number;
}

/** The config.json of a new GPT-2 of the given sizes, complete for transformers. No dropout: students train on few epochs. */
export function newGpt2Config(sizes: Gpt2Sizes): Record<string, unknown> {
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: sizes.vocabularySize,
    n_positions: sizes.contextLength,
    n_embd: sizes.width,
    n_layer: sizes.layers,
    n_head: sizes.heads,
    n_inner: null,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    use_cache: true,
    bos_token_id: sizes.endOfText,
    eos_token_id: sizes.endOfText,
  };
}

/**
 * Shape of every parameter of GPT2LMHeadModel, by its name in the checkpoint. Projections are [in, out] (Conv1D);
 * `lm_head.weight` is there only when the head is not tied to the token embedding.
 */
export function gpt2ParameterShapes(config: Gpt2Config): Map<string, number[]> {
  const width = config.n_embd;
  const inner = config.n_inner ?? 4 * width;
  const shapes = new Map<string, number[]>([
    ["transformer.wte.weight", [config.vocab_size, width]],
    ["transformer.wpe.weight", [config.n_positions, width]],
  ]);
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [width]);
    shapes.set(`${name}.bias`, [width]);
  };
  const projection = (name: string, from: number, to: number) => {
    shapes.set(`${name}.weight`, [from, to]);
    shapes.set(`${name}.bias`, [to]);
  };
  for (let layer = 0; layer < config.n_layer; layer++) {
    const block = `transformer.h.${layer}`;
    norm(`${block}.ln_1`);
    projection(`${block}.attn.c_attn`, width, 3 * width);
    projection(`${block}.attn.c_proj`, width, width);
    norm(`${block}.ln_2`);
    projection(`${block}.mlp.c_fc`, width, inner);
    projection(`${block}.mlp.c_proj`, inner, width);
  }
  norm("transformer.ln_f");
  if (!config.tie_word_embeddings) shapes.set("lm_head.weight", [config.vocab_size, width]);
  return shapes;
}

/**
 * The parameter that a stored tensor is: checkpoints of the bare GPT2Model lack the "transformer." prefix. Undefined for the
 * causal-mask buffers that old checkpoints carry.
 */
export function gpt2ParameterName(stored: string): string | undefined {
  if (/\.attn\.(bias|masked_bias)$/.test(stored)) return undefined;
  return stored.startsWith("transformer.") || stored === "lm_head.weight" ? stored : `transformer.${stored}`;
}

/**
 * Random parameters as transformers draws them: normal(0, initializer_range), the projections onto the residual path
 * (c_proj) narrower by √(2 · n_layer), biases 0, LayerNorm weights 1.
 */
export function initializeGpt2(config: Gpt2Config, seed: number): Map<string, Float32Array> {
  return drawParameters(gpt2ParameterShapes(config), seed, (name) => {
    if (name.endsWith(".bias")) return { value: 0 };
    if (/\.ln_[12f]\.weight$/.test(name)) return { value: 1 };
    const isResidual = name.endsWith(".c_proj.weight");
    return { deviation: config.initializer_range / (isResidual ? Math.sqrt(2 * config.n_layer) : 1) };
  });
}
