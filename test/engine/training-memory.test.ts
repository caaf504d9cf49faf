import { expect, test } from "vitest";
import { batchDimensions, processBytes, trainingMemory } from "../../src/engine/onnx/training-memory.ts";
import { findFamily } from "../../src/students/families/index.ts";
import { newGpt2Config } from "../../src/students/gpt2-config.ts";

const config = newGpt2Config({
  layers: 2,
  width: 32,
  heads: 2,
  vocabularySize: 500,
  contextLength: 64,
  endOfText: 0,
});
const family = findFamily("gpt2", "config.json").create(config, "config.json");
const all = [...family.parameterShapes.keys()];
const parameters = [...family.parameterShapes.values()].reduce(
  (sum, shape) => sum + shape.reduce((product, length) => product * length, 1),
  0,
);
const student = { family, trainable: all };
const sequence = (given: number, target: number) => ({
  prompt: Array<number>(given).fill(1),
  context: [],
  target: Array<number>(target).fill(2),
});
const batch = (rows: number, given: number, target: number) =>
  Array.from({ length: rows }, () => sequence(given, target));

test("the dimensions of a batch are those the engine computes with", () => {
  const sequences = [sequence(4, 5), sequence(2, 3)];
  expect(batchDimensions(family, sequences, 1)).toEqual({ batch: 2, time: 8, tokens: 16, supervised: 8 });
  const padded = { batch: 2, time: 16, tokens: 32, supervised: 32 };
  expect(batchDimensions(family, sequences, 32)).toEqual(padded);
});

test("weights and both moments, the process, and the rest", async () => {
  const memory = await trainingMemory(student, [[batch(2, 8, 8)]]);
  expect(memory.parameterBytes).toBe(12 * parameters);
  expect(memory.totalBytes).toBe(processBytes + memory.parameterBytes + memory.workingBytes);
  // At least the gradients.
  expect(memory.workingBytes).toBeGreaterThan(4 * parameters);
});

test("only weights that are trained have moments", async () => {
  const one = "transformer.ln_f.weight";
  const memory = await trainingMemory({ ...student, trainable: [one] }, [[batch(2, 8, 8)]]);
  expect(memory.parameterBytes).toBe(4 * parameters + 8 * 32);
});

test("the largest step counts, in rows, length and supervised tokens", async () => {
  const working = async (...steps: ReturnType<typeof batch>[]) => {
    const memory = await trainingMemory(
      student,
      steps.map((step) => [step]),
    );
    return memory.workingBytes;
  };
  const small = await working(batch(8, 16, 16));
  expect(await working(batch(2, 8, 8), batch(8, 16, 16))).toBe(small);
  expect(await working(batch(32, 16, 16))).toBeGreaterThan(2 * small);
  expect(await working(batch(8, 1, 31))).toBeGreaterThan(small);
});

test("a step of several forward passes needs sums of gradients, and less than the same in one pass", async () => {
  const parts = [batch(16, 16, 16), batch(16, 16, 16)];
  const { workingBytes: split } = await trainingMemory(student, [parts]);
  const { workingBytes: whole } = await trainingMemory(student, [[parts.flat()]]);
  expect(split).toBeLessThan(whole);
  expect(split).toBeGreaterThan(8 * parameters);
});
