/**
 * The configuration file of the Llama architecture (Llama, SmolLM, TinyLlama and Qwen2, which adds biases to queries, keys and
 * values), its parameters under the names that transformers writes, and their random initialization. What the forward pass
 * does not support is refused here, by the key that asks for it.
 */
import { z } from "zod";
import { checkHeads, closingDecoderKeys, decoderKeys, headSizes } from "./config-keys.ts";
import { beginDecoder, drawParameters } from "./draw-parameters.ts";
import { checkJson } from "./json-file.ts";
import { type RotaryScaling, rotaryScaling } from "./rotary.ts";

const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const llamaConfigSchema = z
  .object({
    model_type: z.enum(["llama", "qwen2"]),
    ...decoderKeys,
    rms_norm_eps: z.number().positive().max(1).default(1e-6),
    tie_word_embeddings: flag,
    /** Biases of all four attention projections (Llama). */
    attention_bias: flag,
    mlp_bias: flag,
    use_sliding_window: z.literal(false, "sliding-window attention is not supported").nullish(),
    layer_types: z.array(z.literal("full_attention", "only full_attention is supported")).nullish(),
    pretraining_tp: z.literal(1, "tensor-parallel slices are not supported; save the model again").nullish(),
    ...closingDecoderKeys,
  })
  .transform((config) => ({
    ...config,
    ...headSizes(config),
    qkv_bias: config.model_type === "qwen2" || config.attention_bias,
  }))
  .superRefine(checkHeads);

export type LlamaConfig = z.infer<typeof llamaConfigSchema> & { rotary: RotaryScaling };

/**
 * Checks the content of a Llama or Qwen2 config.json; keys without meaning for the forward pass are left out.
 *
 * @throws SkipthinkError (exit 2) naming file and key
 */
export function parseLlamaConfig(config: unknown, file: string): LlamaConfig {
  const checked = checkJson(config, llamaConfigSchema, file);
  const rotary = rotaryScaling(checked, checked.head_dim, ["default", "linear", "llama3"], file);
  return { ...checked, rotary };
}

export interface LlamaSizes {
  vocabularySize: number;
  /** Longest sequence, tokens. */
  contextLength: number;
  width: number;
  /** Width of the feed-forward layer. */
  inner: number;
  layers: number;
  heads: number;
  keyValueHeads?: number;
  /** End-of-text id; it also begins a text. */
  endOfText: number;
}

/** The config.json of a new Llama of the given sizes with a tied head, complete for transformers 4 and 5. */
export function newLlamaConfig(sizes: LlamaSizes): Record<string, unknown> {
  return {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: sizes.vocabularySize,
    max_position_embeddings: sizes.contextLength,
    hidden_size: sizes.width,
    intermediate_size: sizes.inner,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.keyValueHeads ?? sizes.heads,
    hidden_act: "silu",
    rms_norm_eps: 1e-6,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    rope_theta: 10_000,
    rope_scaling: null,
    use_cache: true,
    bos_token_id: sizes.endOfText,
    eos_token_id: sizes.endOfText,
  };
}

/** Shape of every parameter by its name in the checkpoint. Projections are [out, in] (torch.nn.Linear). */
export function llamaParameterShapes(config: LlamaConfig): Map<string, number[]> {
  const width = config.hidden_size;
  const inner = config.intermediate_size;
  const queries = config.num_attention_heads * config.head_dim;
  const keys = config.num_key_value_heads * config.head_dim;
  const shapes = new Map<string, number[]>([["model.embed_tokens.weight", [config.vocab_size, width]]]);
  const projection = (name: string, from: number, to: number, bias: boolean) => {
    shapes.set(`${name}.weight`, [to, from]);
    if (bias) shapes.set(`${name}.bias`, [to]);
  };
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const block = `model.layers.${layer}`;
    shapes.set(`${block}.input_layernorm.weight`, [width]);
    projection(`${block}.self_attn.q_proj`, width, queries, config.qkv_bias);
    projection(`${block}.self_attn.k_proj`, width, keys, config.qkv_bias);
    projection(`${block}.self_attn.v_proj`, width, keys, config.qkv_bias);
    projection(`${block}.self_attn.o_proj`, queries, width, config.attention_bias);
    shapes.set(`${block}.post_attention_layernorm.weight`, [width]);
    projection(`${block}.mlp.gate_proj`, width, inner, config.mlp_bias);
    projection(`${block}.mlp.up_proj`, width, inner, config.mlp_bias);
    projection(`${block}.mlp.down_proj`, inner, width, config.mlp_bias);
  }
  shapes.set("model.norm.weight", [width]);
  if (!config.tie_word_embeddings) shapes.set("lm_head.weight", [config.vocab_size, width]);
  return shapes;
}

/** The parameter that a stored tensor is; undefined for the rotary tables that old checkpoints carry. */
export function llamaParameterName(stored: string): string | undefined {
  if (/(?:^|\.)rotary_emb\./.test(stored)) return undefined;
  return stored.startsWith("model.") || stored === "lm_head.weight" ? stored : `model.${stored}`;
}

/** Random parameters as transformers draws them: normal(0, initializer_range), biases 0, norms 1. */
export function initializeLlama(config: LlamaConfig, seed: number): Map<string, Float32Array> {
  return drawParameters(llamaParameterShapes(config), seed, beginDecoder(config.initializer_range));
}
