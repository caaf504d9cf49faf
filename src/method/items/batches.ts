/**
 * One epoch as a list of optimizer steps. The rule of chunk-wise training is kept here: **one chunk per iteration**, a batch
 * holds items of one stage only (docs/method.md §4). The plan depends on the items, the options and the seed alone, so every engine
 * trains on the same batches and a resumed run goes on with the same plan.
 */
import type { TokenSequence } from "../../engine/engine.ts";
import { inputError } from "../../util/errors.ts";
import { RandomStream } from "../../util/random.ts";
import type { PlannedBatch, Stage, TrainingItem } from "./types.ts";

export const schedules = ["shuffled", "roundRobin", "curriculum"] as const;
/**
 * Order of one-stage batches: `shuffled` mixes all of them; `roundRobin` takes one of each stage in turn; `curriculum` goes
 * through stage 1, stage 2, …, answer. Batches of one stage are in shuffled order among themselves in each.
 */
export type Schedule = (typeof schedules)[number];

export interface EpochOptions {
  seed: number;
  /** The plan differs from epoch to epoch. */
  epoch: number;
  /** Largest number of items of one optimizer step; where a rationale's items stay together, of rationales. */
  itemsPerBatch: number;
  /** Largest number of tokens of one forward pass, padding included; a longer item goes alone. */
  tokensPerBatch: number;
  /** true: chunk-wise training. false: stages are mixed freely and `schedule` has nothing to order. */
  oneStagePerBatch: boolean;
  schedule: Schedule;
  /** Items of one rationale go into the same step, which then minimizes their weighted sum (mixed batches only). */
  keepTogether?: boolean;
}

/** Items are sorted by length inside shuffled windows of this many batches: little padding, still random company. */
const batchesPerWindow = 16;

/**
 * Every item exactly once.
 *
 * Weights: the engine averages the loss over an item's target tokens, so a short core chunk is not diluted by a long
 * neighbour; an item's weight is its share of the batch. With equal task weights the weights of a step sum to 1, and in
 * mixed batches always. In one-stage batches a task weight would cancel out within its batch, so there a step's weights
 * sum to the task weight relative to the mean of the epoch: a stage of twice the weight has twice the gradient.
 */
export function planEpoch(items: readonly TrainingItem[], options: EpochOptions): PlannedBatch[] {
  checkOptions(items, options);
  const random = (purpose: string): RandomStream =>
    new RandomStream(options.seed, `items/epoch-${options.epoch}/${purpose}`);
  const meanWeight = items.reduce((sum, item) => sum + item.weight, 0) / items.length;

  if (!options.oneStagePerBatch) {
    const groups = options.keepTogether ? groupByRationale(items) : items.map((item) => [item]);
    const batches = cutIntoBatches(groups, options.itemsPerBatch, random("mixed"));
    return batches.map((batch) => planBatch(batch, total(batch), options.tokensPerBatch));
  }
  const perStage = groupByStage(items).map(([stage, ofStage]) =>
    cutIntoBatches(
      ofStage.map((item) => [item]),
      options.itemsPerBatch,
      random(`stage-${stage}`),
    ),
  );
  return inOrder(perStage, options.schedule, random("order")).map((batch) =>
    planBatch(batch, batch.length * meanWeight, options.tokensPerBatch),
  );
}

/** Tokens an item needs of the student's context. */
export function itemLength(item: TokenSequence): number {
  return item.prompt.length + item.context.length + item.target.length;
}

export interface OverlongItem {
  rationaleId: string;
  stage: Stage;
  /** Tokens. */
  length: number;
}

/** Items that do not fit the student; the caller decides whether that is an error or they are dropped. */
export function checkLengths(items: readonly TrainingItem[], contextLength: number): OverlongItem[] {
  return items
    .map((item) => ({ rationaleId: item.rationaleId, stage: item.stage, length: itemLength(item) }))
    .filter((item) => item.length > contextLength);
}

function checkOptions(items: readonly TrainingItem[], options: EpochOptions): void {
  for (const key of ["itemsPerBatch", "tokensPerBatch"] as const) {
    const value = options[key];
    if (!(Number.isInteger(value) && value >= 1))
      throw inputError(`${key} is ${value}; it must be a whole number of at least 1.`, { key });
  }
  const unweighted = items.find((item) => !(Number.isFinite(item.weight) && item.weight > 0));
  if (unweighted !== undefined)
    throw inputError(
      `An item of stage ${unweighted.stage} has weight ${unweighted.weight}; weights are above 0.`,
      { key: unweighted.rationaleId },
      "Leave the items of a task out instead of giving them no weight.",
    );
}

/** Stages 1, 2, …, answer with their items, in that order. */
function groupByStage(items: readonly TrainingItem[]): [Stage, TrainingItem[]][] {
  const groups = new Map<Stage, TrainingItem[]>();
  for (const item of items) {
    const group = groups.get(item.stage);
    if (group === undefined) groups.set(item.stage, [item]);
    else group.push(item);
  }
  const rank = (stage: Stage): number => (stage === "answer" ? Number.MAX_SAFE_INTEGER : stage);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b));
}

/** Items by rationale, in order of first appearance. */
function groupByRationale(items: readonly TrainingItem[]): TrainingItem[][] {
  const groups = new Map<string, TrainingItem[]>();
  for (const item of items) {
    const group = groups.get(item.rationaleId);
    if (group === undefined) groups.set(item.rationaleId, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** Batches of groups of similar length in random order, each batch longest item first; only the last cut may be smaller. */
function cutIntoBatches(
  groups: readonly (readonly TrainingItem[])[],
  groupsPerBatch: number,
  random: RandomStream,
): TrainingItem[][] {
  const longest = (group: readonly TrainingItem[]): number => Math.max(...group.map(itemLength));
  const shuffled = random.shuffle(groups);
  const batches: TrainingItem[][] = [];
  const windowSize = groupsPerBatch * batchesPerWindow;
  for (let start = 0; start < shuffled.length; start += windowSize) {
    const window = shuffled.slice(start, start + windowSize).sort((a, b) => longest(b) - longest(a));
    for (let i = 0; i < window.length; i += groupsPerBatch)
      batches.push(
        window
          .slice(i, i + groupsPerBatch)
          .flat()
          .sort(longestFirst),
      );
  }
  return random.shuffle(batches);
}

function inOrder<T>(perStage: readonly T[][], schedule: Schedule, random: RandomStream): T[] {
  switch (schedule) {
    case "shuffled":
      return random.shuffle(perStage.flat());
    case "curriculum":
      return perStage.flat();
    case "roundRobin": {
      const rounds = perStage.reduce((most, batches) => Math.max(most, batches.length), 0);
      return Array.from({ length: rounds }, (_, round) =>
        perStage.flatMap((batches) => batches.slice(round, round + 1)),
      ).flat();
    }
    default:
      return schedule satisfies never;
  }
}

/** One optimizer step; an item's share of the loss is its weight over `weightOfBatch`. */
function planBatch(
  items: readonly TrainingItem[],
  weightOfBatch: number,
  tokensPerBatch: number,
): PlannedBatch {
  const stage = items[0]!.stage;
  return {
    stage: items.every((item) => item.stage === stage) ? stage : "mixed",
    microBatches: cutByTokens(items, tokensPerBatch).map((part) =>
      part.map(({ prompt, context, target, weight }) => ({
        prompt,
        context,
        target,
        weight: weight / weightOfBatch,
      })),
    ),
    rationaleIds: items.map((item) => item.rationaleId),
  };
}

/** Cuts items, longest first, so that items × longest stays within the bound in each part. */
function cutByTokens(items: readonly TrainingItem[], tokensPerBatch: number): TrainingItem[][] {
  const parts: TrainingItem[][] = [];
  for (const item of items) {
    const part = parts.at(-1);
    if (part !== undefined && (part.length + 1) * itemLength(part[0]!) <= tokensPerBatch) part.push(item);
    else parts.push([item]);
  }
  return parts;
}

const longestFirst = (a: TrainingItem, b: TrainingItem): number => itemLength(b) - itemLength(a);

const total = (items: readonly TrainingItem[]): number => items.reduce((sum, item) => sum + item.weight, 0);
