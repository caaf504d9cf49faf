/**
 * The configuration file of Phi-3 (Abdin et al. 2024), its parameters under the names that transformers writes, and their
 * random initialization. What the forward pass does not support is refused here, by the key that asks for it.
 */
import { z } from "zod";
import { inputError } from "../util/errors.ts";
import { checkHeads, closingDecoderKeys, decoderKeys, headSizes, size } from "./config-keys.ts";
import { beginDecoder, drawParameters } from "./draw-parameters.ts";
import { checkJson } from "./json-file.ts";
import { type RotaryScaling, rotaryScaling } from "./rotary.ts";

const phi3ConfigSchema = z
  .object({
    model_type: z.literal("phi3"),
    ...decoderKeys,
    original_max_position_embeddings: size(10_000_000).default(4096),
    rms_norm_eps: z.number().positive().max(1).default(1e-5),
    tie_word_embeddings: z.boolean().default(false),
    sliding_window: size(1_000_000_000).nullish(),
    ...closingDecoderKeys,
  })
  .transform((config) => ({ ...config, ...headSizes(config) }))
  .superRefine(checkHeads);

export type Phi3Config = z.infer<typeof phi3ConfigSchema> & { rotary: RotaryScaling };

/**
 * Checks the content of a Phi-3 config.json; keys without meaning for the forward pass, dropout among them, are left out.
 *
 * @throws SkipthinkError (exit 2) naming file and key
 */
export function parsePhi3Config(config: unknown, file: string): Phi3Config {
  const checked = checkJson(config, phi3ConfigSchema, file);
  const rotary = rotaryScaling(checked, checked.head_dim, ["default", "longrope"], file);
  const window = checked.sliding_window ?? Number.POSITIVE_INFINITY;
  // A window that no sequence outgrows changes nothing.
  if (window < rotary.contextLength) {
    throw inputError(
      `${file}: "sliding_window": sliding-window attention is not supported`,
      { file, key: "sliding_window" },
      `Sequences of at most ${window} tokens do not need it: set sliding_window to null and max_position_embeddings to ${window}.`,
    );
  }
  return { ...checked, rotary };
}

/**
 * Shape of every parameter by its name in the checkpoint. Projections are [out, in] (torch.nn.Linear), without biases; queries,
 * keys and values are rows of one matrix, gate and up projection of another.
 */
export function phi3ParameterShapes(config: Phi3Config): Map<string, number[]> {
  const width = config.hidden_size;
  const inner = config.intermediate_size;
  const queries = config.num_attention_heads * config.head_dim;
  const keys = config.num_key_value_heads * config.head_dim;
  const shapes = new Map<string, number[]>([["model.embed_tokens.weight", [config.vocab_size, width]]]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const block = `model.layers.${layer}`;
    shapes.set(`${block}.input_layernorm.weight`, [width]);
    shapes.set(`${block}.self_attn.qkv_proj.weight`, [queries + 2 * keys, width]);
    shapes.set(`${block}.self_attn.o_proj.weight`, [width, queries]);
    shapes.set(`${block}.post_attention_layernorm.weight`, [width]);
    shapes.set(`${block}.mlp.gate_up_proj.weight`, [2 * inner, width]);
    shapes.set(`${block}.mlp.down_proj.weight`, [width, inner]);
  }
  shapes.set("model.norm.weight", [width]);
  if (!config.tie_word_embeddings) shapes.set("lm_head.weight", [config.vocab_size, width]);
  return shapes;
}

/** Random parameters as transformers draws them: normal(0, initializer_range), norms 1. */
export function initializePhi3(config: Phi3Config, seed: number): Map<string, Float32Array> {
  return drawParameters(phi3ParameterShapes(config), seed, beginDecoder(config.initializer_range));
}
