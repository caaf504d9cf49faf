/** A whole run with LoRA: every student folder is a complete model, with the adapters beside it; what LoRA cannot do is refused. */
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSafetensors } from "../../src/tensor/safetensors.ts";
import { coinTexts, tinyTokenizer, writeTinyGpt2 } from "../students/tiny-folder.ts";
import { type CliResult, cli } from "./run-cli.ts";

let folder: string;
let model: string;
let run: string;
let result: CliResult;
let vocabularySize: number;

const recipe = (lines: readonly string[], lora = "{ rank: 2, alpha: 4, targets: [c_attn, mlp.c_fc] }") =>
  [
    "name: lora",
    "task: { builtin: coin_flip, train: 8, dev: 2, test: 4 }",
    `student: { model: ${JSON.stringify(model)}, lora: ${lora} }`,
    "methods: [stt]",
    "chunk: { count: 3 }",
    "train: { budget: { unit: epochs, amount: 2 }, itemsPerBatch: 4, learningRate: 0.01 }",
    "evaluate: { maxNewTokens: 12, latencyProblems: 1 }",
    "threads: 1",
    ...lines,
    "",
  ].join("\n");

const written = async (name: string, text: string): Promise<string> => {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, text);
  return path;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-lora-"));
  model = join(folder, "tiny");
  run = join(folder, "run");
  const tokenizer = tinyTokenizer(coinTexts());
  vocabularySize = tokenizer.vocabularySize;
  await writeTinyGpt2(model, tokenizer, { contextLength: 640 });
  result = await cli(["distill", await written("lora", recipe([])), "--out", run, "--json"]);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

describe("a run with LoRA", () => {
  it("trains every method", async () => {
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/LoRA trains \S+ M parameters beside \S+ M frozen ones/);
    const lines = (await readFile(join(run, "metrics/cwt-sbc.jsonl"), "utf8")).trim().split("\n");
    const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  });

  it.each(["cwt-sbc", "stt"])("leaves %s as a complete model with its adapter", async (method) => {
    const student = join(run, "students", method);
    const whole = await openSafetensors(join(student, "model.safetensors"));
    expect(whole.names).toContain("transformer.h.0.attn.c_attn.weight");
    expect(whole.names.filter((name) => name.includes("lora"))).toEqual([]);
    await whole.close();
    const adapter = join(student, "adapter");
    const config = JSON.parse(await readFile(join(adapter, "adapter_config.json"), "utf8"));
    const added = [...Array(5).keys()].map((i) => vocabularySize + i);
    expect(config).toMatchObject({
      // The chunk-wise student is the base of the skip-thinking one.
      base_model_name_or_path: method === "stt" ? join(run, "students", "cwt-sbc") : model,
      target_modules: ["c_attn", "mlp.c_fc"],
      trainable_token_indices: { wte: added },
    });
    expect(existsSync(join(adapter, "tokenizer.json"))).toBe(true);
  });

  it("keeps checkpoints of the trained parameters alone", async () => {
    const checkpoints = join(run, "checkpoints", "stt");
    const newest = readdirSync(checkpoints).at(-1)!;
    const state = await openSafetensors(join(checkpoints, newest, "training-state.safetensors"));
    const frozen = state.names.filter((name) => !/lora_[AB]\.weight|trainable_tokens_delta/.test(name));
    expect([frozen, state.names.length]).toEqual([[], 3 * 5]);
    await state.close();
  });

  it("answers with the merged student", async () => {
    const question = "A coin is heads up. Ann flips the coin. Is the coin still heads up?";
    const { code, stderr } = await cli(["generate", join(run, "students", "stt"), question, "--json"]);
    expect(code, stderr).toBe(0);
  });
});

describe("what LoRA cannot do", () => {
  it.each([
    ["a target without layers", ["seed: 1"], "{ targets: [q_proj] }", /q_proj[\s\S]*c_attn, c_proj, c_fc/],
    ["an unknown key", ["seed: 1"], "{ rnk: 2 }", /rnk/],
  ])("%s is refused", async (name, lines, lora, message) => {
    const path = await written(name, recipe(lines, lora));
    const { code, stderr } = await cli(["distill", path, "--out", join(folder, name)]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("random weights are refused", async () => {
    const path = await written(
      "random",
      ["task: { builtin: coin_flip }", "student: { random: {}, lora: {} }", ""].join("\n"),
    );
    const { code, stderr } = await cli(["distill", path, "--out", join(folder, "random")]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/no use frozen[\s\S]*student\.lora/)]);
  });
});
