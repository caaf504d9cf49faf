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
    const recipe = join(folder, "recipe.yaml");
    const test = join(folder, "test.jsonl");
    await writeFile(test, '{"question": "What is 900 + 1?", "answer": "901"}\n');
    const lines = [
      `data: { train: "${train}", test: "${test}", devShare: 0, answerKind: number }`,
      "student: { random: { layers: 1, width: 16, heads: 2, contextLength: 200, vocabularySize: 280 } }",
      "methods: [full]",
      "train: { budget: { unit: optimizerSteps, amount: 2 }, select: last }",
      "evaluate: { maxNewTokens: 4, latencyProblems: 1 }",
      "threads: 1",
      "",
    ];
    await writeFile(recipe, lines.join("\n"));
    const run = join(folder, "run");
    const { code, stderr } = await cli(["distill", recipe, "--out", run]);
    expect(code, stderr).toBe(0);
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
