import { describe, expect, it } from "vitest";
import {
  gpt2ParameterName,
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../../src/students/gpt2-config.ts";

const raw = newGpt2Config({
  vocabularySize: 40,
  contextLength: 16,
  width: 32,
  layers: 2,
  heads: 4,
  endOfText: 0,
});
const config = parseGpt2Config(raw, "config.json");

describe("GPT-2 configuration", () => {
  it("fills in what transformers leaves out", () => {
    const least = { model_type: "gpt2", vocab_size: 10, n_positions: 4, n_embd: 8, n_layer: 1, n_head: 2 };
    expect(parseGpt2Config(least, "config.json")).toMatchObject({
      n_inner: null,
      activation_function: "gelu_new",
      layer_norm_epsilon: 1e-5,
      tie_word_embeddings: true,
      scale_attn_weights: true,
      reorder_and_upcast_attn: false,
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ["model_type", { model_type: "llama" }],
    ["n_layer", { n_layer: 0 }],
    ["n_layer", { n_layer: undefined }],
    ["n_head", { n_head: 5 }],
    ["vocab_size", { vocab_size: 1e12 }],
    ["n_embd", { n_embd: "32" }],
    ["activation_function", { activation_function: "relu" }],
    ["scale_attn_weights", { scale_attn_weights: false }],
    ["scale_attn_by_inverse_layer_idx", { scale_attn_by_inverse_layer_idx: true }],
    ["reorder_and_upcast_attn", { reorder_and_upcast_attn: true }],
    ["add_cross_attention", { add_cross_attention: true }],
    ["quantization_config", { quantization_config: { bits: 4 } }],
  ])("refuses %s by its name", (key, change) => {
    let error: unknown;
    try {
      parseGpt2Config({ ...raw, ...change }, "some/config.json");
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ exitCode: 2, place: { file: "some/config.json", key } });
    expect((error as Error).message).toContain(`"${key}"`);
  });
});

describe("GPT-2 parameters", () => {
  it("have the names and shapes of GPT2LMHeadModel", () => {
    const shapes = gpt2ParameterShapes({ ...config, n_layer: 1 });
    expect(Object.fromEntries(shapes)).toEqual({
      "transformer.wte.weight": [40, 32],
      "transformer.wpe.weight": [16, 32],
      "transformer.h.0.ln_1.weight": [32],
      "transformer.h.0.ln_1.bias": [32],
      "transformer.h.0.attn.c_attn.weight": [32, 96],
      "transformer.h.0.attn.c_attn.bias": [96],
      "transformer.h.0.attn.c_proj.weight": [32, 32],
      "transformer.h.0.attn.c_proj.bias": [32],
      "transformer.h.0.ln_2.weight": [32],
      "transformer.h.0.ln_2.bias": [32],
      "transformer.h.0.mlp.c_fc.weight": [32, 128],
      "transformer.h.0.mlp.c_fc.bias": [128],
      "transformer.h.0.mlp.c_proj.weight": [128, 32],
      "transformer.h.0.mlp.c_proj.bias": [32],
      "transformer.ln_f.weight": [32],
      "transformer.ln_f.bias": [32],
    });
    const untied = gpt2ParameterShapes({ ...config, tie_word_embeddings: false, n_inner: 7 });
    expect(untied.get("lm_head.weight")).toEqual([40, 32]);
    expect(untied.get("transformer.h.1.mlp.c_proj.weight")).toEqual([7, 32]);
  });

  it("are found with and without the prefix; mask buffers are none", () => {
    expect(gpt2ParameterName("h.0.attn.c_attn.bias")).toBe("transformer.h.0.attn.c_attn.bias");
    expect(gpt2ParameterName("transformer.wte.weight")).toBe("transformer.wte.weight");
    expect(gpt2ParameterName("lm_head.weight")).toBe("lm_head.weight");
    expect(gpt2ParameterName("h.0.attn.bias")).toBeUndefined();
    expect(gpt2ParameterName("transformer.h.11.attn.masked_bias")).toBeUndefined();
  });

  it("begin as transformers draws them", () => {
    const parameters = initializeGpt2(config, 7);
    const deviation = (name: string) => {
      const values = parameters.get(name)!;
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect([...parameters.keys()]).toEqual([...gpt2ParameterShapes(config).keys()]);
    // 4096 and 3072 draws: the sample deviation is within 5 % far beyond five standard errors (about 1.2 % each).
    expect(Math.abs(deviation("transformer.h.0.mlp.c_fc.weight") / 0.02 - 1)).toBeLessThan(0.06);
    expect(Math.abs(deviation("transformer.h.1.attn.c_attn.weight") / 0.02 - 1)).toBeLessThan(0.07);
    expect(Math.abs(deviation("transformer.h.1.mlp.c_proj.weight") / 0.01 - 1)).toBeLessThan(0.06);
    expect(new Set(parameters.get("transformer.h.0.ln_2.weight"))).toEqual(new Set([1]));
    expect(new Set(parameters.get("transformer.ln_f.weight"))).toEqual(new Set([1]));
    expect(new Set(parameters.get("transformer.h.0.mlp.c_fc.bias"))).toEqual(new Set([0]));
  });

  it("depend on the seed alone", () => {
    const name = "transformer.wte.weight";
    const drawn = (seed: number) => initializeGpt2(config, seed).get(name);
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });
});
