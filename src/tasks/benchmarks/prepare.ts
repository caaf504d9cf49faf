/**
 * A benchmark's original files as the questions that `teach` asks and the test set that `distill` measures on: two JSONL files
 * in the published split. Nothing is fetched; a file that is not there is named with the place where its authors publish it.
 */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { inputError } from "../../util/errors.ts";
import { normalizeGold } from "../answers/answers.ts";
import { readJson } from "../read/json.ts";
import { isRecord, kindOf, readJsonLines } from "../read/jsonl.ts";
import type { TableRow } from "../read/table.ts";
import { publishedSample, publishedSplit } from "./published-split.ts";
import { type BenchmarkRow, readBenchmarkRow } from "./rows.ts";
import { type BenchmarkName, benchmarkSources } from "./sources.ts";

/** A line of train.jsonl and test.jsonl; a recipe's default field names fit. */
export interface PreparedRow extends BenchmarkRow {
  id: string;
}

export interface PreparedBenchmark {
  train: PreparedRow[];
  test: PreparedRow[];
  notes: string[];
}

/**
 * Reads a benchmark and splits it by the published rule.
 * @param folder holds the files under the names of `benchmarkSources`
 * @throws input error (exit code 2) for a file that is missing, or is not as its authors publish it
 */
export async function readBenchmark(name: BenchmarkName, folder: string): Promise<PreparedBenchmark> {
  const { files, rows: published, trainSample } = benchmarkSources[name];
  if ("all" in files) {
    const all = await readFileRows(name, folder, files.all);
    const { train, test } = publishedSplit(all.length);
    const notes =
      all.length === published
        ? []
        : [
            `the file has ${all.length} rows; the published split, of ${published}, was made anew by its rule`,
          ];
    return { train: train.map((row) => all[row]!), test: test.map((row) => all[row]!), notes };
  }
  const train = await readFileRows(name, folder, files.train);
  const test = await readFileRows(name, folder, files.test);
  if (trainSample === undefined || train.length <= trainSample) return { train, test, notes: [] };
  const sample = publishedSample(train.length, trainSample).map((row) => train[row]!);
  const other = train.length === published ? "" : `, whose published version has ${published}`;
  return {
    train: sample,
    test,
    notes: [`${trainSample} of ${train.length} training rows were drawn by the published rule${other}`],
  };
}

/** Writes train.jsonl and test.jsonl; returns their paths. */
export async function writeBenchmark(
  { train, test }: PreparedBenchmark,
  folder: string,
): Promise<{ train: string; test: string }> {
  const paths = { train: join(folder, "train.jsonl"), test: join(folder, "test.jsonl") };
  const lines = (rows: readonly PreparedRow[]): string =>
    rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  await writeTextAtomically(paths.train, lines(train));
  await writeTextAtomically(paths.test, lines(test));
  return paths;
}

async function readFileRows(name: BenchmarkName, folder: string, file: string): Promise<PreparedRow[]> {
  const path = resolve(folder, file);
  if (!existsSync(path)) throw missingFile(name, folder, file);
  const stem = file.replace(/^.*\/|\.[^.]*$/g, "");
  const rows: PreparedRow[] = [];
  for await (const { row, line } of rowsOf(path)) {
    const place = { file: path, line };
    const read = readBenchmarkRow(name, row, place);
    if (normalizeGold(name, read.answer) === undefined)
      throw inputError(`the answer cannot be read as ${name}`, place, "Correct the row or leave it out.");
    // The row's number in the published file: what the split lists count by.
    rows.push({ id: `${stem}-${rows.length}`, ...read });
  }
  if (rows.length < 2) throw inputError("the file holds fewer than two rows", { file: path });
  return rows;
}

function missingFile(name: BenchmarkName, folder: string, file: string): Error {
  const { title, url } = benchmarkSources[name];
  return inputError(
    `the file of ${title} is not there`,
    { file: resolve(folder, file) },
    `Its authors publish it at ${url}. Put it into ${folder} as ${file}.`,
  );
}

/** Rows of a JSON array, of BIG-bench's `{"examples": […]}`, or of JSON lines, whichever the file is. */
async function* rowsOf(path: string): AsyncGenerator<{ row: unknown; line: number }> {
  if (await isJsonLines(path)) {
    yield* readJsonLines(path) satisfies AsyncIterable<TableRow>;
    return;
  }
  const value = await readJson(path, "Give the original file.");
  const rows = isRecord(value) && Object.hasOwn(value, "examples") ? value.examples : value;
  if (!Array.isArray(rows))
    throw inputError(
      `the file holds ${kindOf(rows)}, neither an array of rows nor one under "examples"`,
      { file: path },
      "Give the original file.",
    );
  for (const [index, row] of rows.entries()) yield { row, line: index + 1 };
}

/** Longest first line looked at; the longest of the published ones has a few thousand characters. */
const longestFirstLine = 1_000_000;

/** Whether the first line is a JSON object by itself that does not hold the rows. */
async function isJsonLines(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(longestFirstLine), 0, longestFirstLine, 0);
    const [first = ""] = buffer
      .subarray(0, bytesRead)
      .toString("utf8")
      .replace(/^\ufeff/, "")
      .trimStart()
      .split("\n", 1);
    try {
      const value: unknown = JSON.parse(first);
      return isRecord(value) && !Object.hasOwn(value, "examples");
    } catch {
      return false;
    }
  } finally {
    await file.close();
  }
}
