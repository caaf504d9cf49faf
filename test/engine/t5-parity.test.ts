/**
 * Encoder-decoder students against transformers: golden values from python/parity/make_golden_t5.py
 * (T5ForConditionalGeneration in float64). Tolerances are what float32 leaves of numbers of this size.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { WeightedSequence } from "../../src/engine/engine.ts";
import { batchSequences, forwardSequences, parameterInputs } from "../../src/engine/onnx/forward.ts";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { dataOf, makeParameterStore } from "../../src/engine/onnx/parameters.ts";
import { createSession, run } from "../../src/engine/onnx/session.ts";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { Graph } from "../../src/graph/graph.ts";
import { bucketOf } from "../../src/students/relative-positions.ts";
import { openStudent } from "./tiny-student.ts";

interface Golden {
  items: WeightedSequence[];
  losses: number[];
  loss: number;
  logits: { sequence: number; position: number; values: number[] }[];
  gradients: Record<string, { norm: number; indices: number[]; values: number[] }>;
  greedy: { prompt: number[]; context: number[]; tokens: number[] }[];
}

const golden = (path: string) => fileURLToPath(new URL(`../golden-t5/${path}`, import.meta.url));

/** Logits at every position of the decoder, the start token's first: [position][vocabulary]. */
async function allLogits(folder: string, items: readonly WeightedSequence[]): Promise<number[][][]> {
  const { family, weights } = await loadModel(folder);
  const store = makeParameterStore(family.parameterShapes, weights);
  const graph = new Graph();
  const parameters = parameterInputs(graph, family);
  graph.output(forwardSequences(graph, family, (name) => parameters.get(name)!).logits, "logits");
  const session = await createSession(graph, "logits", 1);
  const sequences = items.map(({ prompt, context, target }) => ({
    prompt,
    context: [],
    target: [...context, ...target],
  }));
  const { feeds, offsets } = batchSequences(family, sequences, { after: true });
  const results = await run(session, { ...Object.fromEntries(store.weights), ...feeds }, { logits: null });
  const data = dataOf(results.logits!);
  await session.release();
  const width = family.shape.vocabularySize;
  return sequences.map((_, i) =>
    Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, position) => {
      const start = (offsets[i]! + position) * width;
      return Array.from(data.subarray(start, start + width));
    }),
  );
}

test("relative positions fall into the buckets of transformers", () => {
  const tables = JSON.parse(readFileSync(golden("buckets.json"), "utf8")) as {
    buckets: number;
    maxDistance: number;
    bidirectional: boolean;
    first: number;
    runs: [number, number][];
  }[];
  expect(tables.length).toBe(16);
  for (const { first, runs, ...options } of tables) {
    const expected = runs.flatMap(([bucket, length]) => Array<number>(length).fill(bucket));
    const found = expected.map((_, i) => bucketOf(first + i, options));
    expect(found, JSON.stringify(options)).toEqual(expected);
  }
});

describe.each(["relu-tied", "gated-untied", "odd-sizes"])("%s", (name) => {
  const folder = golden(name);
  const values = JSON.parse(readFileSync(`${folder}/golden.json`, "utf8")) as Golden;
  let student: OnnxStudent;
  beforeAll(async () => {
    student = await openStudent(folder);
  });

  test("logits agree within 1e-4", async () => {
    const logits = await allLogits(folder, values.items);
    for (const { sequence, position, values: expected } of values.logits) {
      const found = logits[sequence]![position]!;
      expect(found.length).toBe(expected.length);
      expected.forEach((value, token) => {
        expect(Math.abs(found[token]! - value), `${sequence}/${position}/${token}`).toBeLessThan(1e-4);
      });
    }
  });

  test("losses agree within 1e-5, in scoring and in training", async () => {
    const scores = await student.score(values.items);
    scores.forEach(({ logProbabilities }, i) => {
      const mean = -logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length;
      expect(Math.abs(mean - values.losses[i]!), `item ${i}`).toBeLessThan(1e-5);
    });
    const report = await (await openStudent(folder)).train([values.items], 0);
    expect(Math.abs(report.loss - values.loss)).toBeLessThan(1e-5);
    values.losses.forEach((loss, i) => {
      expect(Math.abs(report.sequenceLosses[i]! - loss), `item ${i}`).toBeLessThan(1e-5);
    });
    const norm = Math.hypot(...Object.values(values.gradients).map((entry) => entry.norm));
    expect(Math.abs(report.gradientNorm / norm - 1)).toBeLessThan(1e-5);
    // Prompt, start token, context and all but the last target token.
    const read = values.items.map((item) => item.prompt.length + item.context.length + item.target.length);
    expect(report.tokens).toBe(read.reduce((sum, length) => sum + length, 0));
    expect(report.paddedTokens).toBe(values.items.length * (60 + 54));
  });

  test("gradients agree within 1e-3 of each parameter's scale", async () => {
    const gradients = await student.gradients(values.items);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(values.gradients).sort());
    for (const [parameter, { norm, indices, values: expected }] of Object.entries(values.gradients)) {
      const found = gradients.get(parameter)!;
      expect(Math.abs(Math.hypot(...found) / norm - 1), parameter).toBeLessThan(1e-3);
      const scale = norm / Math.sqrt(found.length);
      indices.forEach((index, i) => {
        const difference = Math.abs(found[index]! - expected[i]!);
        expect(difference, `${parameter}[${index}]`).toBeLessThan(
          1e-3 * Math.max(scale, Math.abs(expected[i]!)),
        );
      });
    }
  });

  test("greedy continuations are equal, decoded together and alone", async () => {
    for (const batchSize of [1, 5]) {
      const generations = await student.generate(values.greedy, {
        maxNewTokens: 64,
        stopTokens: [],
        batchSize,
      });
      expect(generations.map((generation) => generation.tokens)).toEqual(
        values.greedy.map((entry) => entry.tokens),
      );
    }
  });

  test("a sequence that stops early leaves the others as they were", async () => {
    // The last token of a middle row's first half ends some rows and lets others run on.
    const stop = values.greedy[3]!.tokens[7]!;
    const generations = await student.generate(values.greedy, { maxNewTokens: 64, stopTokens: [stop] });
    generations.forEach(({ tokens, stopped }, i) => {
      const all = values.greedy[i]!.tokens;
      const end = all.indexOf(stop);
      expect(stopped).toBe(end >= 0);
      expect(tokens).toEqual(end < 0 ? all : all.slice(0, end + 1));
    });
    expect(new Set(generations.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1);
  });
});
