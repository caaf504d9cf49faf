/** Checkpoints of a training: student state first, the position manifest last, so that a manifest means a whole checkpoint. */
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Student } from "../engine/engine.ts";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import type { LossTrend } from "./guard.ts";

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

/** The student on the dev split, at the end of an epoch. */
export interface DevMeasurement {
  /** 1-based. */
  epoch: number;
  step: number;
  trainedTokens: number;
  seconds: number;
  accuracy: number;
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
  /** Every measurement on the dev split so far. */
  measured: DevMeasurement[];
  best: { epoch: number; devAccuracy: number } | undefined;
  /** Highest test accuracy of any epoch, where asked for; never used to choose. */
  bestOnTest: number | undefined;
  /** What the divergence guard has seen. */
  losses: LossTrend | undefined;
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
  // Those of another training (the data has changed since) are of no use, whatever their step.
  const own: number[] = [];
  const remove = (step: number): Promise<void> =>
    rm(join(folder, `checkpoint-${step}`), { recursive: true, force: true });
  for (const step of await checkpointSteps(folder)) {
    if ((await positionOf(folder, step))?.inputs === position.inputs) own.push(step);
    else await remove(step);
  }
  for (const step of own.slice(0, Math.max(0, own.length - keep))) await remove(step);
}

/** Loads the newest whole checkpoint of the same training that is usable; undefined if there is none. */
export async function loadCheckpoint(
  folder: string,
  student: Student,
  inputs: string,
  isUsable: (position: TrainingPosition) => boolean = () => true,
): Promise<TrainingPosition | undefined> {
  for (const step of (await checkpointSteps(folder)).reverse()) {
    const position = await positionOf(folder, step);
    if (position?.inputs !== inputs || !isUsable(position)) continue;
    await student.loadCheckpoint(join(folder, `checkpoint-${step}`));
    return position;
  }
  return undefined;
}

/** Undefined for a checkpoint that is not whole. */
async function positionOf(folder: string, step: number): Promise<TrainingPosition | undefined> {
  const path = join(folder, `checkpoint-${step}`, manifest);
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as TrainingPosition) : undefined;
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
