/** Checkpoints of a training: student state first, the position manifest last, so that a manifest means a whole checkpoint. */
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Student } from "../engine/engine.ts";
import { writeTextAtomically } from "../tensor/atomic-file.ts";

export interface ChunkHistoryEntry {
  epoch: number;
  meanObjectiveBefore: number;
  meanObjectiveAfter: number;
  /** Rationales whose boundaries moved. */
  changed: number;
  rationales: number;
  /** Sequences scored for the search: one per rationale with shared context. */
  scoredSequences: number;
  seconds: number;
}

/** Where a training stands; everything that is not weights. */
export interface TrainingPosition {
  /** Hash of what the training depends on; a checkpoint of something else is not used. */
  inputs: string;
  step: number;
  epoch: number;
  /** Batches of this epoch that are done. */
  batch: number;
  trainedTokens: number;
  seconds: number;
  /** Chunking in use, by rationale id; undefined before the first one. */
  boundaries: Record<string, number[]> | undefined;
  /** Last epoch that began with a search. */
  searchedEpoch: number | undefined;
  history: ChunkHistoryEntry[];
  best: { epoch: number; devAccuracy: number; testAccuracy?: number } | undefined;
  /** Highest test accuracy of any epoch, where asked for; never used to choose. */
  bestOnTest: number | undefined;
}

const manifest = "position.json";

export async function saveCheckpoint(
  folder: string,
  student: Student,
  position: TrainingPosition,
  keep: number,
): Promise<void> {
  const target = join(folder, `checkpoint-${position.step}`);
  await student.saveCheckpoint(target);
  await writeTextAtomically(join(target, manifest), JSON.stringify(position));
  const steps = await checkpointSteps(folder);
  for (const step of steps.slice(0, Math.max(0, steps.length - keep))) {
    await rm(join(folder, `checkpoint-${step}`), { recursive: true, force: true });
  }
}

/** Loads the newest whole checkpoint of the same training; undefined if there is none. */
export async function loadCheckpoint(
  folder: string,
  student: Student,
  inputs: string,
): Promise<TrainingPosition | undefined> {
  for (const step of (await checkpointSteps(folder)).reverse()) {
    const source = join(folder, `checkpoint-${step}`);
    if (!existsSync(join(source, manifest))) continue;
    const position = JSON.parse(await readFile(join(source, manifest), "utf8")) as TrainingPosition;
    if (position.inputs !== inputs) continue;
    await student.loadCheckpoint(source);
    return position;
  }
  return undefined;
}

/** Steps of the checkpoints in a folder, rising. */
async function checkpointSteps(folder: string): Promise<number[]> {
  if (!existsSync(folder)) return [];
  return (await readdir(folder))
    .map((name) => /^checkpoint-(\d+)$/.exec(name)?.[1])
    .filter((step) => step !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}
