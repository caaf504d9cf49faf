/** metrics/<method>.jsonl: one line per optimizer step, and none of steps that the checkpoint in use does not know. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { appendText } from "../tensor/atomic-file.ts";
import { readFinishedJsonLines, writeJsonLines } from "./json-lines.ts";

export interface TrainMetrics {
  step: number;
  epoch: number;
  stage: string;
  loss: number;
  learningRate: number;
  gradientNorm: number;
  tokens: number;
  paddedTokens: number;
  targetTokens: number;
  trainedTokens: number;
  seconds: number;
}

export async function appendMetrics(path: string, line: TrainMetrics): Promise<void> {
  await appendText(path, JSON.stringify(line) + "\n");
}

/** Makes the file, or drops its lines after `step`: those steps are trained again. */
export async function rewindMetrics(path: string, step: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const old = existsSync(path) ? await readFinishedJsonLines<TrainMetrics>(path) : [];
  await writeJsonLines(
    path,
    old.filter((line) => line.step <= step),
  );
}
