/** The whole method with a tiny random T5: chunk-wise training with search, probing, skip-thinking, and what its student writes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { initializeT5, newT5Config, parseT5Config, t5ParameterShapes } from "../../src/students/t5-config.ts";
import { coinTexts, tinyTokenizer, writeTiny } from "../students/tiny-folder.ts";
import { type CliResult, cli } from "./run-cli.ts";

let folder: string;
let run: string;
let result: CliResult;

/** A random T5 with a tokenizer of the task's texts, as a model folder. */
async function writeTinyT5(target: string): Promise<void> {
  const tokenizer = tinyTokenizer(coinTexts());
  const config = newT5Config({
    vocabularySize: tokenizer.vocabularySize,
    width: 16,
    headWidth: 6,
    inner: 24,
    layers: 1,
    heads: 2,
    positions: 320,
    endOfText: tokenizer.endOfSequence,
    padding: tokenizer.endOfSequence,
  });
  const parsed = parseT5Config(config, "config.json");
  await writeTiny(target, tokenizer, config, t5ParameterShapes(parsed), initializeT5(parsed, 1));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-t5-"));
  run = join(folder, "run");
  const model = join(folder, "tiny-t5");
  await writeTinyT5(model);
  const recipe = join(folder, "t5.yaml");
  await writeFile(
    recipe,
    [
      "name: t5",
      "task: { builtin: coin_flip, train: 8, dev: 2, test: 4 }",
      `student: { model: ${JSON.stringify(model)} }`,
      "methods: [full, stt]",
      "chunk: { count: 3 }",
      "probe: { verdict: generate }",
      "train: { budget: { unit: epochs, amount: 2 }, itemsPerBatch: 4, learningRate: 0.01 }",
      "evaluate: { maxNewTokens: 12, latencyProblems: 1 }",
      "threads: 1",
      "",
    ].join("\n"),
  );
  result = await cli(["distill", recipe, "--out", run, "--json"]);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const lines = async (name: string) =>
  (await readFile(join(run, name), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("a T5 student", () => {
  it("goes through the whole method", async () => {
    expect(result.code, result.stderr).toBe(0);
    const { methods } = JSON.parse(result.stdout) as { methods: Record<string, { optimizerSteps: number }> };
    expect(Object.keys(methods)).toEqual(["full", "cwt-sbc", "stt"]);
    // Two epochs of 8 items in batches of 4; two of 8 · (3 chunks + answer) and two of 8 again.
    expect(methods.full!.optimizerSteps).toBe(4);
    expect(methods.stt!.optimizerSteps).toBe(20);
    for (const { chunkNll } of await lines("chunks.jsonl")) {
      expect((chunkNll as number[]).every((nll) => Number.isFinite(nll) && nll > 0)).toBe(true);
    }
    expect(await lines("skips.jsonl")).toHaveLength(8);
    const training = await lines("metrics/cwt-sbc.jsonl");
    expect(training.at(-1)!.loss).toBeLessThan(training[0]!.loss as number);
  });

  it("saves students of its own kind", async () => {
    const text = await readFile(join(run, "students", "stt", "config.json"), "utf8");
    // transformers 5 refuses the whole number 1 here.
    expect(text).toContain('"initializer_factor": 1.0,');
    const config = JSON.parse(text) as Record<string, unknown>;
    expect(config).toMatchObject({
      model_type: "t5",
      architectures: ["T5ForConditionalGeneration"],
      tie_word_embeddings: true,
      decoder_start_token_id: 0,
    });
  });

  it("answers questions, whole and chunk after chunk", async () => {
    const question = "A coin is heads up. Ann flips the coin. Is the coin still heads up?";
    const whole = await cli([
      "generate",
      run,
      question,
      "--method",
      "stt",
      "--max-new-tokens",
      "8",
      "--json",
    ]);
    expect(whole.code, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({ method: "stt", question, tokens: expect.any(Number) });
    const staged = await cli([
      "generate",
      join(run, "students", "cwt-sbc"),
      question,
      "--staged",
      "--max-new-tokens",
      "8",
      "--json",
    ]);
    expect(staged.code, staged.stderr).toBe(0);
    expect(JSON.parse(staged.stdout)).toMatchObject({ chunks: expect.any(Array) });
  });

  it("is not exported as a decoder-only model", async () => {
    const { code, stderr } = await cli([
      "export",
      join(run, "students", "stt"),
      "--format",
      "onnx",
      "--out",
      join(folder, "onnx"),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("students of the family t5 have an encoder");
  });
});
