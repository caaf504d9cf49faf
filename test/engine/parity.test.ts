/**
 * The embedded engine against transformers: golden values from python/parity/make_golden.py (transformers' own classes in
 * float64) for tiny random students of each family. Tolerances are what float32 leaves of numbers of this size.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { WeightedSequence } from "../../src/engine/engine.ts";
import { denseBatch } from "../../src/engine/onnx/batch.ts";
import { forwardSequences, parameterInputs } from "../../src/engine/onnx/forward.ts";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { dataOf, makeParameterStore } from "../../src/engine/onnx/parameters.ts";
import { createSession, run } from "../../src/engine/onnx/session.ts";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { Graph } from "../../src/graph/graph.ts";
import { openStudent } from "./tiny-student.ts";

interface Golden {
  items: WeightedSequence[];
  losses: number[];
  loss: number;
  logits: { sequence: number; position: number; values: number[] }[];
  gradients: Record<string, { norm: number; indices: number[]; values: number[] }>;
  greedy: { prompt: number[]; tokens: number[] }[];
}

/** Logits at every position of each sequence but the last: [position][vocabulary]. */
async function allLogits(folder: string, items: readonly WeightedSequence[]): Promise<number[][][]> {
  const { family, weights } = await loadModel(folder);
  const store = makeParameterStore(family.parameterShapes, weights);
  const graph = new Graph();
  const parameters = parameterInputs(graph, family);
  graph.output(forwardSequences(graph, family, (name) => parameters.get(name)!).logits, "logits");
  const session = await createSession(graph, "logits", 1);
  // The first token is given, all others are predicted, and `after` reads the last one too.
  const sequences = items.map(({ prompt, context, target }) => {
    const [first, ...rest] = [...prompt, ...context, ...target];
    return { prompt: [first!], context: [], target: rest };
  });
  const { feeds: inputs, offsets } = denseBatch(sequences, { after: true });
  const feeds = { ...Object.fromEntries(store.weights), ...inputs };
  const data = dataOf((await run(session, feeds, { logits: null })).logits!);
  await session.release();
  const width = family.shape.vocabularySize;
  return sequences.map((_, i) =>
    Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, position) => {
      const start = (offsets[i]! + position) * width;
      return Array.from(data.subarray(start, start + width));
    }),
  );
}

const students = readdirSync(fileURLToPath(new URL("../golden", import.meta.url)));

test("every family has at least three students", () => {
  for (const family of ["gpt2", "llama", "qwen2", "phi3"]) {
    expect(students.filter((name) => name.startsWith(`${family}-`)).length, family).toBeGreaterThanOrEqual(3);
  }
});

describe.each(students)("%s", (name) => {
  const folder = fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
  const golden = JSON.parse(readFileSync(`${folder}/golden.json`, "utf8")) as Golden;
  let student: OnnxStudent;
  beforeAll(async () => {
    student = await openStudent(folder);
  });

  test("logits agree within 1e-4", async () => {
    const logits = await allLogits(folder, golden.items);
    for (const { sequence, position, values } of golden.logits) {
      const found = logits[sequence]![position]!;
      expect(found.length).toBe(values.length);
      values.forEach((value, token) => {
        expect(Math.abs(found[token]! - value), `${sequence}/${position}/${token}`).toBeLessThan(1e-4);
      });
    }
  });

  test("losses agree within 1e-5, in scoring and in training", async () => {
    const scores = await student.score(golden.items);
    scores.forEach(({ logProbabilities }, i) => {
      const mean = -logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length;
      expect(Math.abs(mean - golden.losses[i]!), `item ${i}`).toBeLessThan(1e-5);
    });
    const report = await (await openStudent(folder)).train([golden.items], 0);
    expect(Math.abs(report.loss - golden.loss)).toBeLessThan(1e-5);
    golden.losses.forEach((loss, i) => {
      expect(Math.abs(report.sequenceLosses[i]! - loss), `item ${i}`).toBeLessThan(1e-5);
    });
    const norm = Math.hypot(...Object.values(golden.gradients).map((entry) => entry.norm));
    expect(Math.abs(report.gradientNorm / norm - 1)).toBeLessThan(1e-5);
  });

  test("gradients agree within 1e-3 of each parameter's scale", async () => {
    const gradients = await student.gradients(golden.items);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(golden.gradients).sort());
    for (const [parameter, { norm, indices, values }] of Object.entries(golden.gradients)) {
      const found = gradients.get(parameter)!;
      expect(Math.abs(Math.hypot(...found) / norm - 1), parameter).toBeLessThan(1e-3);
      // Root mean square: single entries may be zero by cancellation (the key bias shifts all scores of a row alike).
      const scale = norm / Math.sqrt(found.length);
      indices.forEach((index, i) => {
        const difference = Math.abs(found[index]! - values[i]!);
        expect(difference, `${parameter}[${index}]`).toBeLessThan(
          1e-3 * Math.max(scale, Math.abs(values[i]!)),
        );
      });
    }
  });

  test("greedy continuations are equal, decoded together and alone", async () => {
    const prompts = golden.greedy.map(({ prompt }) => ({ prompt, context: [] }));
    for (const batchSize of [1, 4]) {
      const generations = await student.generate(prompts, { maxNewTokens: 64, stopTokens: [], batchSize });
      expect(generations.map((generation) => generation.tokens)).toEqual(
        golden.greedy.map((entry) => entry.tokens),
      );
    }
  });
});
