/** Decoders against transformers: golden values from python/parity/make_golden.py for tiny random students of each family. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { expectGradients, expectGreedyTokens, expectLogits, expectLosses, readGolden } from "./golden.ts";
import { openStudent } from "./tiny-student.ts";

const students = readdirSync(fileURLToPath(new URL("../golden", import.meta.url)));

test("every family has at least three students", () => {
  for (const family of ["gpt2", "llama", "qwen2", "phi3"]) {
    expect(students.filter((name) => name.startsWith(`${family}-`)).length, family).toBeGreaterThanOrEqual(3);
  }
});

describe.each(students)("%s", (name) => {
  const folder = fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
  const golden = readGolden(folder);
  let student: OnnxStudent;
  beforeAll(async () => {
    student = await openStudent(folder);
  });

  test("logits agree within 1e-4", async () => {
    // The first token is given, all others are predicted.
    await expectLogits(folder, golden, ({ prompt, context, target }) => {
      const [first, ...rest] = [...prompt, ...context, ...target];
      return { prompt: [first!], context: [], target: rest };
    });
  });

  test("losses agree within 1e-5, in scoring and in training", async () => {
    await expectLosses(student, folder, golden);
  });

  test("gradients agree within 1e-3 of each parameter's scale", async () => {
    await expectGradients(student, golden);
  });

  test("greedy continuations are equal, decoded together and alone", async () => {
    await expectGreedyTokens(student, golden, 4);
  });
});
