/**
 * Distilling Step-by-Step (Hsieh et al. 2023, arXiv 2305.02301): two tasks on the same question, told apart by a prefix. The
 * student learns to write the label and, apart from it, the rationale; a step minimizes α·label + (1 - α)·rationale. At
 * inference it is asked for the label alone, so it writes no rationale at all.
 */
import { labelItem, rationaleItem } from "../items/build.ts";
import type { MethodPlan } from "./plan.ts";

export const stepByStep: MethodPlan = {
  name: "step-by-step",
  description: "Two tasks, the label and the rationale (Distilling Step-by-Step)",
  needsChunks: "none",
  needsSkips: false,
  oneStagePerBatch: false,
  keepTogether: true,
  usesMarkers: false,
  prefix: "label",
  items: ({ encoded }, { markers, labelWeight }) => [
    // A task of weight 0 is left out; planEpoch refuses items without weight.
    ...(labelWeight > 0 ? [labelItem(encoded, markers, labelWeight)] : []),
    ...(labelWeight < 1 ? [rationaleItem(encoded, markers, 1 - labelWeight)] : []),
  ],
};
