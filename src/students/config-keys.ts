/**
 * What the config.json files of several families say alike: bounds of sizes, tokens, keys that ask for what no family supports,
 * and the sizes of decoders with grouped heads and rotary positions (Llama, Qwen2, Phi-3).
 */
import { z } from "zod";
import { rotaryKeys } from "./rotary.ts";

export const size = (largest: number) => z.number().int().min(1).max(largest);
export const tokenId = z.number().int().min(0).nullish();
/** Some models end with any of several tokens. */
export const tokenIds = z.union([tokenId, z.array(z.number().int().min(0))]);
export const unquantized = z.null("quantized weights are not supported").optional();

const noExperts = z.literal(0, "mixtures of experts are not supported").nullish();

/** Sizes of a decoder, and how it computes. */
export const decoderKeys = {
  vocab_size: size(10_000_000),
  max_position_embeddings: size(10_000_000),
  hidden_size: size(65_536),
  intermediate_size: size(1_000_000),
  num_hidden_layers: size(1_000),
  num_attention_heads: size(1_000),
  /** Null: as many as query heads. */
  num_key_value_heads: size(1_000).nullish(),
  /** Null: hidden_size / num_attention_heads. */
  head_dim: size(65_536).nullish(),
  hidden_act: z.literal("silu", "only silu is supported").default("silu"),
  initializer_range: z.number().positive().max(10).default(0.02),
};

/** What a decoder's configuration says last: requests for another forward pass, positions and tokens. */
export const closingDecoderKeys = {
  num_experts: noExperts,
  num_local_experts: noExperts,
  n_routed_experts: noExperts,
  quantization_config: unquantized,
  ...rotaryKeys,
  bos_token_id: tokenId,
  eos_token_id: tokenIds,
};

interface Heads {
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
}

/** The number of key and value heads and the width of a head, also where the file leaves them open. */
export function headSizes(config: {
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads?: number | null | undefined;
  head_dim?: number | null | undefined;
}): Pick<Heads, "num_key_value_heads" | "head_dim"> {
  return {
    num_key_value_heads: config.num_key_value_heads ?? config.num_attention_heads,
    head_dim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
  };
}

/** Refuses heads that cannot be grouped, or whose pairs cannot turn. */
export function checkHeads(config: Heads, context: z.RefinementCtx): void {
  if (config.num_attention_heads % config.num_key_value_heads !== 0) {
    context.addIssue({
      code: "custom",
      path: ["num_key_value_heads"],
      message: "must divide num_attention_heads",
    });
  }
  if (!Number.isInteger(config.head_dim) || config.head_dim % 2 !== 0) {
    context.addIssue({
      code: "custom",
      path: ["head_dim"],
      message: "hidden_size / num_attention_heads (or head_dim) must be an even integer",
    });
  }
}
