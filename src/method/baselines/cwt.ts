/** Chunk-wise training (docs/method.md §4): one item per chunk and one for the answer, one chunk per iteration. */
import { SkipthinkError } from "../../util/errors.ts";
import { answerItem, stageItems } from "../items/build.ts";
import type { TrainingItem } from "../items/types.ts";
import type { ItemSettings, MethodPlan, RationaleMaterial } from "./plan.ts";

const cwt = {
  needsSkips: false,
  oneStagePerBatch: true,
  usesMarkers: true,
  items: (material: RationaleMaterial, settings: ItemSettings): TrainingItem[] => [
    ...chunkTasks(material, settings),
    ...answerTask(material, settings),
  ],
} as const;

export const cwtAc: MethodPlan = {
  ...cwt,
  name: "cwt-ac",
  description: "Chunk-wise training on average chunks",
  needsChunks: "average",
};

export const cwtSbc: MethodPlan = {
  ...cwt,
  name: "cwt-sbc",
  description: "Chunk-wise training on searched chunks",
  needsChunks: "search",
};

/** The M stage items. @throws SkipthinkError if the rationale has no chunking */
export function chunkTasks(
  { encoded, boundaries }: RationaleMaterial,
  { markers, stageWeight }: ItemSettings,
): TrainingItem[] {
  if (boundaries === undefined)
    throw new SkipthinkError("A rationale has no chunking.", {
      place: { key: encoded.rationaleId },
      remedy: "Chunk the rationales before training on chunks.",
    });
  return stageWeight > 0 ? stageItems(encoded, boundaries, markers, stageWeight) : [];
}

/** The answer item, on the kept steps where skips are known. */
export function answerTask(
  { encoded, skips }: RationaleMaterial,
  { markers, answerWeight }: ItemSettings,
): TrainingItem[] {
  return answerWeight > 0 ? [answerItem(encoded, markers, skips?.keptSteps, answerWeight)] : [];
}
