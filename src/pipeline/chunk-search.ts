/** Chunks while a training goes on: average ones first, then those that a search with the student as it is now finds. */
import type { Student } from "../engine/engine.ts";
import type { MethodPlan } from "../method/baselines/plan.ts";
import { averageBoundaries } from "../method/chunk/boundaries.ts";
import { type ChunkedRationale, chunkRationales } from "../method/chunk/chunk.ts";
import { mean } from "../util/mean.ts";
import type { ChunkHistoryEntry, TrainingPosition } from "./checkpoint.ts";
import type { Recipe } from "./config/schema.ts";
import type { RunContext, RunStudent } from "./context.ts";

/** Boundaries by rationale id. */
type Boundaries = Record<string, number[]>;

export function averageChunks({ encoded }: Pick<RunStudent, "encoded">, count: number): Boundaries {
  return Object.fromEntries(
    encoded.map(({ rationaleId, steps }) => [rationaleId, averageBoundaries(steps.length, count)]),
  );
}

/** True at the beginning of an epoch that starts with a search and has not had it yet. */
export function searchIsDue(
  { warmUpEpochs, everyEpochs }: Recipe["chunk"],
  { epoch, batch, searchedEpoch }: TrainingPosition,
): boolean {
  return (
    batch === 0 &&
    searchedEpoch !== epoch &&
    epoch >= warmUpEpochs &&
    (epoch - warmUpEpochs) % everyEpochs === 0
  );
}

/** Whether a method's training searches chunks; one that goes on from another's student keeps that one's. */
export function searchesChunks({ needsChunks, startsFrom }: MethodPlan): boolean {
  return needsChunks === "search" && startsFrom === undefined;
}

/** What to say of a budget that ends before the first search; undefined where one comes, or none is wanted. */
export function noSearchWarning(
  { warmUpEpochs }: Recipe["chunk"],
  plan: MethodPlan,
  expected: { steps: number; stepsPerEpoch: number },
): string | undefined {
  if (!searchesChunks(plan)) return undefined;
  // A search belongs to the beginning of an epoch, and is only made if steps follow.
  if (warmUpEpochs * expected.stepsPerEpoch < expected.steps) return undefined;
  const epochs = `${warmUpEpochs} warm-up epoch${warmUpEpochs === 1 ? "" : "s"}`;
  return (
    `the budget of ${plan.name} (${expected.steps} steps) ends within its ${epochs}, so no chunks are searched in training and ` +
    "it learns from average ones, as cwt-ac does. Set chunk.warmUpEpochs=0 or raise train.budget."
  );
}

/**
 * The bound of batches to score. PyTorch's follows the recipe, so that a student too large for the GPU can be helped: without
 * gradients there is room for twice as many tokens as in training.
 */
export function scoringBound({ engine, recipe }: Pick<RunContext, "engine" | "recipe">): {
  maxTokensPerBatch?: number;
} {
  return engine.name === "torch" ? { maxTokensPerBatch: 2 * recipe.train.tokensPerBatch } : {};
}

/** Searches from the chunks in use. */
export async function searchChunks(
  student: Student,
  { encoded, markers }: Pick<RunStudent, "encoded" | "markers">,
  { count, search, context, sharedMarker, maxSweeps }: Recipe["chunk"],
  bound: { maxTokensPerBatch?: number },
  current: { epoch: number; boundaries: Boundaries },
): Promise<{ boundaries: Boundaries; entry: ChunkHistoryEntry; found: ChunkedRationale[] }> {
  const started = performance.now();
  const before = student.counters().scoredSequences;
  const options = { count, search, context, sharedMarker, maxSweeps, ...bound };
  const previous = new Map(Object.entries(current.boundaries));
  const found = await chunkRationales(student, encoded, markers, options, previous);
  const seconds = (performance.now() - started) / 1000;
  return {
    found,
    boundaries: Object.fromEntries(found.map(({ rationaleId, boundaries }) => [rationaleId, boundaries])),
    entry: {
      epoch: current.epoch,
      meanObjectiveBefore: mean(found.map(({ objectiveBefore }) => objectiveBefore)),
      meanObjectiveAfter: mean(found.map(({ objectiveAfter }) => objectiveAfter)),
      changed: found.filter(
        ({ boundaries, boundariesBefore }) => boundaries.join() !== boundariesBefore.join(),
      ).length,
      rationales: found.length,
      scoredSequences: student.counters().scoredSequences - before,
      seconds,
    },
  };
}
