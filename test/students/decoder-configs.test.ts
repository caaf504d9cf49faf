/** Configurations of the Llama, Qwen2 and Phi-3 families: what is filled in, and what is refused by the key that asks for it. */
import { describe, expect, it } from "vitest";
import { findFamily } from "../../src/students/families/index.ts";
import {
  initializeLlama,
  llamaParameterName,
  llamaParameterShapes,
  newLlamaConfig,
  parseLlamaConfig,
} from "../../src/students/llama-config.ts";
import { parsePhi3Config, phi3ParameterShapes } from "../../src/students/phi3-config.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

const file = "some/config.json";
const least = {
  vocab_size: 40,
  max_position_embeddings: 64,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 4,
};
const llama = { model_type: "llama", ...least };
const qwen2 = { model_type: "qwen2", ...least };
const phi3 = { model_type: "phi3", ...least };
const longrope = { type: "longrope", short_factor: [1, 1, 2, 4], long_factor: [2, 3, 4, 5] };

function refusal(config: Record<string, unknown>): SkipthinkError {
  let error: unknown;
  try {
    findFamily(String(config.model_type), file).create(config, file);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(SkipthinkError);
  return error as SkipthinkError;
}

describe("refused by its key", () => {
  const inAll: [string, Record<string, unknown>][] = [
    ["vocab_size", { vocab_size: 1e12 }],
    ["hidden_size", { hidden_size: "32" }],
    ["num_hidden_layers", { num_hidden_layers: 0 }],
    ["num_attention_heads", { num_attention_heads: undefined }],
    ["num_key_value_heads", { num_key_value_heads: 3 }],
    ["num_key_value_heads", { num_key_value_heads: 8 }],
    // 32 / 5 is no whole number, 36 / 12 is odd.
    ["head_dim", { num_attention_heads: 5 }],
    ["head_dim", { hidden_size: 36, num_attention_heads: 12 }],
    ["hidden_act", { hidden_act: "gelu" }],
    ["rms_norm_eps", { rms_norm_eps: 0 }],
    ["num_experts", { num_experts: 8 }],
    ["num_local_experts", { num_local_experts: 8 }],
    ["n_routed_experts", { n_routed_experts: 64 }],
    ["quantization_config", { quantization_config: { bits: 4 } }],
    ["partial_rotary_factor", { partial_rotary_factor: 0.5 }],
    ["rope_parameters.partial_rotary_factor", { rope_parameters: { partial_rotary_factor: 0.5 } }],
    ["rope_theta", { rope_theta: -1 }],
    ["rope_scaling", { rope_scaling: { type: "dynamic", factor: 2 } }],
    ["rope_scaling", { rope_scaling: { rope_type: "mrope" } }],
    ["rope_parameters", { rope_parameters: { rope_type: "dynamic", factor: 2 } }],
    ["rope_parameters", { rope_parameters: { rope_type: "magic" } }],
    // Also where the other key would be taken.
    ["rope_parameters", { rope_scaling: { type: "default" }, rope_parameters: { rope_type: "magic" } }],
  ];
  const inLlama: typeof inAll = [
    ["use_sliding_window", { use_sliding_window: true }],
    ["layer_types.1", { layer_types: ["full_attention", "sliding_attention"] }],
    ["pretraining_tp", { pretraining_tp: 2 }],
    ["rope_scaling", { rope_scaling: { type: "yarn", factor: 2 } }],
    ["rope_parameters", { rope_parameters: { rope_type: "yarn", factor: 2 } }],
    ["rope_scaling", { rope_scaling: longrope }],
    ["rope_scaling.factor", { rope_scaling: { type: "linear" } }],
    ["rope_parameters.low_freq_factor", { rope_parameters: { rope_type: "llama3", factor: 8 } }],
  ];
  const inPhi3: typeof inAll = [
    ["sliding_window", { sliding_window: 63 }],
    ["rope_scaling", { rope_scaling: { type: "linear", factor: 2 } }],
    ["rope_parameters", { rope_parameters: { rope_type: "llama3", factor: 2 } }],
    ["rope_scaling.short_factor", { rope_scaling: { type: "longrope", long_factor: [1, 1, 1, 1] } }],
    ["rope_scaling.short_factor", { rope_scaling: { ...longrope, short_factor: [1, 1, 1] } }],
    ["rope_parameters.short_factor", { rope_parameters: { ...longrope, short_factor: [1, 1, 1, 1, 1] } }],
    ["rope_scaling.short_factor.0", { rope_scaling: { ...longrope, short_factor: [0, 1, 1, 1] } }],
  ];
  const cases = [
    ...[llama, qwen2].flatMap((config) => [...inAll, ...inLlama].map((entry) => [config, ...entry] as const)),
    ...[...inAll, ...inPhi3].map((entry) => [phi3, ...entry] as const),
  ].map(([config, key, change]) => [config.model_type, key, { ...config, ...change }] as const);

  it.each(cases)("%s: %s", (_, key, config) => {
    const error = refusal(config);
    expect(error).toMatchObject({ exitCode: 2, place: { file, key } });
    expect(error.message).toContain(`"${key}"`);
  });

  it("a rope type, with the ones there are", () => {
    const error = refusal({ ...llama, rope_scaling: { type: "yarn" } });
    expect(error.message).toMatch(/"yarn" is not supported, only default, linear, llama3/);
    expect(refusal({ ...phi3, rope_scaling: { type: "linear" } }).message).toMatch(/short factors/);
  });

  it("a sliding window, with the length that does without", () => {
    expect(refusal({ ...phi3, sliding_window: 63 }).remedy).toMatch(/max_position_embeddings to 63/);
  });
});

describe("Llama and Qwen2", () => {
  it("fill in what transformers leaves out", () => {
    expect(parseLlamaConfig(llama, file)).toMatchObject({
      num_key_value_heads: 4,
      head_dim: 8,
      hidden_act: "silu",
      rms_norm_eps: 1e-6,
      tie_word_embeddings: false,
      attention_bias: false,
      rotary: { attentionFactor: 1, contextLength: 64 },
    });
    const nulls = { num_key_value_heads: null, head_dim: null, rope_scaling: null, sliding_window: 32 };
    expect(parseLlamaConfig({ ...qwen2, ...nulls, use_sliding_window: false }, file)).toMatchObject({
      head_dim: 8,
    });
  });

  it("have the names and shapes of transformers; Qwen2 has biases on queries, keys and values", () => {
    const grouped = { num_key_value_heads: 2, head_dim: 10, tie_word_embeddings: true };
    const shapes = llamaParameterShapes(parseLlamaConfig({ ...llama, ...grouped }, file));
    const block = "model.layers.0";
    expect(Object.fromEntries(shapes)).toEqual({
      "model.embed_tokens.weight": [40, 32],
      [`${block}.input_layernorm.weight`]: [32],
      [`${block}.self_attn.q_proj.weight`]: [40, 32],
      [`${block}.self_attn.k_proj.weight`]: [20, 32],
      [`${block}.self_attn.v_proj.weight`]: [20, 32],
      [`${block}.self_attn.o_proj.weight`]: [32, 40],
      [`${block}.post_attention_layernorm.weight`]: [32],
      [`${block}.mlp.gate_proj.weight`]: [48, 32],
      [`${block}.mlp.up_proj.weight`]: [48, 32],
      [`${block}.mlp.down_proj.weight`]: [32, 48],
      "model.norm.weight": [32],
    });
    const biased = llamaParameterShapes(parseLlamaConfig({ ...qwen2, ...grouped }, file));
    const more = [...biased.keys()].filter((name) => !shapes.has(name));
    expect(more).toEqual(["q", "k", "v"].map((part) => `${block}.self_attn.${part}_proj.bias`));
  });

  it("are found with and without the prefix; stored frequencies are no parameters", () => {
    expect(llamaParameterName("layers.0.mlp.up_proj.weight")).toBe("model.layers.0.mlp.up_proj.weight");
    expect(llamaParameterName("model.norm.weight")).toBe("model.norm.weight");
    expect(llamaParameterName("lm_head.weight")).toBe("lm_head.weight");
    expect(llamaParameterName("model.layers.3.self_attn.rotary_emb.inv_freq")).toBeUndefined();
  });

  it("a new configuration is one that is read, and begins as transformers draws it", () => {
    const sizes = { vocabularySize: 300, contextLength: 16, width: 32, inner: 64, layers: 1, heads: 4 };
    const config = parseLlamaConfig(newLlamaConfig({ ...sizes, keyValueHeads: 2, endOfText: 0 }), file);
    const parameters = initializeLlama(config, 7);
    expect([...parameters.keys()]).toEqual([...llamaParameterShapes(config).keys()]);
    const embedding = parameters.get("model.embed_tokens.weight")!;
    const deviation = Math.sqrt(embedding.reduce((sum, value) => sum + value * value, 0) / embedding.length);
    // 9600 draws: the standard error of the deviation is 0.7 %.
    expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(0.04);
    expect(new Set(parameters.get("model.norm.weight"))).toEqual(new Set([1]));
    expect(initializeLlama(config, 8).get("model.embed_tokens.weight")).not.toEqual(embedding);
  });
});

describe("Phi-3", () => {
  it("fills in what transformers leaves out, and ignores dropout and a window that no sequence outgrows", () => {
    const config = parsePhi3Config({ ...phi3, resid_pdrop: 0.1, embd_pdrop: 0.1, sliding_window: 64 }, file);
    expect(config).toMatchObject({
      num_key_value_heads: 4,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: false,
      rotary: { attentionFactor: 1, contextLength: 64 },
    });
    expect(Object.fromEntries(phi3ParameterShapes({ ...config, num_key_value_heads: 2 }))).toMatchObject({
      "model.layers.0.self_attn.qkv_proj.weight": [64, 32],
      "model.layers.0.mlp.gate_up_proj.weight": [96, 32],
      "lm_head.weight": [40, 32],
    });
  });

  it.each(["longrope", "su", "yarn"])("%s: short factors, and a context that ends where they do", (type) => {
    const config = {
      ...phi3,
      max_position_embeddings: 131_072,
      original_max_position_embeddings: 4096,
      rope_scaling: { ...longrope, type },
    };
    const { rotary } = parsePhi3Config(config, file);
    expect(rotary.contextLength).toBe(4096);
    // √(1 + ln 32 / ln 4096) = √(17/12), as published for Phi-3-mini-128k.
    expect(rotary.attentionFactor).toBeCloseTo(1.1902380714238083, 12);
    const expected = [1, 0.1, 0.01 / 2, 0.001 / 4];
    rotary.frequencies.forEach((frequency, i) => {
      expect(frequency / expected[i]!).toBeCloseTo(1, 6);
    });
    const window = { ...config, sliding_window: 262_144 };
    expect(parsePhi3Config(window, file).rotary.contextLength).toBe(4096);
    const given = { ...config, rope_scaling: { ...longrope, type, attention_factor: 1.5 } };
    expect(parsePhi3Config(given, file).rotary.attentionFactor).toBe(1.5);
  });
});
