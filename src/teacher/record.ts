/**
 * What an answer folder, or an import, tells about itself, for reports: the statistics of its filter and some samples of each
 * fate. The files are a user's, so everything in them is checked, and what does not fit is left out.
 */
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { readTable } from "../tasks/read/table.ts";
import { SkipthinkError } from "../util/errors.ts";
import { type DropReason, dropReasons } from "./filter.ts";
import { type ImportOrigin, importFiles, outputPaths, statisticsName, type WrittenTask } from "./output.ts";
import type { TaskStatistics } from "./statistics.ts";

/** Samples of one task and one fate (kept, or dropped for one reason) that a report shows. */
export const samplesPerFate = 12;
/** Characters of a sample's text: what the filter keeps by default; of endless replies the start is enough. */
const maxTextCharacters = 20_000;
/** Bytes: ten thousand tasks stay below this. */
const largestStatistics = 16 << 20;
/** Tasks that samples are read of; the table has them all. */
const sampledTasks = 24;

export interface TeacherSample {
  task: string;
  id: string;
  question: string;
  /** Gold answer. */
  answer: string;
  /** Answer read from the reply; undefined: none could be read. */
  predicted?: string;
  /** Which sample of its question, from 1. */
  sample: number;
  /** Undefined: kept. */
  reason?: DropReason;
  /** The rationale of a kept sample, the whole reply of a dropped one. */
  text: string;
}

export interface TeacherRecord {
  /** Name of the model that was asked; undefined where the samples do not say. */
  model?: string;
  /** Of an import alone. */
  imported?: ImportOrigin;
  tasks: TaskStatistics[];
  /** The first of each task and fate. */
  samples: TeacherSample[];
}

const count = z.int().min(0).max(1e12);
const statisticsSchema = z.object({
  tasks: z
    .array(
      z.object({
        task: z.string(),
        questions: count,
        wanted: count,
        missing: count,
        kept: count,
        dropped: z.record(z.enum(dropReasons), count),
        covered: count,
        meanWords: z.number().min(0),
      }),
    )
    .max(10_000),
  imported: z
    .object({
      file: z.string(),
      form: z.string(),
      skipped: z.record(z.string(), count),
      ownAnswers: z.boolean(),
    })
    .optional(),
});
const rowSchema = z.object({
  id: z.string(),
  question: z.string(),
  answer: z.string(),
  predicted: z.string().nullish(),
  sample: z.int(),
  model: z.string().nullish(),
  rationale: z.string(),
  reason: z.enum(dropReasons).optional(),
  text: z.string().optional(),
});

/**
 * The record of the answer folder that a training file was written into, or of its import.
 * @param trainFile the file a run trains on, e.g. `teacher/qwen/rationales/gsm8k.jsonl`
 * @returns that task alone; undefined for a file that neither `teach` nor `teach import` has written
 */
export async function recordOfTrainFile(trainFile: string): Promise<TeacherRecord | undefined> {
  const folder = dirname(dirname(trainFile));
  const task = basename(trainFile, ".jsonl");
  if (outputPaths(folder, task).rationales === join(trainFile)) {
    const all = await readStatistics(join(folder, statisticsName));
    const tasks = all?.tasks.filter((one) => one.task === task) ?? [];
    if (tasks.length > 0) return await readRecord(folder, tasks);
  }
  const own = await readStatistics(importFiles(trainFile).statistics);
  const [statistics] = own?.tasks ?? [];
  return own?.imported === undefined || statistics === undefined
    ? undefined
    : await readImportRecord(trainFile, statistics, own.imported);
}

/** The record of tasks of an answer folder, whose files are read for samples. */
export async function readRecord(folder: string, tasks: readonly TaskStatistics[]): Promise<TeacherRecord> {
  return await recordOf(tasks, (task) => outputPaths(folder, task));
}

/** @param rationales the file that was imported to, whose neighbours are read for samples */
export async function readImportRecord(
  rationales: string,
  statistics: TaskStatistics,
  imported: ImportOrigin,
): Promise<TeacherRecord> {
  return { imported, ...(await recordOf([statistics], () => importFiles(rationales))) };
}

async function recordOf(
  tasks: readonly TaskStatistics[],
  pathsOf: (task: string) => WrittenTask,
): Promise<TeacherRecord> {
  const samples: TeacherSample[] = [];
  let model: string | undefined;
  for (const statistics of tasks.slice(0, sampledTasks)) {
    const { task } = statistics;
    const paths = pathsOf(task);
    for (const [path, wanted] of [
      [paths.rationales, { kept: statistics.kept }],
      [paths.dropped, statistics.dropped],
    ] as const) {
      for await (const { model: from, ...row } of firstOfEach(path, wanted)) {
        model ??= from;
        samples.push({ task, ...row });
      }
    }
  }
  return { ...(model === undefined ? {} : { model }), tasks: [...tasks], samples };
}

async function readStatistics(path: string): Promise<z.infer<typeof statisticsSchema> | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    if ((await stat(path)).size > largestStatistics) return undefined;
    return statisticsSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    // Some other program's file of that name.
    return undefined;
  }
}

type Row = Omit<TeacherSample, "task"> & { model?: string };

/** The first rows of each fate, in the file's order; ends once there are as many as there can be. */
async function* firstOfEach(path: string, counts: Readonly<Record<string, number>>): AsyncGenerator<Row> {
  const left = new Map(
    Object.entries(counts)
      .filter(([, total]) => total > 0)
      .map(([fate, total]) => [fate, Math.min(total, samplesPerFate)]),
  );
  if (left.size === 0 || !existsSync(path)) return;
  try {
    for await (const { row } of readTable(path, "jsonl")) {
      const { data } = rowSchema.safeParse(row);
      if (data === undefined) continue;
      const fate = data.reason ?? "kept";
      const still = left.get(fate) ?? 0;
      if (still === 0) continue;
      if (still === 1) left.delete(fate);
      else left.set(fate, still - 1);
      const { id, question, answer, sample, reason } = data;
      yield {
        id,
        question,
        answer,
        sample,
        text: (data.text ?? data.rationale).slice(0, maxTextCharacters),
        ...(typeof data.predicted === "string" ? { predicted: data.predicted } : {}),
        ...(reason === undefined ? {} : { reason }),
        ...(typeof data.model === "string" ? { model: data.model } : {}),
      };
      if (left.size === 0) return;
    }
  } catch (error) {
    // A file that was changed by hand must not cost the report; the table still says how many there were.
    if (!(error instanceof SkipthinkError)) throw error;
  }
}
