/** The files that come of it: kept rationales as `distill` reads them, dropped samples with their reason, the statistics. */
import { basename, join } from "node:path";
import { stageFile, writeTextAtomically } from "../tensor/atomic-file.ts";
import type { DropReason } from "./filter.ts";
import type { TaskStatistics } from "./statistics.ts";

/** A line of `rationales/<task>.jsonl`; the recipe's default field names fit. */
export interface KeptRow {
  /** The question's id; rationales of one question share it. */
  id: string;
  question: string;
  /** Gold answer. */
  answer: string;
  rationale: string;
  predicted: string | undefined;
  /** Which sample of its question, from 1. */
  sample: number;
  model: string | undefined;
}

/** A line of `dropped/<task>.jsonl`. */
export interface DroppedRow extends KeptRow {
  reason: DropReason;
  /** The reply as it came. */
  text: string;
}

/** Of the filter, per task: `{ tasks: TaskStatistics[] }`; of an import, where it came from beside them. */
export const statisticsName = "statistics.json";

/** Where imported rationales came from, and what was left out before the filter saw it. */
export interface ImportOrigin {
  /** Name of the file that was read. */
  file: string;
  /** Form of its rows, e.g. `alpaca`. */
  form: string;
  /** Rows that hold no question with one reply, by reason; they are no samples. */
  skipped: Record<string, number>;
  /** Gold answers came from the rationales themselves. */
  ownAnswers: boolean;
}

export interface TaskOutput {
  kept: KeptRow[];
  dropped: DroppedRow[];
  statistics: TaskStatistics;
}

export interface WrittenTask {
  task: string;
  rationales: string;
  dropped: string;
}

/** Writes everything, each file whole. The same samples give the same bytes. */
export async function writeOutputs(folder: string, outputs: readonly TaskOutput[]): Promise<WrittenTask[]> {
  const written: WrittenTask[] = [];
  for (const { kept, dropped, statistics } of outputs) {
    const names = outputPaths(folder, statistics.task);
    await writeLines(names.rationales, kept);
    await writeLines(names.dropped, dropped);
    written.push(names);
  }
  await writeStatistics(
    join(folder, statisticsName),
    outputs.map(({ statistics }) => statistics),
  );
  return written;
}

/** Writes what came of an import beside the file of its rationales. */
export async function writeImport(
  files: ImportFiles,
  { kept, dropped, statistics }: TaskOutput,
  origin: ImportOrigin,
): Promise<void> {
  await writeLines(files.rationales, kept);
  await writeLines(files.dropped, dropped);
  await writeStatistics(files.statistics, [statistics], origin);
}

async function writeStatistics(
  path: string,
  tasks: readonly TaskStatistics[],
  imported?: ImportOrigin,
): Promise<void> {
  await writeTextAtomically(path, `${JSON.stringify({ tasks, imported }, null, 2)}\n`);
}

export function outputPaths(folder: string, task: string): WrittenTask {
  return {
    task,
    rationales: join(folder, "rationales", `${task}.jsonl`),
    dropped: join(folder, "dropped", `${task}.jsonl`),
  };
}

export interface ImportFiles extends WrittenTask {
  statistics: string;
  page: string;
}

/** @param rationales the file that the user named; the others have its name with another ending */
export function importFiles(rationales: string): ImportFiles {
  const stem = rationales.replace(/\.jsonl$/i, "");
  return {
    task: basename(stem),
    rationales,
    dropped: `${stem}.dropped.jsonl`,
    statistics: `${stem}.${statisticsName}`,
    page: `${stem}.html`,
  };
}

/** Line by line: all of them together may be longer than a string can be. */
export async function writeLines(path: string, rows: readonly object[]): Promise<void> {
  const staged = await stageFile(path, async (handle) => {
    for (let from = 0; from < rows.length; from += 1000) {
      const lines = rows.slice(from, from + 1000).map((row) => `${JSON.stringify(row)}\n`);
      await handle.appendFile(lines.join(""), "utf8");
    }
  });
  await staged.commit();
}
