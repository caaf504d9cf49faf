/**
 * Golden values from python/parity (transformers' own classes in float64) and how near the embedded engine must come to them:
 * what float32 leaves of numbers of this size.
 */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { StepReport, TokenSequence, WeightedSequence } from "../../src/engine/engine.ts";
import { batchSequences, forwardSequences, parameterInputs } from "../../src/engine/onnx/forward.ts";
import { loadModel } from "../../src/engine/onnx/load.ts";
import { dataOf, makeParameterStore } from "../../src/engine/onnx/parameters.ts";
import { createSession, run } from "../../src/engine/onnx/session.ts";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { Graph } from "../../src/graph/graph.ts";
import { openStudent } from "./tiny-student.ts";

export interface Golden {
  items: WeightedSequence[];
  losses: number[];
  loss: number;
  logits: { sequence: number; position: number; values: number[] }[];
  gradients: Record<string, { norm: number; indices: number[]; values: number[] }>;
  greedy: { prompt: number[]; context: number[]; tokens: number[] }[];
}

export function readGolden(folder: string): Golden {
  const golden = JSON.parse(readFileSync(`${folder}/golden.json`, "utf8")) as Golden;
  // A decoder's prompts have no part of their own for the context.
  const greedy = golden.greedy.map((entry) => ({ ...entry, context: entry.context ?? [] }));
  return { ...golden, greedy };
}

/** Logits that predict the targets and what follows the last of them: [sequence][position][vocabulary]. */
async function allLogits(folder: string, sequences: readonly TokenSequence[]): Promise<number[][][]> {
  const { family, weights } = await loadModel(folder);
  const store = makeParameterStore(family.parameterShapes, weights);
  const graph = new Graph();
  const parameters = parameterInputs(graph, family);
  graph.output(forwardSequences(graph, family, (name) => parameters.get(name)!).logits, "logits");
  const session = await createSession(graph, "logits", 1);
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

/** Within 1e-4. @param whole an item with everything that the student predicts as its target */
export async function expectLogits(
  folder: string,
  golden: Golden,
  whole: (item: WeightedSequence) => TokenSequence,
): Promise<void> {
  const logits = await allLogits(folder, golden.items.map(whole));
  for (const { sequence, position, values } of golden.logits) {
    const found = logits[sequence]![position]!;
    expect(found.length).toBe(values.length);
    values.forEach((value, token) => {
      expect(Math.abs(found[token]! - value), `${sequence}/${position}/${token}`).toBeLessThan(1e-4);
    });
  }
}

/** Within 1e-5, in scoring and in training, and the norm of all gradients. @returns the report of one step at rate 0 */
export async function expectLosses(
  student: OnnxStudent,
  folder: string,
  golden: Golden,
): Promise<StepReport> {
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
  return report;
}

/** Within 1e-3 of each parameter's scale. */
export async function expectGradients(student: OnnxStudent, golden: Golden): Promise<void> {
  const gradients = await student.gradients(golden.items);
  expect([...gradients.keys()].sort()).toEqual(Object.keys(golden.gradients).sort());
  for (const [parameter, { norm, indices, values }] of Object.entries(golden.gradients)) {
    const found = gradients.get(parameter)!;
    expect(Math.abs(Math.hypot(...found) / norm - 1), parameter).toBeLessThan(1e-3);
    // Root mean square: single entries may be zero by cancellation (the key bias shifts all scores of a row alike).
    const scale = norm / Math.sqrt(found.length);
    indices.forEach((index, i) => {
      const difference = Math.abs(found[index]! - values[i]!);
      expect(difference, `${parameter}[${index}]`).toBeLessThan(1e-3 * Math.max(scale, Math.abs(values[i]!)));
    });
  }
}

/** Equal tokens, decoded alone and `together`. */
export async function expectGreedyTokens(
  student: OnnxStudent,
  golden: Golden,
  together: number,
): Promise<void> {
  for (const batchSize of [1, together]) {
    const generations = await student.generate(golden.greedy, {
      maxNewTokens: 64,
      stopTokens: [],
      batchSize,
    });
    expect(generations.map(({ tokens }) => tokens)).toEqual(golden.greedy.map(({ tokens }) => tokens));
  }
}
