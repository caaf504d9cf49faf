/**
 * Stepwise internalisation (Deng, Choi and Shieber 2024, arXiv 2405.14838): training starts with whole rationales, and their
 * leading tokens go on a schedule, until the question is followed by the answer alone. The student is to think without
 * writing.
 *
 * Ours: the paper removes a fixed number of tokens per epoch, which needs as many epochs as the longest rationale asks for.
 * Here the same *share* of every rationale is gone at the same share of the budget, so the schedule ends in any budget.
 * AdamW's moments are kept where the paper resets them.
 */
import { fullItem } from "../items/build.ts";
import type { EncodedRationale } from "../items/encode.ts";
import type { IcotSettings, MethodPlan } from "./plan.ts";

/** Longest further removal of removal smoothing, tokens; beyond it the probability is nil for any useful λ. */
const furthestRemoval = 64;

export const icot: MethodPlan = {
  name: "icot",
  description: "Stepwise internalisation: the rationale's leading tokens go on a schedule",
  needsChunks: "none",
  needsSkips: false,
  oneStagePerBatch: false,
  usesMarkers: false,
  items: ({ encoded }) => [fullItem(encoded)],
  progression: {
    settledAt: ({ icot: { until } }) => until,
    atShare: (batch, share, encodedOf, settings, random) => {
      let item = 0;
      const microBatches = batch.microBatches.map((sequences) =>
        sequences.map((sequence) => {
          const encoded = encodedOf(batch.rationaleIds[item++]!);
          const removed = removedTokens(encoded, share, settings.icot, random.next());
          return removed === 0 ? sequence : { ...sequence, target: sequence.target.slice(removed) };
        }),
      );
      return { ...batch, microBatches };
    },
  },
};

/**
 * Leading rationale tokens that are gone at `share` of the budget; never more than the rationale has.
 * @param draw uniform in [0, 1), for removal smoothing
 */
export function removedTokens(
  { steps }: Pick<EncodedRationale, "steps">,
  share: number,
  { from, until, smoothing }: IcotSettings,
  draw: number,
): number {
  const length = steps.reduce((sum, step) => sum + step.length, 0);
  if (share >= until) return length;
  // As long as the rationale is to be whole, smoothing takes nothing either.
  if (share < from) return 0;
  const scheduled = Math.floor((length * (share - from)) / (until - from));
  // P(o ≥ k) = e^(-λk): o is the floor of an exponential draw.
  const further = smoothing === 0 ? 0 : Math.floor(-Math.log(1 - draw) / smoothing);
  return Math.min(length, scheduled + Math.min(further, furthestRemoval));
}
