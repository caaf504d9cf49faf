/** The exported ONNX model, run as another runtime would: step by step over its own cache, in batches with padding. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { writeOnnxFolder } from "../../src/engine/onnx/export.ts";
import { loadModel } from "../../src/engine/onnx/load.ts";
import ort from "../../src/engine/onnx/runtime.ts";
import { openStudent, temporaryFolder } from "./tiny-student.ts";

const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const int64 = (rows: number[][]): ort.Tensor =>
  new ort.Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);

/** Greedy decoding of prompts padded on the left, as transformers.js does it. */
async function greedy(file: string, folder: string, prompts: number[][], count: number): Promise<number[][]> {
  const { shape } = (await loadModel(folder)).family;
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const longest = Math.max(...prompts.map(({ length }) => length));
  const padding = prompts.map(({ length }) => longest - length);
  const mask = prompts.map(({ length }, row) => [...Array(padding[row]).fill(0), ...Array(length).fill(1)]);
  let ids = prompts.map((prompt, row) => [...Array<number>(padding[row]!).fill(0), ...prompt]);
  let positions = padding.map((pad) => Array.from({ length: longest }, (_, i) => Math.max(0, i - pad)));
  let past: Record<string, ort.Tensor> = {};
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const part of ["key", "value"]) {
      const dims = [prompts.length, shape.keyValueHeads, 0, shape.headWidth];
      past[`past_key_values.${layer}.${part}`] = new ort.Tensor("float32", new Float32Array(0), dims);
    }
  }
  const written = prompts.map((): number[] => []);
  for (let step = 0; step < count; step++) {
    const results = await session.run({
      input_ids: int64(ids),
      attention_mask: int64(mask),
      position_ids: int64(positions),
      ...past,
    });
    const logits = results.logits!.data as Float32Array;
    const time = ids[0]!.length;
    ids = prompts.map((_, row) => {
      const start = (row * time + time - 1) * shape.vocabularySize;
      const values = logits.subarray(start, start + shape.vocabularySize);
      return [values.indexOf(Math.max(...values))];
    });
    positions = positions.map((row) => [row.at(-1)! + 1]);
    ids.forEach(([token], row) => {
      written[row]!.push(token!);
      mask[row]!.push(1);
    });
    past = Object.fromEntries(
      Object.keys(past).map((name) => [name, results[name.replace("past_key_values", "present")]!]),
    );
  }
  await session.release();
  return written;
}

describe.each(["gpt2-tied", "llama-grouped", "qwen2-untied"])("%s", (name) => {
  test("writes the same tokens as the student it came from, alone and in a padded batch", async () => {
    const source = golden(name);
    const folder = await temporaryFolder();
    const file = await writeOnnxFolder(folder, source, await loadModel(source));
    expect(existsSync(join(folder, "config.json"))).toBe(true);
    const prompts = [[5, 9, 2, 31, 7], [12], [3, 3, 8, 40, 22, 1, 17, 60]];
    const student = await openStudent(source);
    const expected = await student.generate(
      prompts.map((prompt) => ({ prompt, context: [] })),
      { maxNewTokens: 24, stopTokens: [] },
    );
    const tokens = expected.map((generation) => generation.tokens);
    expect(await greedy(file, source, prompts, 24)).toEqual(tokens);
    expect(await greedy(file, source, [prompts[0]!], 24)).toEqual([tokens[0]]);
  });
});
