/** T5's configuration: what is filled in, what is refused by its key, and what the weights say that config.json does not. */
import { describe, expect, it } from "vitest";
import {
  initializeT5,
  newT5Config,
  parseT5Config,
  t5ConfigOfWeights,
  t5ParameterName,
  t5ParameterShapes,
} from "../../src/students/t5-config.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

const file = "some/config.json";
const least = {
  model_type: "t5",
  vocab_size: 40,
  d_model: 12,
  d_kv: 5,
  d_ff: 20,
  num_layers: 2,
  num_heads: 3,
  decoder_start_token_id: 0,
};

describe("refused by its key", () => {
  it.each([
    ["model_type", { model_type: "mt5" }],
    ["is_encoder_decoder", { is_encoder_decoder: false }],
    ["vocab_size", { vocab_size: 1e12 }],
    ["d_model", { d_model: "12" }],
    ["d_kv", { d_kv: 0 }],
    ["num_layers", { num_layers: 1.5 }],
    ["feed_forward_proj", { feed_forward_proj: "gelu" }],
    ["feed_forward_proj", { feed_forward_proj: "gated-silu" }],
    ["layer_norm_epsilon", { layer_norm_epsilon: 0 }],
    ["relative_attention_num_buckets", { relative_attention_num_buckets: 3 }],
    ["relative_attention_max_distance", { relative_attention_max_distance: 16 }],
    ["decoder_start_token_id", { decoder_start_token_id: null }],
    ["decoder_start_token_id", { decoder_start_token_id: 40 }],
    ["quantization_config", { quantization_config: { bits: 4 } }],
  ])("%s: %j", (key, change) => {
    let error: unknown;
    try {
      parseT5Config({ ...least, ...change }, file);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SkipthinkError);
    expect(error).toMatchObject({ place: { file, key }, exitCode: 2 });
  });
});

describe("the head", () => {
  // Old files say it by tie_word_embeddings; transformers 5 writes "tied" for all and whether hidden states are scaled.
  it.each([
    [{}, { tie_word_embeddings: true, scale_decoder_outputs: true }],
    [{ tie_word_embeddings: false }, { tie_word_embeddings: false, scale_decoder_outputs: false }],
    [{ scale_decoder_outputs: false }, { tie_word_embeddings: true, scale_decoder_outputs: false }],
    [
      { tie_word_embeddings: false, scale_decoder_outputs: true },
      { tie_word_embeddings: false, scale_decoder_outputs: true },
    ],
  ])("%j", (written, read) => {
    expect(parseT5Config({ ...least, ...written }, file)).toMatchObject(read);
  });

  const weights = (head: number[] | undefined) => ({
    names: () => ["shared.weight", ...(head === undefined ? [] : ["lm_head.weight"])],
    readFloat32: async (name: string) => Float32Array.from(name === "shared.weight" ? [1, 2, 3] : head!),
  });

  it("is untied where the weights have one of its own, tied where it is a copy or absent", async () => {
    const config = { ...least, tie_word_embeddings: true, scale_decoder_outputs: false };
    expect(await t5ConfigOfWeights(config, file, weights([1, 2, 4]))).toEqual({
      ...config,
      tie_word_embeddings: false,
    });
    expect(await t5ConfigOfWeights(config, file, weights([1, 2, 3]))).toBe(config);
    expect(await t5ConfigOfWeights(config, file, weights(undefined))).toBe(config);
    // v1.0 with a head of its own is scaled as before.
    expect(await t5ConfigOfWeights(least, file, weights([0, 0, 0]))).toMatchObject({
      tie_word_embeddings: false,
      scale_decoder_outputs: true,
    });
  });
});

describe("parameters", () => {
  it("have the shapes of T5ForConditionalGeneration", () => {
    const change = { num_decoder_layers: 1, feed_forward_proj: "gated-gelu", tie_word_embeddings: false };
    const shapes = t5ParameterShapes(parseT5Config({ ...least, ...change }, file));
    // Encoder blocks: four projections, two norms, three matrices; the decoder's: five more; tables, last norms, embeddings.
    expect(shapes.size).toBe(2 * 9 + 14 + 2 + 2 + 2);
    expect(shapes.get("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight")).toEqual([
      32, 3,
    ]);
    expect(shapes.get("decoder.block.0.layer.1.EncDecAttention.q.weight")).toEqual([15, 12]);
    expect(shapes.get("decoder.block.0.layer.2.DenseReluDense.wi_1.weight")).toEqual([20, 12]);
    expect(shapes.get("lm_head.weight")).toEqual([40, 12]);
    expect([...shapes.keys()].some((name) => name.startsWith("decoder.block.1."))).toBe(false);
  });

  it("are found under the names of old checkpoints", () => {
    expect(t5ParameterName("decoder.embed_tokens.weight")).toBe("shared.weight");
    expect(t5ParameterName("encoder.final_layer_norm.weight")).toBe("encoder.final_layer_norm.weight");
    expect(
      t5ParameterName("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"),
    ).toBeUndefined();
  });

  it("are drawn with T5's deviations, the same for the same seed", () => {
    const sizes = { vocabularySize: 300, width: 64, headWidth: 16, inner: 256, layers: 1, heads: 8 };
    const config = parseT5Config(newT5Config({ ...sizes, positions: 32, endOfText: 1, padding: 0 }), file);
    const drawn = initializeT5(config, 3);
    const deviation = (name: string) => {
      const values = drawn.get(name)!;
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(deviation("shared.weight")).toBeCloseTo(1, 1);
    const block = "decoder.block.0.layer";
    expect(deviation(`${block}.0.SelfAttention.q.weight`) * Math.sqrt(64 * 16)).toBeCloseTo(1, 1);
    expect(deviation(`${block}.1.EncDecAttention.k.weight`) * 8).toBeCloseTo(1, 1);
    expect(deviation(`${block}.1.EncDecAttention.o.weight`) * Math.sqrt(8 * 16)).toBeCloseTo(1, 1);
    expect(deviation(`${block}.2.DenseReluDense.wo.weight`) * 16).toBeCloseTo(1, 1);
    expect(drawn.get("encoder.final_layer_norm.weight")!.every((value) => value === 1)).toBe(true);
    const again = initializeT5(config, 3).get("shared.weight")!;
    expect(again.every((value, i) => value === drawn.get("shared.weight")![i])).toBe(true);
  });
});
