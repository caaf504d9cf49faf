/** The files that come of it: kept rationales as `distill` reads them, dropped samples with their reason, the statistics. */
import { join } from "node:path";
import { stageFile } from "../tensor/atomic-file.ts";
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

/** Of the filter, per task: `{ tasks: TaskStatistics[] }`. */
export const statisticsName = "statistics.json";

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
  const all = { tasks: outputs.map(({ statistics }) => statistics) };
  const staged = await stageFile(join(folder, statisticsName), (handle) =>
    handle.writeFile(`${JSON.stringify(all, null, 2)}\n`),
  );
  await staged.commit();
  return written;
}

export function outputPaths(folder: string, task: string): WrittenTask {
  return {
    task,
    rationales: join(folder, "rationales", `${task}.jsonl`),
    dropped: join(folder, "dropped", `${task}.jsonl`),
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
