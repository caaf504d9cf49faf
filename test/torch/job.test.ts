/** A job folder as the command writes it: whole, consistent, each item once. Needs no Python. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { JobWriter } from "../../src/engine/torch/job-writer.ts";
import { recipeSchema } from "../../src/pipeline/config/schema.ts";
import { openRunFolder } from "../../src/pipeline/run-folder.ts";
import { cli, tinyRecipe } from "../cli/run-cli.ts";

interface JobFile {
  format: number;
  id: string;
  rows: number;
  compute: object;
  arrays: Record<string, { type: "uint16" | "int32" | "float64"; length: number }>;
}

const bytes = { uint16: 2, int32: 4, float64: 8 };
const epochs = 3;
let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-job-test-"));
  run = join(folder, "run");
  const text = tinyRecipe([
    `train: { budget: { unit: epochs, amount: ${epochs} }, itemsPerBatch: 5 }`,
  ]).replace(
    "evaluate: {",
    // A job measures nothing, whatever the recipe measures.
    "evaluate: { testEveryEpoch: true,",
  );
  const recipe = recipeSchema.parse(parse(text));
  await (await openRunFolder(run, { recipe, command: "test", versions: {}, resume: false })).close();
});
afterAll(() => rm(folder, { recursive: true }));

const write = (method: string, job: string) =>
  cli(["train", run, "--method", method, "--engine", "torch", "--job-only", job, "--json"]);

async function numbers(job: string, name: string): Promise<Int32Array | Float64Array> {
  const { arrays } = JSON.parse(await readFile(join(job, "job.json"), "utf8")) as JobFile;
  const copy = new Uint8Array(await readFile(join(job, `${name}.bin`))).buffer;
  return arrays[name]!.type === "int32" ? new Int32Array(copy) : new Float64Array(copy);
}

describe("skipthink train --job-only", () => {
  it("writes the plan of all epochs, each item once, and leaves the run untrained", async () => {
    const job = join(folder, "full");
    const { code, stdout, stderr } = await write("full", job);
    expect(code, stderr).toBe(0);
    const found = JSON.parse(stdout) as { steps: number; items: number; sequences: number };
    // 24 rationales in batches of 5.
    expect(found).toMatchObject({ steps: epochs * 5, items: 24, sequences: epochs * 24 });
    const file = JSON.parse(await readFile(join(job, "job.json"), "utf8")) as JobFile;
    for (const [name, { type, length }] of Object.entries(file.arrays)) {
      expect((await stat(join(job, `${name}.bin`))).size, name).toBe(length * bytes[type]);
    }
    const [sequences, weights] = [await numbers(job, "sequences"), await numbers(job, "weights")];
    for (let epoch = 0; epoch < epochs; epoch++) {
      expect(new Set(sequences.subarray(epoch * 24, (epoch + 1) * 24)).size).toBe(24);
    }
    // The weights of every step sum to 1.
    expect(Array.from(weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(epochs * 5, 6);
    expect([...new Set(await numbers(job, "epochs"))]).toEqual([0, 1, 2]);
    expect((await readdir(join(job, "student"))).sort()).toContain("tokenizer.json");
    expect(existsSync(join(job, "student", "skipthink.json"))).toBe(true);
    expect(existsSync(join(job, "model", "model.safetensors"))).toBe(true);
    expect(existsSync(join(run, "students", "full"))).toBe(false);
  });

  it("keeps the stages of chunk-wise training apart", async () => {
    const job = join(folder, "cwt-ac");
    expect((await write("cwt-ac", job)).code).toBe(0);
    expect(new Set(await numbers(job, "stages"))).toEqual(new Set([-1, 1, 2, 3, 4]));
    // With the model's own settings, as after a training here.
    const path = join(job, "student", "generation_config.json");
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({
      bos_token_id: expect.any(Number) as number,
      suppress_tokens: expect.any(Array) as number[],
    });
  });

  it("writes job.json when everything else is there", async () => {
    const job = join(folder, "whole");
    const finish = vi.spyOn(JobWriter.prototype, "finish").mockImplementation(async () => {
      expect(await readdir(join(job, "student"))).toContain("skipthink.json");
      throw new Error("nothing is left to copy");
    });
    const { code, stderr } = await write("full", job);
    finish.mockRestore();
    expect([code, stderr]).toEqual([1, expect.stringContaining("nothing is left to copy")]);
  });

  it("refuses a plan that depends on the student, a second job in one folder, and two methods", async () => {
    const searched = await write("cwt-sbc", join(folder, "cwt-sbc"));
    expect([searched.code, searched.stderr]).toEqual([1, expect.stringContaining("search chunks")]);
    expect(existsSync(join(folder, "cwt-sbc", "job.json"))).toBe(false);
    const again = await write("full", join(folder, "full"));
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("not empty")]);
    const none = await cli(["train", run, "--job-only", join(folder, "none")]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("one method")]);
  });
});
