/** Encoder-decoder students against transformers: golden values from python/parity/make_golden_t5.py. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { OnnxStudent } from "../../src/engine/onnx/student.ts";
import { bucketOf } from "../../src/students/relative-positions.ts";
import { expectGradients, expectGreedyTokens, expectLogits, expectLosses, readGolden } from "./golden.ts";
import { openStudent } from "./tiny-student.ts";

const place = (path: string) => fileURLToPath(new URL(`../golden-t5/${path}`, import.meta.url));

test("relative positions fall into the buckets of transformers", () => {
  const tables = JSON.parse(readFileSync(place("buckets.json"), "utf8")) as {
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
  const folder = place(name);
  const golden = readGolden(folder);
  let student: OnnxStudent;
  beforeAll(async () => {
    student = await openStudent(folder);
  });

  test("logits agree within 1e-4", async () => {
    // All of the decoder's tokens are predicted; it begins with the start token.
    await expectLogits(folder, golden, ({ prompt, context, target }) => ({
      prompt,
      context: [],
      target: [...context, ...target],
    }));
  });

  test("losses agree within 1e-5, in scoring and in training", async () => {
    const report = await expectLosses(student, folder, golden);
    // Prompt, start token, context and all but the last target token.
    const read = golden.items.map((item) => item.prompt.length + item.context.length + item.target.length);
    expect(report.tokens).toBe(read.reduce((sum, length) => sum + length, 0));
    expect(report.paddedTokens).toBe(golden.items.length * (60 + 54));
  });

  test("gradients agree within 1e-3 of each parameter's scale", async () => {
    await expectGradients(student, golden);
  });

  test("greedy continuations are equal, decoded together and alone", async () => {
    await expectGreedyTokens(student, golden, 5);
  });

  test("many long prompts are read in several passes and give what each gives in a small batch", async () => {
    const many = Array.from({ length: 150 }, (_, i) => {
      const { prompt, context } = golden.greedy[i % golden.greedy.length]!;
      const turned = [...prompt.slice(i % prompt.length), ...prompt.slice(0, i % prompt.length)];
      return { prompt: [...turned, ...turned].slice(0, 25 + (i % 16)), context };
    });
    const options = { maxNewTokens: 6, stopTokens: [] };
    const together = await student.generate(many, { ...options, batchSize: many.length });
    expect(together).toEqual(await student.generate(many, { ...options, batchSize: 8 }));
    expect(new Set(together.map(({ tokens }) => tokens.join())).size).toBeGreaterThan(3);
  });

  test("a sequence that stops early leaves the others as they were", async () => {
    // The last token of a middle row's first half ends some rows and lets others run on.
    const stop = golden.greedy[3]!.tokens[7]!;
    const generations = await student.generate(golden.greedy, { maxNewTokens: 64, stopTokens: [stop] });
    generations.forEach(({ tokens, stopped }, i) => {
      const all = golden.greedy[i]!.tokens;
      const end = all.indexOf(stop);
      expect(stopped).toBe(end >= 0);
      expect(tokens).toEqual(end < 0 ? all : all.slice(0, end + 1));
    });
    expect(new Set(generations.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1);
  });
});
