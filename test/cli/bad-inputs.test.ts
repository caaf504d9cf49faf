import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer } from "../../src/students/tokenizer.ts";
import { tinyTokenizer, writeTinyGpt2 } from "../students/tiny-folder.ts";
import { type CliResult, cli, tinyStudent } from "./run-cli.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-bad-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Row {
  question: string;
  rationale?: string;
  answer: string;
}

/** Ten good rows; the answer is a number. */
function goodRows(): Row[] {
  return Array.from({ length: 10 }, (_, i) => ({
    question: `Ann has ${i} apples and gets 2 more. How many has she?`,
    rationale: `She has ${i}. She gets 2. ${i} + 2 = ${i + 2}.`,
    answer: String(i + 2),
  }));
}

let made = 0;
/** Runs a recipe on the given lines of train.jsonl; `recipeLines` are added, or take the place of a line of that key. */
async function distill(
  lines: readonly string[],
  recipeLines: readonly string[] = [],
  options: readonly string[] = [],
): Promise<CliResult> {
  const place = join(folder, `case-${++made}`);
  await mkdir(place);
  await writeFile(join(place, "train.jsonl"), `${lines.join("\n")}\n`);
  const keyOf = (line: string): string => line.split(":")[0]!;
  const recipe = [
    "data: { train: train.jsonl, answerKind: number }",
    `student: ${tinyStudent}`,
    "methods: [full]",
    "threads: 1",
  ].filter((line) => !recipeLines.some((other) => keyOf(other) === keyOf(line)));
  await writeFile(join(place, "recipe.yaml"), [...recipe, ...recipeLines, ""].join("\n"));
  return await cli([
    "distill",
    join(place, "recipe.yaml"),
    "--out",
    join(place, "run"),
    "--json",
    ...options,
  ]);
}

function expectRefusal(result: CliResult, ...fragments: (string | RegExp)[]): void {
  expect(result.code, result.stderr).toBe(2);
  expect(result.stdout).toBe("");
  for (const fragment of fragments) expect(result.stderr).toMatch(fragment);
  expect(result.stderr).not.toContain("defect of skipthink");
}

const json = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row));

describe("rows that cannot be used are refused by file and line", () => {
  it("a broken JSON line", async () => {
    const lines = json(goodRows());
    lines[3] = lines[3]!.slice(0, 30);
    expectRefusal(await distill(lines), /train\.jsonl:4/, "JSON");
  });

  it("a missing field", async () => {
    const rows = goodRows();
    delete rows[5]!.rationale;
    expectRefusal(await distill(json(rows)), /train\.jsonl:6/, "rationale");
  });

  it("an empty rationale", async () => {
    const rows = goodRows();
    rows[2]!.rationale = "  \n";
    expectRefusal(await distill(json(rows)), /train\.jsonl:3/, "rationale");
  });

  it("an answer that cannot be read", async () => {
    const rows = goodRows();
    rows[7]!.answer = "several";
    expectRefusal(await distill(json(rows)), /train\.jsonl:8/, "several");
  });

  it("a rationale longer than the student's context", async () => {
    const rows = goodRows().map((row) => ({ ...row, rationale: "She counts on and on. ".repeat(400) }));
    expectRefusal(await distill(json(rows)), "context holds 640", /train\.jsonl:\d+ /, "items.tooLong=drop");
  });

  it("a dev or test question longer than the student's context, named by file and line", async () => {
    const long = { ...goodRows()[1]!, question: "How many of these are there? ".repeat(400) };
    const place = join(folder, "long-questions");
    await mkdir(place);
    const heldOut = join(place, "held-out.jsonl");
    await writeFile(heldOut, `${json([goodRows()[0]!, long]).join("\n")}\n`);
    const splits = (keys: string): string[] => [
      `data: { train: train.jsonl, ${keys}: ${heldOut}, answerKind: number }`,
    ];
    expectRefusal(await distill(json(goodRows()), splits("test")), "test problem", /held-out\.jsonl:2 /);
    const dev = await distill(json(goodRows()), splits("dev"));
    expectRefusal(dev, "dev problem", /held-out\.jsonl:2 /, "items.tooLong=drop");
    const dropping = [...splits("dev"), "items: { tooLong: drop }"];
    const dropped = await distill(json(goodRows()), dropping, ["--dry-run"]);
    expect(dropped.code, dropped.stderr).toBe(0);
    expect(dropped.stderr).toContain("1 of 2 dev questions are longer than the context");
  });

  it("a dev split that is the test split, so that no dev problem is left", async () => {
    const data = "data: { train: train.jsonl, dev: train.jsonl, test: train.jsonl, answerKind: number }";
    // The training file has questions that are not in either: rows are taken out of train and dev, not of test.
    const place = join(folder, "splits");
    await mkdir(place);
    await writeFile(join(place, "held-out.jsonl"), `${json(goodRows().slice(0, 4)).join("\n")}\n`);
    const splits = data.replace(/(dev|test): train/g, `$1: ${join(place, "held-out")}`);
    const result = await distill(json(goodRows()), [splits]);
    expectRefusal(result, /held-out\.jsonl/, "no dev problem is left", "train.select=last");
  });

  it("a file that is not there", async () => {
    const result = await distill(json(goodRows()), ["data: { train: gone.jsonl }"]);
    expectRefusal(result, /at .*gone\.jsonl/, "the data file is not there");
  });

  it("a folder in place of a file", async () => {
    const result = await distill(json(goodRows()), [`data: { train: ${folder} }`]);
    expectRefusal(result, "a folder stands where a data file is expected", folder, "Name a file in it.");
  });
});

describe("output folders", () => {
  it.each([
    ["that are files", "", "the output folder is a file"],
    ["below a file", "/below", "a part of the path is a file"],
  ])("%s are refused", async (_where, below, message) => {
    const file = join(folder, `file${++made}`);
    await writeFile(file, "kept");
    const result = await cli(["demo", "--short", "--quiet", "--out", file + below]);
    expectRefusal(result, message, file, "fix:");
    expect(await readFile(file, "utf8")).toBe("kept");
  });
});

describe("recipes", () => {
  it("with an unknown key are refused by line, with the nearest key", async () => {
    const result = await distill(json(goodRows()), ["train:", "  learningRat: 0.1"]);
    expectRefusal(result, /recipe\.yaml:6/, 'unknown key "learningRat"', "train.learningRate");
  });
});

describe("students", () => {
  /** A small GPT-2 with a tokenizer of its own. @param spare rows that the embedding has beyond the tokenizer's */
  async function makeStudent(name: string, spare = 0): Promise<string> {
    const model = join(folder, name);
    const texts = goodRows().map(({ question, rationale }) => `${question} ${rationale}`);
    await writeTinyGpt2(model, tinyTokenizer(texts, 300), { contextLength: 256, spare });
    return model;
  }

  it("with truncated weights are refused by file", async () => {
    const model = await makeStudent("truncated");
    const weights = join(model, "model.safetensors");
    await truncate(weights, (await stat(weights)).size - 100);
    const result = await distill(json(goodRows()), [`student: { model: ${model} }`]);
    expectRefusal(result, /truncated\/model\.safetensors/);
  });

  it("with a tokenizer of another vocabulary are refused", async () => {
    const model = await makeStudent("mismatched", -20);
    const result = await distill(json(goodRows()), [`student: { model: ${model} }`]);
    expectRefusal(result, "The tokenizer belongs to another model", /vocab_size/);
  });

  it("without config.json are refused", async () => {
    const result = await distill(json(goodRows()), [`student: { model: ${folder} }`]);
    expectRefusal(result, "no config.json", "student.model");
  });

  it.each([
    ["grows for the markers", 0],
    ["keeps spare rows that the markers fit into", 20],
  ])("that are whole train, and their embedding %s", async (_does, spare) => {
    const model = await makeStudent(`whole-${spare}`, spare);
    const result = await distill(json(goodRows()), [
      `student: { model: ${model} }`,
      "train: { budget: { unit: epochs, amount: 1 } }",
      "evaluate: { maxNewTokens: 4, latencyProblems: 1 }",
    ]);
    expect(result.code, result.stderr).toBe(0);
    const { run } = JSON.parse(result.stdout) as { run: string };
    const config = JSON.parse(await readFile(join(run, "students/full/config.json"), "utf8")) as {
      vocab_size: number;
    };
    const tokenizer = await loadTokenizer(join(run, "students/full"));
    const before = (await loadTokenizer(model)).vocabularySize;
    expect(tokenizer.vocabularySize).toBeGreaterThan(before);
    expect(config.vocab_size).toBe(Math.max(tokenizer.vocabularySize, before + spare));
    expect(tokenizer.idOf("<|chunk|>")).toBeDefined();
  });
});
