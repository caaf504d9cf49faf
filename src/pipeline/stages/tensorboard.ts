/** A run's metrics as TensorBoard event files: tensorboard/<method>/, one file each, the same bytes for the same metrics. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { MethodResult } from "../../report/data.ts";
import { eventFile, type ScalarEvent } from "../../report/tensorboard.ts";
import { stageFile } from "../../tensor/atomic-file.ts";
import type { RunContext } from "../context.ts";
import type { TrainMetrics } from "../metrics.ts";

/** @param createdAt of the run; a step's time is that plus the seconds trained so far */
export async function writeTensorBoard(
  { folder }: RunContext,
  methods: Readonly<Record<string, MethodResult>>,
  createdAt: string,
): Promise<void> {
  const startedAt = Date.parse(createdAt) / 1000;
  await rm(folder.file("tensorboard"), { recursive: true, force: true });
  for (const [method, result] of Object.entries(methods)) {
    const lines = existsSync(folder.metrics(method))
      ? await folder.readJsonLines<TrainMetrics>("metrics", `${method}.jsonl`)
      : [];
    const events = runEvents(lines, result, startedAt);
    const name = `events.out.tfevents.${Math.floor(startedAt)}.skipthink`;
    const staged = await stageFile(folder.file("tensorboard", method, name), async (file) => {
      await file.writeFile(eventFile(events, startedAt));
    });
    await staged.commit();
  }
}

/**
 * One event per optimizer step, and one with what the kept student reached, at the step it was kept at.
 * @param startedAt Unix time, seconds
 */
export function runEvents(
  lines: readonly TrainMetrics[],
  result: MethodResult,
  startedAt: number,
): ScalarEvent[] {
  const { selectedEpoch = Number.POSITIVE_INFINITY } = result;
  // Epochs of the metrics count from 0.
  const kept = lines.filter(({ epoch }) => epoch < selectedEpoch).at(-1);
  return [
    ...lines.map((line) => trainEvent(line, startedAt)),
    testEvent(result, kept?.step ?? 0, startedAt + (kept?.seconds ?? 0)),
  ];
}

function trainEvent(line: TrainMetrics, startedAt: number): ScalarEvent {
  return {
    wallTime: startedAt + line.seconds,
    step: line.step,
    scalars: {
      "train/loss": line.loss,
      "train/learning_rate": line.learningRate,
      "train/gradient_norm": line.gradientNorm,
      "train/trained_tokens": line.trainedTokens,
      "train/epoch": line.epoch,
    },
  };
}

function testEvent(result: MethodResult, step: number, wallTime: number): ScalarEvent {
  return {
    wallTime,
    step,
    scalars: {
      "test/accuracy": result.accuracy,
      "test/generated_tokens": result.meanGeneratedTokens,
      "test/seconds_per_problem": result.secondsPerProblem,
      ...(result.devAccuracy === undefined ? {} : { "dev/accuracy": result.devAccuracy }),
    },
  };
}
