/** The training graph with products as convolutions over blocks against the one without, which the parity tests hold against transformers. */
import { beforeAll, describe, expect, test } from "vitest";
import { blockSize } from "../../src/engine/onnx/blocks.ts";
import { batchSequences } from "../../src/engine/onnx/forward.ts";
import { dataOf, float32Tensor, makeParameterStore } from "../../src/engine/onnx/parameters.ts";
import { createSession, run, type Tensor } from "../../src/engine/onnx/session.ts";
import { gradientGraph } from "../../src/engine/onnx/training-graph.ts";
import { elementCount } from "../../src/graph/shape.ts";
import { findFamily } from "../../src/students/families/index.ts";
import { sequences } from "./tiny-student.ts";

const decoder = {
  vocab_size: 48,
  max_position_embeddings: 64,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  initializer_range: 0.3,
};
const t5 = {
  model_type: "t5",
  vocab_size: 48,
  d_model: 32,
  d_kv: 16,
  d_ff: 64,
  num_heads: 2,
  num_layers: 2,
  num_decoder_layers: 2,
  initializer_factor: 1,
  decoder_start_token_id: 0,
};
const gpt2 = { model_type: "gpt2", vocab_size: 48, n_positions: 64, n_embd: 32, n_layer: 2, n_head: 2 };

const configs: Record<string, Record<string, unknown>> = {
  "gpt2, tied head": { ...gpt2, tie_word_embeddings: true, initializer_range: 0.3 },
  "gpt2, a vocabulary whose head's gradient is cut where it is no convolution": {
    ...gpt2,
    vocab_size: 8208,
    tie_word_embeddings: true,
    initializer_range: 0.3,
  },
  "gpt2, inner width 96": { ...gpt2, n_inner: 96, tie_word_embeddings: false, initializer_range: 0.3 },
  "llama, grouped queries": { ...decoder, model_type: "llama", tie_word_embeddings: false },
  "qwen2, tied head": { ...decoder, model_type: "qwen2", tie_word_embeddings: true },
  phi3: { ...decoder, model_type: "phi3", tie_word_embeddings: false },
  "t5, ReLU": { ...t5, feed_forward_proj: "relu", tie_word_embeddings: true },
  "t5, gated GELU": { ...t5, feed_forward_proj: "gated-gelu", tie_word_embeddings: false },
};

// Odd numbers of rows, tokens and supervised tokens.
const ragged = sequences([
  [3, 0, 5],
  [9, 4, 2],
  [2, 6, 7],
]);

let block = 1;
beforeAll(async () => {
  block = await blockSize();
});

/** Losses of the supervised tokens, and gradients by parameter. */
async function results(config: Record<string, unknown>, width: number) {
  const entry = findFamily(String(config.model_type), "config.json");
  const family = entry.create(config, "config.json");
  const store = makeParameterStore(family.parameterShapes, entry.initialize(config, "config.json", 4));
  const { graph, dense, lookups, multiple } = gradientGraph(
    { family, trainable: store.trainable },
    width,
    true,
  );
  const { feeds, offsets, paddedTokens } = batchSequences(family, ragged, { multiple });
  const count = offsets.at(-1)!;
  const tokenWeights = new Float32Array(feeds.supervised!.size);
  for (let i = 0; i < count; i++) tokenWeights[i] = 0.1 + i / 100;
  const session = await createSession(graph, "train", 1);
  const outputs = Object.fromEntries(graph.outputs.map(({ name }) => [name, null]));
  const inputs: Record<string, Tensor> = { ...Object.fromEntries(store.weights), ...feeds };
  inputs.tokenWeights = float32Tensor(tokenWeights, [tokenWeights.length]);
  const found = await run(session, inputs, outputs);
  await session.release();

  const values = new Map<string, Float32Array>();
  values.set("losses", dataOf(found.tokenLosses!).subarray(0, count));
  for (const { parameter, output, start, shape } of dense) {
    const whole =
      values.get(parameter) ?? new Float32Array(elementCount(family.parameterShapes.get(parameter)!));
    expect(found[output]!.size).toBe(elementCount(shape));
    whole.set(dataOf(found[output]!), start);
    values.set(parameter, whole);
  }
  // Rows of padding have gradient zero; those of tokens are the same tokens'.
  for (const { table, indices, rows } of lookups) {
    const sums = new Float32Array(elementCount(family.parameterShapes.get(table)!));
    const picked = feeds[indices]!.data as Int32Array;
    const data = dataOf(found[rows]!);
    const rowWidth = data.length / picked.length;
    picked.forEach((row, i) => {
      for (let j = 0; j < rowWidth; j++) sums[row * rowWidth + j]! += data[i * rowWidth + j]!;
    });
    values.set(`${table}, rows`, sums);
  }
  return {
    values,
    paddedTokens,
    parts: dense.length,
    convolutions: graph.operations.filter(({ type }) => type === "Conv").length,
  };
}

const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe.each(Object.entries(configs))("%s", (_name, config) => {
  test("losses and gradients are the same in blocks, padding included", async () => {
    const [plain, blocked] = [await results(config, 1), await results(config, block)];
    expect(plain.convolutions).toBe(0);
    // 8,208 rows in pieces of 2,048.
    if (block > 1) expect(plain.parts - blocked.parts).toBe(config.vocab_size === 8208 ? 4 : 0);
    // Each of both blocks has at least four weights, each with a product forward and two backward.
    if (block > 1) expect(blocked.convolutions).toBeGreaterThan(2 * 4 * 3);
    expect(blocked.paddedTokens % block).toBe(0);
    expect([...blocked.values.keys()]).toEqual([...plain.values.keys()]);
    for (const [name, expected] of plain.values) {
      const found = blocked.values.get(name)!;
      const scale = largest(expected);
      const difference = largest(expected.map((value, i) => value - found[i]!));
      expect(difference, name).toBeLessThan(1e-5 * scale + 1e-9);
    }
  });
});
