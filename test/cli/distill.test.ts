import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { methodNames } from "../../src/method/baselines/plan.ts";
import { type CliResult, cli, tinyRecipe } from "./run-cli.ts";

let folder: string;
let recipe: string;
let run: string;
let first: CliResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-distill-"));
  recipe = join(folder, "tiny.yaml");
  run = join(folder, "run");
  await writeFile(recipe, tinyRecipe(["train: { budget: { unit: epochs, amount: 1 } }"]));
  first = await cli(["distill", recipe, "--out", run, "--json"]);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

describe("distill", () => {
  it("prints one JSON object that keeps the contract, and the table on stderr", () => {
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout.trim().split("\n")).toHaveLength(1);
    const result = JSON.parse(first.stdout) as {
      run: string;
      task: string;
      methods: Record<string, Record<string, unknown>>;
      skips: { share: number };
    };
    expect(result.run).toBe(run);
    expect(result.task).toBe("coin_flip");
    expect(Object.keys(result.methods)).toEqual([...methodNames]);
    for (const method of Object.values(result.methods)) {
      expect(method).toMatchObject({
        accuracy: expect.any(Number),
        accuracyStandardError: expect.any(Number),
        problems: 8,
        meanGeneratedTokens: expect.any(Number),
        secondsPerProblem: expect.any(Number),
        optimizerSteps: expect.any(Number),
        trainedTokens: expect.any(Number),
        trainingSeconds: expect.any(Number),
        speedUp: expect.any(Number),
      });
    }
    expect(result.methods.full!.speedUp).toBe(1);
    // 24 new tokens are never enough for an untrained student.
    expect(result.methods.full).toMatchObject({ unfinished: 1 });
    expect(first.stderr).toMatch(/100 % of the texts of full were cut off at 24 new tokens/);
    expect(result.methods.stt!.skipDataSeconds).toBeGreaterThan(0);
    expect(result.methods["cwt-sbc"]).not.toHaveProperty("skipDataSeconds");
    // 24 rationales in batches of 8, and with four chunks each five times as many items.
    expect(result.methods.full!.optimizerSteps).toBe(3);
    expect(result.methods["cwt-ac"]!.optimizerSteps).toBe(15);
    expect(result.methods.stt!.optimizerSteps).toBe(18);
    // One warm-up epoch in a budget of one: what would be a chunk-wise student with searched chunks is not one.
    expect(first.stderr).toContain("no chunks are searched in training");
    expect(first.stderr).toMatch(/^▸ train stt {2}\d+\/21$/m);
    expect(first.stderr).toMatch(/^method +accuracy +tokens +s\/problem +speed-up$/m);
  });

  it("leaves the run folder that the architecture promises", async () => {
    for (const file of ["run.json", "rationales.jsonl", "chunks.jsonl", "skips.jsonl", "report.html"]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }
    for (const method of methodNames) {
      const files = await readdir(join(run, "students", method));
      expect(files).toEqual(
        expect.arrayContaining(["config.json", "model.safetensors", "tokenizer.json", "skipthink.json"]),
      );
    }
    const suppressed = async (method: string): Promise<unknown> =>
      (
        JSON.parse(await readFile(join(run, "students", method, "generation_config.json"), "utf8")) as Record<
          string,
          unknown
        >
      ).suppress_tokens;
    // [1] to [4], [answer] and <|chunk|>, for transformers' generate as for ours.
    expect(await suppressed("stt")).toHaveLength(6);
    expect(await suppressed("full")).toBeUndefined();
    expect(JSON.parse(await readFile(join(run, "results.json"), "utf8"))).toEqual(JSON.parse(first.stdout));
    const report = JSON.parse(await readFile(join(run, "report.json"), "utf8")) as {
      lossCurves: { method: string; dev: { step: number; accuracy: number }[] }[];
    };
    // The choice of the epoch can be looked at afterwards.
    expect(report.lossCurves.find(({ method }) => method === "full")!.dev).toMatchObject([
      { step: 3, accuracy: expect.any(Number) },
    ]);
    expect((await readdir(run)).filter((name) => name.includes("partial"))).toEqual([]);
    const manifest = JSON.parse(await readFile(join(run, "run.json"), "utf8")) as { command: string };
    expect(manifest.command).toBe(`skipthink distill ${recipe} --out ${run}`);
  });

  it("with --resume finds every stage unchanged and gives the same result", async () => {
    const again = await cli(["distill", recipe, "--out", run, "--json", "--resume"]);
    expect(again.code).toBe(0);
    expect(again.stdout).toBe(first.stdout);
    expect(again.stderr.match(/^▸ .*unchanged$/gm)).toHaveLength(20);
    expect(again.stderr).not.toMatch(/^step /m);
  });

  it("without --json gives the paths of report and run", async () => {
    const { stdout, stderr } = await cli(["report", run, "--quiet"]);
    expect(stdout).toBe(`report  ${join(run, "report.html")}\nrun     ${run}\n`);
    expect(stderr).toBe("");
  });

  it.each([
    ["the same recipe without --resume", [], 2, "Add --resume"],
    ["another recipe", ["--set", "chunk.count=3"], 2, "chunk.count differs"],
    ["another recipe with --resume", ["--seed", "7", "--resume"], 5, "seed differs"],
  ])("refuses %s in a folder that holds a run", async (_what, options, code, message) => {
    const refused = await cli(["distill", recipe, "--out", run, ...options]);
    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(message);
    expect(refused.stdout).toBe("");
  });

  it("refuses a folder that holds something else, and leaves it alone", async () => {
    const other = join(folder, "other");
    await mkdir(other);
    await writeFile(join(other, "letter.txt"), "dear");
    const { code, stderr } = await cli(["distill", recipe, "--out", other]);
    expect(code).toBe(2);
    expect(stderr).toContain("is not empty and holds no run");
    expect(await readdir(other)).toEqual(["letter.txt"]);
  });

  it("--dry-run says what would be done and writes nothing", async () => {
    const out = join(folder, "never");
    const { code, stdout } = await cli(["distill", recipe, "--out", out, "--dry-run", "--json"]);
    expect(code).toBe(0);
    expect(existsSync(out)).toBe(false);
    const estimate = JSON.parse(stdout) as {
      methods: Record<string, { optimizerSteps: number; trainedTokens: number; items: number }>;
      totalSeconds: number;
    };
    const result = JSON.parse(first.stdout) as { methods: Record<string, { trainedTokens: number }> };
    expect(estimate).toMatchObject({ problems: { train: 24, dev: 4, test: 8 }, rationales: 24 });
    expect(estimate.methods.full).toMatchObject({ items: 24, epochs: 1, optimizerSteps: 3 });
    // One epoch of these has no skips and no search, so the forecast is exact.
    for (const name of ["answer-only", "full", "cwt-ac"]) {
      expect(estimate.methods[name]!.trainedTokens).toBe(result.methods[name]!.trainedTokens);
    }
    expect(estimate.totalSeconds).toBeGreaterThan(0);
    expect(estimate.totalSeconds).toBeLessThan(600);
  });
});

it("probing in other chunks than training, stage items of skip-thinking stay those of training", async () => {
  const own = join(folder, "all-items.yaml");
  await writeFile(
    own,
    tinyRecipe([
      "methods: [stt]",
      "train: { budget: { unit: optimizerSteps, amount: 4 } }",
      "chunk: { count: 2 }",
      "probe: { chunks: 3 }",
      "items: { sttItems: all }",
    ]),
  );
  const { code, stderr } = await cli(["distill", own, "--out", join(folder, "all-items"), "--json"]);
  expect(code, stderr).toBe(0);
  const lines = (await readFile(join(folder, "all-items", "metrics", "stt.jsonl"), "utf8"))
    .trim()
    .split("\n");
  const stages = lines.map((line) => (JSON.parse(line) as { stage: string }).stage);
  expect(stages).toHaveLength(4);
  for (const stage of stages) expect(["1", "2", "answer"]).toContain(stage);
}, 60_000);

describe("single stages on that run", () => {
  it("find their results done", async () => {
    const chunked = await cli(["chunk", run, "--json"]);
    expect(JSON.parse(chunked.stdout)).toMatchObject({ stage: "chunk", rationales: 24 });
    const probed = await cli(["probe", run, "--json"]);
    expect(JSON.parse(probed.stdout)).toMatchObject({ stage: "probe", rationales: 24 });
    const evaluated = await cli(["eval", run, "--method", "full", "--json"]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ methods: { full: { problems: 8 } } });
    const trained = await cli(["train", run, "--method", "stt", "--json"]);
    const { methods } = JSON.parse(trained.stdout) as { methods: object };
    expect(Object.keys(methods)).toEqual(["cwt-sbc", "stt"]);
    for (const { stderr } of [chunked, probed, evaluated, trained]) expect(stderr).not.toMatch(/^step /m);
  });

  it("measure again what somebody has deleted", async () => {
    const samples = join(run, "eval", "samples_full.jsonl");
    const textsIn = async (): Promise<unknown[]> =>
      (await readFile(samples, "utf8"))
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { text: string }).text);
    const before = await textsIn();
    await rm(samples);
    expect((await cli(["eval", run, "--method", "full", "--json"])).code).toBe(0);
    expect(await textsIn()).toEqual(before);
  });

  it("take no words without an option for arguments of torchrun", async () => {
    const { code, stderr } = await cli(["train", run, "full"]);
    expect(code).toBe(2);
    expect(stderr).toContain('"full" would be an argument for torchrun');
    expect(stderr).toContain("--method full");
  });

  it("refuse a folder that holds no run", async () => {
    for (const command of ["chunk", "train", "probe", "eval", "report"]) {
      const { code, stderr } = await cli([command, folder]);
      expect(code).toBe(2);
      expect(stderr).toContain("holds no run");
    }
  });
});

describe("generate", () => {
  const question = "A coin is heads up. Ann flips the coin. Is the coin still heads up?";

  it("gives text, steps, answer and counts as JSON", async () => {
    const { code, stdout, stderr } = await cli([
      "generate",
      join(run, "students", "full"),
      question,
      "--max-new-tokens",
      "12",
      "--json",
    ]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ method: "full", question, tokens: 12, finished: false });
  });

  it("streams the same text that it gives as JSON, from a run folder and standard input too", async () => {
    const options = ["--method", "stt", "--max-new-tokens", "12"];
    const asJson = await cli(["generate", run, question, ...options, "--json"]);
    const asText = await cli(["generate", run, "-", ...options], `${question}\n`);
    const { text } = JSON.parse(asJson.stdout) as { text: string };
    const [lines, answer] = asText.stdout.split("answer: ");
    expect(lines!.replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
    expect(answer).toBe("none could be read\n");
  });

  it("staged names each chunk by its marker", async () => {
    const asked = ["generate", run, question, "--method", "cwt-sbc", "--staged", "--max-new-tokens", "20"];
    const asText = await cli(asked);
    expect(asText.code, asText.stderr).toBe(0);
    expect(asText.stdout).toMatch(/^\[1\]/);
    const asJson = JSON.parse((await cli([...asked, "--json"])).stdout) as {
      chunks: string[];
      steps?: unknown;
    };
    expect(asJson.chunks.length).toBeGreaterThan(0);
    expect(asJson.steps).toBeUndefined();
  });

  it.each([
    [["--method", "full", "--staged"], question, "knows no chunks"],
    [[], question, "Choose one with --method: answer-only"],
    [["--method", "stt"], "  ", "the question is empty"],
    [["--method", "stt"], "long ".repeat(1000), "the student's context holds 640"],
  ])("with %j refuses what it cannot do", async (options, asked, message) => {
    const { code, stderr } = await cli(["generate", run, asked, ...options]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("refuses a folder without a student", async () => {
    const { code, stderr } = await cli(["generate", folder, question]);
    expect(code).toBe(2);
    expect(stderr).toContain("neither skipthink.json nor config.json");
  });
});
