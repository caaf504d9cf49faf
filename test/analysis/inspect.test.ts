/** `skipthink inspect` on a small run, from the command line to the files. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InspectData } from "../../src/analysis/data.ts";
import { cli, tinyStudent } from "../cli/run-cli.ts";

let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-inspect-"));
  run = join(folder, "run");
  const recipe = join(folder, "tiny.yaml");
  const lines = [
    "name: tiny",
    "task: { builtin: coin_flip, train: 10, dev: 2, test: 4 }",
    `student: ${tinyStudent}`,
    "methods: [full, cwt-sbc, stt]",
    "train: { budget: { unit: epochs, amount: 1 } }",
    "evaluate: { maxNewTokens: 8, latencyProblems: 1 }",
    "threads: 1",
  ];
  await writeFile(recipe, `${lines.join("\n")}\n`);
  const made = await cli(["distill", recipe, "--out", run, "--quiet"]);
  expect(made.code, made.stderr).toBe(0);
}, 300_000);
afterAll(() => rm(folder, { recursive: true }));

async function inspect(...options: string[]): Promise<{ stdout: string; data: InspectData }> {
  const { code, stdout, stderr } = await cli(["inspect", run, "--rationales", "2", ...options]);
  expect(code, stderr).toBe(0);
  const data = JSON.parse(await readFile(join(run, "analysis", "inspect.json"), "utf8")) as InspectData;
  return { stdout, data };
}

describe("inspect", () => {
  it("measures every part, writes both files and gives the same numbers for the same seed", async () => {
    const { stdout, data } = await inspect("--json", "--quiet");
    const printed = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(printed)).toEqual([
      "run",
      "page",
      "settings",
      "core",
      "steps",
      "sharpness",
      "lost",
      "skips",
      "seconds",
    ]);
    expect(data.core).toMatchObject({ markedBy: "full", rationales: 2, completeRationales: 2 });
    expect(data.core.testedTokens).toBe(data.core.tokens);
    expect(data.core.examples).toHaveLength(2);
    expect(data.steps.map(({ method, shares }) => [method, shares.length])).toEqual([
      ["full", 1],
      ["cwt-sbc", 5],
    ]);
    for (const { shares, gradients } of data.steps) {
      expect(gradients).toHaveLength(shares.length);
      for (const { lossShare } of shares) expect(lossShare).toBeGreaterThanOrEqual(0);
      for (const { norm, coreNorm } of gradients) {
        expect(norm).toBeGreaterThan(0);
        expect(coreNorm).toBeGreaterThanOrEqual(0);
      }
    }
    expect(data.sharpness.map(({ method, lines }) => [method, lines.length, lines[0]!.length])).toEqual([
      ["full", 3, 21],
      ["cwt-sbc", 3, 21],
    ]);
    for (const { loss, lines, balls } of data.sharpness) {
      for (const line of lines) expect(line[10]).toBe(loss);
      for (const { largestLoss } of balls) expect(largestLoss).toBeGreaterThan(loss);
    }
    expect(data.lost.map(({ from, to, problems }) => [from, to, problems])).toEqual([
      ["full", "cwt-sbc", 4],
      ["full", "stt", 4],
      ["cwt-sbc", "stt", 4],
    ]);
    expect(await readFile(join(run, "analysis", "inspect.html"), "utf8")).toMatch(/^<!doctype html>/);

    const { data: again } = await inspect("--quiet");
    const { seconds: _, ...measured } = again;
    const { seconds: _first, ...before } = data;
    expect(measured).toEqual(before);
  }, 300_000);

  it("draws others with another seed, hides the answer step, and says what it found", async () => {
    const { stdout, data } = await inspect("--seed", "7", "--hide-answer-step", "--delta", "0.01");
    expect(data.settings).toMatchObject({ seed: 7, view: "hidden", delta: 0.01 });
    expect(data.core.byRole!.map(({ role }) => role)).not.toContain("answer");
    expect(stdout).toBe(
      `page     ${join(run, "analysis", "inspect.html")}\nnumbers  ${join(run, "analysis", "inspect.json")}\n`,
    );
  }, 300_000);

  it("refuses a folder without a run and a δ that is no number", async () => {
    expect((await cli(["inspect", folder])).code).toBe(2);
    const wrong = await cli(["inspect", run, "--delta", "-1"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("Give a number of at least 0");
  });
});
