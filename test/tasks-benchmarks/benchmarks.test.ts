import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRecipes, validateRecipe } from "../../src/cli/recipes/recipes.ts";
import { loadDataset } from "../../src/rationale/dataset.ts";
import { answersEqual, normalizeGold, readAnswer } from "../../src/tasks/answers/answers.ts";
import { numpyPermutation } from "../../src/tasks/benchmarks/numpy-random.ts";
import { readBenchmark, writeBenchmark } from "../../src/tasks/benchmarks/prepare.ts";
import { publishedSample, publishedSplit } from "../../src/tasks/benchmarks/published-split.ts";
import { readBenchmarkRow } from "../../src/tasks/benchmarks/rows.ts";
import { type BenchmarkName, benchmarkNames, benchmarkSources } from "../../src/tasks/benchmarks/sources.ts";
import { cli } from "../cli/run-cli.ts";
import { readShared } from "../rationale/shared-data.ts";
import { trueRows } from "./rows.ts";

const place = { file: "f.json", line: 3 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-benchmarks-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), text);
}

describe("rows", () => {
  it.each(benchmarkNames)("of %s are read as their authors publish them", (name) => {
    for (const { row, ...expected } of trueRows[name]) {
      expect(readBenchmarkRow(name, row, place)).toEqual(expected);
      // The gold answer is one that the task's reader finds in a student's text.
      const gold = normalizeGold(name, expected.answer)!;
      const read = readAnswer(name, `Some words first. --> ${gold}`);
      expect(answersEqual(name, read, expected.answer), name).toBe(true);
    }
  });

  const hostile: [BenchmarkName, unknown, string][] = [
    ["addsub", null, ""],
    ["addsub", [], ""],
    ["addsub", { sQuestion: "q" }, "lSolutions"],
    ["addsub", { sQuestion: "q", lSolutions: [] }, "lSolutions"],
    ["multiarith", { sQuestion: "q", lSolutions: ["1; drop"] }, "lSolutions.0"],
    ["single_eq", { sQuestion: "", lSolutions: [1] }, "sQuestion"],
    ["single_eq", { sQuestion: "x".repeat(200_001), lSolutions: [1] }, "sQuestion"],
    ["svamp", { Body: "b", Question: "q", Answer: null }, "Answer"],
    ["svamp", { Body: "b", Question: { toString: "q" }, Answer: 1 }, "Question"],
    ["gsm8k", { question: "q", answer: "72" }, "answer"],
    ["aqua", { question: "q", options: ["A)1", "B)2"], correct: "C" }, "correct"],
    ["aqua", { question: "q", options: "A)1", correct: "A" }, "options"],
    ["aqua", { question: "q", options: ["A)1", "B)2"], correct: "AB" }, "correct"],
    ["commonsense_qa", { question: { stem: "s", choices: [] }, answerKey: "A" }, "question.choices"],
    [
      "commonsense_qa",
      {
        question: {
          stem: "s",
          choices: [
            { label: "A", text: "a" },
            { label: "B", text: "b" },
          ],
        },
      },
      "answerKey",
    ],
    ["strategy_qa", { question: "q", answer: "maybe" }, "answer"],
    ["strategy_qa", { input: "q", target_scores: { Yes: 1, No: 1 } }, "target_scores"],
    ["date_understanding", { input: "q", target_scores: { a: 1, b: 1 } }, "target_scores"],
    ["date_understanding", { input: "q", target_scores: { a: 0, b: 0 } }, "target_scores"],
    [
      "date_understanding",
      { input: "q", target_scores: JSON.parse('{"__proto__": 1, "b": 0}') },
      "target_scores",
    ],
    ["tracking_shuffled_objects", { input: "q", target_scores: { a: 1, b: 0, c: 0, d: 0 } }, "target_scores"],
    ["coin_flip", { question: "q", answer: 1 }, "answer"],
    ["last_letter_concatenation", { question: ["q"], answer: "a" }, "question"],
  ];
  it.each(hostile)("of %s are refused: %j", (name, row, key) => {
    expect(() => readBenchmarkRow(name, row, place)).toThrow(
      expect.objectContaining({ exitCode: 2, place: { ...place, key } }),
    );
  });

  it("of dates have their choices in an order that the question decides", () => {
    const letters = Array.from({ length: 60 }, (_, i) => {
      const row = { input: `Question ${i}`, target_scores: { right: 1, b: 0, c: 0, d: 0 } };
      return readBenchmarkRow("date_understanding", row, place).answer;
    });
    expect(new Set(letters)).toEqual(new Set(["A", "B", "C", "D"]));
  });
});

describe("published splits", () => {
  it("are made by NumPy's legacy permutation", () => {
    // numpy.random.RandomState(seed).permutation(n), NumPy 2
    expect(numpyPermutation(0, 10)).toEqual([2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    expect(numpyPermutation(0, 1)).toEqual([0]);
    expect(numpyPermutation(0, 0)).toEqual([]);
    const order = numpyPermutation(3, 5000);
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
  });

  it("have the published sizes", () => {
    const sizes = (rows: number) => [publishedSplit(rows).train.length, publishedSplit(rows).test.length];
    // Ho et al. 2023, table of data sets; 276.5 is rounded to even, as Python does.
    expect(sizes(508)).toEqual([356, 152]);
    expect(sizes(395)).toEqual([276, 119]);
    expect(sizes(600)).toEqual([420, 180]);
    expect(sizes(1000)).toEqual([700, 300]);
    expect(sizes(2290)).toEqual([1603, 687]);
    expect(sizes(369)).toEqual([258, 111]);
    expect(sizes(750)).toEqual([525, 225]);
    expect(sizes(500)).toEqual([350, 150]);
    expect(publishedSample(97_467, 10_000).slice(0, 3)).toEqual([9, 17, 23]);
  });

  it("are those that were published, row by row", (context) => {
    const lists = benchmarkNames.flatMap((name) => {
      const file = `reasoning-teacher/split/${name}__default.json`;
      const split = readShared(file) as unknown as { train: number[]; test: number[] } | undefined;
      return split === undefined ? [] : [{ name, split }];
    });
    if (lists.length === 0) context.skip("no published split lists; set SKIPTHINK_SHARED");
    for (const { name, split } of lists) {
      const { files, rows, trainSample } = benchmarkSources[name];
      if ("all" in files) expect(publishedSplit(rows), name).toEqual(split);
      else if (trainSample !== undefined)
        expect(publishedSample(rows, trainSample), name).toEqual(split.train);
      else expect(split.train, name).toEqual(Array.from({ length: rows }, (_, i) => i));
    }
  });
});

describe("readBenchmark", () => {
  const plain = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ question: `Question ${i}?`, answer: i % 2 ? "yes" : "no" }));

  it("splits one file, keeps its row numbers, and writes what a recipe reads", async () => {
    await write("coin_flip/coin_flip.json", JSON.stringify({ canary: "x", examples: plain(500) }, null, 2));
    const prepared = await readBenchmark("coin_flip", folder);
    expect(prepared.notes).toEqual([]);
    const { train } = publishedSplit(500);
    expect(prepared.train.map(({ id }) => id)).toEqual(train.map((row) => `coin_flip-${row}`));
    const paths = await writeBenchmark(prepared, join(folder, "prepared"));
    const withRationale = prepared.train.map((row) => JSON.stringify({ ...row, rationale: "It is. So." }));
    await writeFile(paths.train, withRationale.join("\n"));
    const data = await loadDataset({
      ...paths,
      fields: { question: "question", answer: "answer", rationale: "rationale", id: "id" },
      testFields: { question: "question", answer: "answer", id: "id" },
      answerKind: "coin_flip",
      devShare: 0,
      seed: 1,
      onBadRow: "stop",
    });
    expect([data.train.length, data.test.length]).toEqual([350, 150]);
  });

  it("reads JSON arrays, BIG-bench objects on one line, and JSON lines", async () => {
    const array = trueRows.addsub.concat(trueRows.addsub).map(({ row }) => row);
    await write("addsub/AddSub.json", JSON.stringify(array));
    const { train, test, notes } = await readBenchmark("addsub", folder);
    expect([train.length, test.length]).toEqual([1, 1]);
    expect(notes[0]).toMatch(/2 rows.*of 395/);
    await write(
      "strategy_qa/task.json",
      JSON.stringify({ examples: trueRows.strategy_qa.map(({ row }) => row) }),
    );
    expect((await readBenchmark("strategy_qa", folder)).train).toHaveLength(1);
    const line = JSON.stringify(trueRows.gsm8k[0]!.row);
    await write("gsm8k/train.jsonl", `${line}\n${line}\n\n${line}\n`);
    await write("gsm8k/test.jsonl", `\ufeff${line}\r\n${line}`);
    const gsm8k = await readBenchmark("gsm8k", folder);
    expect([gsm8k.train.length, gsm8k.test.length]).toEqual([3, 2]);
    expect(gsm8k.train[0]).toMatchObject({ id: "train-0", answer: "2,400" });
  });

  it("says of a missing file where it is published and what to name it", async () => {
    for (const name of benchmarkNames) {
      const { url, files } = benchmarkSources[name];
      const [file] = Object.values(files) as [string];
      await expect(readBenchmark(name, join(folder, "empty"))).rejects.toMatchObject({
        exitCode: 2,
        place: { file: join(folder, "empty", file) },
        remedy: `Its authors publish it at ${url}. Put it into ${join(folder, "empty")} as ${file}.`,
      });
    }
  });

  it.each([
    ["no JSON", "{ examples: [", /not JSON/],
    ["a number", "7", /a number, neither/],
    ["rows that are no list", '{"examples": {"a": 1}}', /an object, neither/],
    ["too few rows", '{"examples": []}', /fewer than two rows/],
    ["a row that is a text", '["a", "b"]', /the row is none of coin_flip/],
    ["an answer that cannot be read", '[{"question": "q", "answer": "perhaps"}]', /cannot be read/],
    ["nothing", "", /not JSON/],
    ["other bytes", "\u0000\u0001PAR1", /not JSON/],
  ])("refuses a file with %s", async (_, text, message) => {
    await write("coin_flip/coin_flip.json", text);
    await expect(readBenchmark("coin_flip", folder)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });
});

describe("tasks command", () => {
  it("lists the benchmarks and prepares one", async () => {
    const list = await cli(["tasks", "ls"]);
    for (const name of benchmarkNames) expect(list.stdout).toContain(`${name}  `);
    const row = JSON.stringify(trueRows.svamp[0]!.row);
    await write("svamp/SVAMP.json", `[${Array(10).fill(row).join(",")}]`);
    const { code, stdout, stderr } = await cli(["tasks", "prepare", "svamp", "--from", folder, "--json"]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/10 rows/);
    const { train, test, files } = JSON.parse(stdout) as {
      train: number;
      test: number;
      files: { train: string };
    };
    expect([train, test]).toEqual([7, 3]);
    expect(files.train).toBe(join(folder, "svamp/prepared/train.jsonl"));
    expect((await readFile(files.train, "utf8")).split("\n")[0]).toMatch(
      /^\{"id":"SVAMP-\d","question":"There are 8/,
    );
    const wrong = await cli(["tasks", "prepare", "swamp", "--from", folder]);
    expect(wrong.code).toBe(2);
  });

  it("does not overwrite the authors' files with what it makes of them", async () => {
    const text = `${JSON.stringify(trueRows.gsm8k[0]!.row)}\n`.repeat(3);
    await write("gsm8k/train.jsonl", text);
    await write("gsm8k/test.jsonl", text);
    await symlink(join(folder, "gsm8k"), join(folder, "link"));
    for (const out of [join(folder, "gsm8k"), join(folder, "link")]) {
      const { code, stderr } = await cli(["tasks", "prepare", "gsm8k", "--from", folder, "--out", out]);
      expect(code, stderr).toBe(2);
      expect(stderr).toContain("would overwrite");
      expect(stderr).toContain(join(out, "train.jsonl"));
      expect(stderr).toContain("fix: Give another folder with --out.");
      for (const name of ["train.jsonl", "test.jsonl"])
        expect(await readFile(join(folder, "gsm8k", name), "utf8")).toBe(text);
    }
  });
});

describe("recipes of the benchmarks", () => {
  it("are there for all twelve, valid, and say what is missing", async () => {
    const names = (await listRecipes()).map(({ name }) => name).filter((name) => name.startsWith("tasks/"));
    expect(names).toEqual([...benchmarkNames].map((name) => `tasks/${name}`).sort());
    for (const name of benchmarkNames) {
      const { recipe, missing } = await validateRecipe(`tasks/${name}`);
      expect(recipe.data!.answerKind).toBe(name);
      expect(
        missing.map(({ key }) => key),
        name,
      ).toEqual(["data.train", "data.test"]);
    }
    const { code, stderr } = await cli(["distill", "tasks/aqua", "--dry-run"]);
    expect(code).toBe(2);
    expect(stderr).toContain(benchmarkSources.aqua.url);
    expect(stderr).toContain("skipthink tasks prepare aqua");
  });
});
