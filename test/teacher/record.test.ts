import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordOfTrainFile, samplesPerFate } from "../../src/teacher/record.ts";
import { teach } from "../../src/teacher/teach.ts";
import { cli } from "../cli/run-cli.ts";
import { type ScriptedEndpoint, startScripted } from "./scripted-endpoint.ts";
import { configOf, temporaryFolder, writeQuestions } from "./setting.ts";

let folder: string;
let endpoint: ScriptedEndpoint;
let train: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  endpoint = await startScripted({ delay: 0 });
  const out = join(folder, "out");
  const config = configOf(await writeQuestions(folder, 100), endpoint.url, { sampling: { samples: 3 } });
  await teach(config, out, { environment: {} });
  train = join(out, "rationales/sums.jsonl");
}, 60_000);
afterAll(async () => {
  await endpoint.close();
  await rm(folder, { recursive: true });
});

/** Trains a tiny student on the file for two steps. @returns the run folder */
async function trainOn(rationales: string, name: string): Promise<string> {
  const recipe = join(folder, `${name}.yaml`);
  const test = join(folder, "test.jsonl");
  await writeFile(test, '{"question": "What is 900 + 1?", "answer": "901"}\n');
  const lines = [
    `data: { train: "${rationales}", test: "${test}", devShare: 0, answerKind: number }`,
    "student: { random: { layers: 1, width: 16, heads: 2, contextLength: 200, vocabularySize: 280 } }",
    "methods: [full]",
    "train: { budget: { unit: optimizerSteps, amount: 2 }, select: last }",
    "evaluate: { maxNewTokens: 4, latencyProblems: 1 }",
    "threads: 1",
    "",
  ];
  await writeFile(recipe, lines.join("\n"));
  const run = join(folder, name);
  const { code, stderr } = await cli(["distill", recipe, "--out", run]);
  expect(code, stderr).toBe(0);
  return run;
}

describe("the record of an answer folder", () => {
  it("holds the statistics and the first samples of each fate", async () => {
    const record = (await recordOfTrainFile(train))!;
    const written = JSON.parse(await readFile(join(folder, "out/statistics.json"), "utf8"));
    expect(record.tasks).toEqual(written.tasks);
    expect(record.model).toBe("scripted");
    const { kept, dropped } = record.tasks[0]!;
    for (const [fate, count] of Object.entries({ kept, ...dropped })) {
      const shown = record.samples.filter(({ reason }) => (reason ?? "kept") === fate);
      expect(shown.length, fate).toBe(Math.min(count, samplesPerFate));
    }
    // A dropped sample shows the reply as it came, a kept one its rationale.
    expect(record.samples.find(({ reason }) => reason === "wrong")!.text).toContain("Answer: ");
    expect(record.samples[0]!.text).not.toContain("Answer: ");
  });

  it("is nothing for other files, and leaves out what was changed by hand", async () => {
    const other = join(folder, "plain.jsonl");
    await cp(train, other);
    expect(await recordOfTrainFile(other)).toBeUndefined();
    const changed = join(folder, "changed");
    await mkdir(join(changed, "rationales"), { recursive: true });
    const copy = join(changed, "rationales/sums.jsonl");
    await cp(train, copy);
    for (const text of ["", "[1]", "{", '{"tasks": [{"task": "sums", "kept": -1}]}']) {
      await writeFile(join(changed, "statistics.json"), text);
      expect(await recordOfTrainFile(copy), text).toBeUndefined();
    }
    await cp(join(folder, "out/statistics.json"), join(changed, "statistics.json"));
    await writeFile(copy, '{"id": "q1"}\n{"id": 3\n');
    expect(await recordOfTrainFile(copy)).toMatchObject({ tasks: [{ task: "sums" }], samples: [] });
  });

  it("is in the report of a run that trains on it, as it was then", async () => {
    const run = await trainOn(train, "run");
    await rm(join(folder, "out/statistics.json"));
    const again = await cli(["report", run]);
    expect(again.code, again.stderr).toBe(0);
    const html = await readFile(join(run, "report.html"), "utf8");
    expect(html).toContain('<section id="teacher">');
    expect(html).toContain("written by <strong>scripted</strong>");
    const report = JSON.parse(await readFile(join(run, "report.json"), "utf8"));
    expect(report.teacher.samples.length).toBeGreaterThan(samplesPerFate);
  }, 60_000);
});

describe("the record of an import", () => {
  const row = (sum: string, answer: number | string, gold: number) => ({
    instruction: `What is ${sum}?`,
    output: `${sum} = ${answer}.\nAnswer: ${answer}`,
    gold: `${gold}`,
  });
  let rationales: string;
  beforeAll(async () => {
    const file = join(folder, "alpaca.json");
    const sums = Array.from({ length: 20 }, (_, i) => row(`${i} + 1`, i + 1, i + 1));
    const rows = [...sums, row("2 + 2", 5, 4), row("3 + 3", 7, 6), row("4 + 4", "", 8), { instruction: "" }];
    await writeFile(file, JSON.stringify(rows));
    rationales = join(folder, "mine.jsonl");
    const options = ["--answer-kind", "number", "--answer", "gold", "--out", rationales];
    const { code, stderr } = await cli(["teach", "import", file, ...options]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`samples, kept and dropped: ${join(folder, "mine.html")}`);
  });

  it("says where it came from, what was left out, and shows samples of each fate", async () => {
    const record = (await recordOfTrainFile(rationales))!;
    expect(record.imported).toEqual({
      file: "alpaca.json",
      form: "alpaca",
      skipped: { "no question with a reply": 1 },
      ownAnswers: false,
    });
    expect(record.tasks).toMatchObject([
      { task: "alpaca", wanted: 23, kept: 20, dropped: { wrong: 2, unreadable: 1 } },
    ]);
    const shown = record.samples.map(({ task, reason }) => [task, reason ?? "kept"]);
    expect(shown.filter(([, fate]) => fate === "kept")).toHaveLength(samplesPerFate);
    expect(shown.slice(samplesPerFate)).toEqual([
      ["alpaca", "wrong"],
      ["alpaca", "wrong"],
      ["alpaca", "unreadable"],
    ]);
    const page = await readFile(join(folder, "mine.html"), "utf8");
    expect(page).toContain("20 rationales of 23 samples passed the filter.");
    expect(page).toContain("imported from <strong>alpaca.json</strong>, read as alpaca.");
    expect(page).toContain("Rows left out before the filter: 1 × no question with a reply.");
    expect(page).toContain("teach import");
  });

  it("is looked at with teach show", async () => {
    const wrong = await cli(["teach", "show", rationales, "--reason", "wrong", "--limit", "1"]);
    expect(wrong.code, wrong.stderr).toBe(0);
    expect(wrong.stdout).toContain("What is 2 + 2?");
    expect(wrong.stdout).not.toContain("What is 3 + 3?");
    expect((await cli(["teach", "show", rationales])).stdout).toContain("0 + 1 = 1.");
    const none = await cli(["teach", "show", join(folder, "alpaca.json")]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no rationales of a teacher are there");
  });

  it("is in the report of a run that trains on the file", async () => {
    const run = await trainOn(rationales, "on-import");
    const html = await readFile(join(run, "report.html"), "utf8");
    expect(html).toContain('<section id="teacher">');
    expect(html).toContain("imported from <strong>alpaca.json</strong>");
    expect(html).toContain("wrong: 2 of 23 samples");
    const report = JSON.parse(await readFile(join(run, "report.json"), "utf8"));
    expect(report.teacher.imported.skipped).toEqual({ "no question with a reply": 1 });
    expect(report.teacher.samples).toHaveLength(samplesPerFate + 3);
  }, 60_000);

  it("is nothing where its statistics were changed by hand", async () => {
    const copy = join(folder, "copy.jsonl");
    await cp(rationales, copy);
    expect(await recordOfTrainFile(copy)).toBeUndefined();
    const statistics = JSON.parse(await readFile(join(folder, "mine.statistics.json"), "utf8"));
    for (const changed of [
      { ...statistics, tasks: [] },
      { ...statistics, imported: undefined },
      { tasks: 1 },
    ]) {
      await writeFile(join(folder, "copy.statistics.json"), JSON.stringify(changed));
      expect(await recordOfTrainFile(copy)).toBeUndefined();
    }
  });
});
