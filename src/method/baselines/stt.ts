/** Skip-thinking training (docs/method.md §5): the chunk-wise student goes on, with the shortened rationale in the answer item. */
import { SkipthinkError } from "../../util/errors.ts";
import type { TrainingItem } from "../items/types.ts";
import { answerTask, chunkTasks } from "./cwt.ts";
import type { ItemSettings, MethodPlan, RationaleMaterial } from "./plan.ts";

const skipThinking = {
  startsFrom: "cwt-sbc",
  needsChunks: "search",
  oneStagePerBatch: true,
  usesMarkers: true,
  items: (material: RationaleMaterial, settings: ItemSettings): TrainingItem[] => {
    if (material.skips === undefined)
      throw new SkipthinkError("A rationale has not been probed.", {
        place: { key: material.encoded.rationaleId },
        remedy: "Probe the rationales before skip-thinking training.",
      });
    if (material.skips.dropped) return [];
    // The stage items stay those of the whole rationale: they keep the chunks writable, only the answer item learns to skip.
    const stages = settings.sttItems === "all" ? chunkTasks(material, settings) : [];
    return [...stages, ...answerTask(material, settings)];
  },
} as const;

export const stt: MethodPlan = {
  ...skipThinking,
  name: "stt",
  description: "Skip-thinking: rationales without the chunks the student can spare",
  needsSkips: true,
};

export const sttRandom: MethodPlan = {
  ...skipThinking,
  name: "stt-random",
  description: "Control: as many chunks skipped, picked at random",
  needsSkips: "random",
};
