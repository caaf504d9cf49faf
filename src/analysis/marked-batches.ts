/** The optimizer steps of one epoch of a method, as training plans them, with the core tokens of every item marked. */
import type { WeightedSequence } from "../engine/engine.ts";
import type { ItemSettings, MethodPlan } from "../method/baselines/plan.ts";
import { type EpochOptions, planEpoch } from "../method/items/batches.ts";
import type { EncodedRationale } from "../method/items/encode.ts";
import type { Stage } from "../method/items/types.ts";
import type { CoreMarks } from "./core-tokens.ts";

export interface MarkedBatch {
  stage: Stage | "mixed";
  microBatches: {
    sequences: WeightedSequence[];
    /** 1 for each core token of each sequence's target. [target length] each */
    core: Float32Array[];
  }[];
}

/** What the items of a rationale are made of, and what is known of its tokens. */
export interface MarkedRationale {
  encoded: EncodedRationale;
  boundaries: readonly number[];
  marks: CoreMarks;
}

/** @param plan a method whose items hold whole rationales or whole chunks: `full` or chunk-wise training */
export function markedBatches(
  plan: Pick<MethodPlan, "items" | "oneStagePerBatch">,
  rationales: readonly MarkedRationale[],
  settings: ItemSettings,
  epoch: Omit<EpochOptions, "oneStagePerBatch" | "epoch">,
): MarkedBatch[] {
  const byId = new Map(rationales.map((one) => [one.encoded.rationaleId, one]));
  const items = rationales.flatMap(({ encoded, boundaries }) =>
    plan.items({ encoded, boundaries }, settings),
  );
  const batches = planEpoch(items, { ...epoch, epoch: 0, oneStagePerBatch: plan.oneStagePerBatch });
  return batches.map(({ stage, microBatches, rationaleIds }) => {
    let next = 0;
    return {
      stage,
      microBatches: microBatches.map((sequences) => ({
        sequences,
        core: sequences.map(({ target }) =>
          // Without one stage per batch there are answer items alone.
          coreOfTarget(byId.get(rationaleIds[next++]!)!, stage === "mixed" ? "answer" : stage, target.length),
        ),
      })),
    };
  });
}

/** 1 for each core token of an item's target; what follows the rationale in it (end of chunk, arrow, answer) is not core. */
export function coreOfTarget(
  { encoded, boundaries, marks }: MarkedRationale,
  stage: Stage,
  length: number,
): Float32Array {
  const tokensBefore = (step: number): number =>
    encoded.steps.slice(0, step).reduce((sum, tokens) => sum + tokens.length, 0);
  const [first, last] =
    stage === "answer" ? [0, encoded.steps.length] : [boundaries[stage - 1]!, boundaries[stage]!];
  const flags = new Float32Array(length);
  flags.set(marks.core.subarray(tokensBefore(first), tokensBefore(last)));
  return flags;
}
