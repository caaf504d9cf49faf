/** The two plain methods: no rationale at all, and Fine-tune-CoT, the whole rationale at once. */
import { answerOnlyItem, fullItem } from "../items/build.ts";
import type { MethodPlan } from "./plan.ts";

const plain = {
  needsChunks: "none",
  needsSkips: false,
  oneStagePerBatch: false,
  usesMarkers: false,
} as const;

export const answerOnly: MethodPlan = {
  ...plain,
  name: "answer-only",
  description: "The answer without any rationale",
  items: ({ encoded }) => [answerOnlyItem(encoded)],
};

export const full: MethodPlan = {
  ...plain,
  name: "full",
  description: "The whole rationale at once (Fine-tune-CoT)",
  items: ({ encoded }) => [fullItem(encoded)],
};
