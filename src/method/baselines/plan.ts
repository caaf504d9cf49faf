/** What a training method is, for the pipeline: where it starts, what it needs first, and the items of one rationale. */
import type { RandomStream } from "../../util/random.ts";
import type { EncodedRationale } from "../items/encode.ts";
import type { Markers } from "../items/markers.ts";
import type { PlannedBatch, TrainingItem } from "../items/types.ts";

export const methodNames = [
  "answer-only",
  "full",
  "step-by-step",
  "icot",
  "cwt-ac",
  "cwt-sbc",
  "stt",
  "stt-random",
] as const;
export type MethodName = (typeof methodNames)[number];

export interface ItemSettings {
  markers: Markers;
  /** Task weights (docs/method.md §4); a task of weight 0 is left out. */
  stageWeight: number;
  answerWeight: number;
  /** `answer`: skip-thinking trains the answer item alone, as docs/method.md §5 has it. `all`: the stage items too. */
  sttItems: "answer" | "all";
  /** `step-by-step`: α, the weight of the label task; the rationale task has 1 - α. */
  labelWeight: number;
  icot: IcotSettings;
}

/** Schedule of stepwise internalisation. */
export interface IcotSettings {
  /** Shares of the budget between which the rationale goes, from whole to nothing. */
  from: number;
  until: number;
  /** λ of removal smoothing: o further tokens go with a probability proportional to e^(-λo); 0 switches it off. */
  smoothing: number;
}

/** A method whose targets change while it trains. */
export interface Progression {
  /** Share of the budget from which on its student is what the method is about, and may be chosen on dev. */
  settledAt(settings: ItemSettings): number;
  /** The batch as it is trained at a share of the budget; `random` is a stream of this batch alone. */
  atShare(
    batch: PlannedBatch,
    share: number,
    encodedOf: (rationaleId: string) => EncodedRationale,
    settings: ItemSettings,
    random: RandomStream,
  ): PlannedBatch;
}

/** What earlier stages found out about one rationale; a method uses what it says it needs. */
export interface RationaleMaterial {
  encoded: EncodedRationale;
  /** Its chunking (`needsChunks`). */
  boundaries?: readonly number[];
  /** What probing (or, for `stt-random`, `randomSkips`) left of it (`needsSkips`). */
  skips?: { keptSteps: readonly number[]; dropped: boolean };
}

export interface MethodPlan {
  name: MethodName;
  /** One line for people. */
  description: string;
  /** Trained from this method's student; from the base model without it. */
  startsFrom?: MethodName;
  /** `average`: AC. `search`: SBC, average chunking during the warm-up. */
  needsChunks: "none" | "average" | "search";
  /** true: probe with the student it starts from. `random`: then draw as many skips at random. */
  needsSkips: boolean | "random";
  /** Batches hold one stage only (chunk-wise training). */
  oneStagePerBatch: boolean;
  /** The items of a rationale share a step (see EpochOptions). */
  keepTogether?: boolean;
  /** The student is asked with the `[answer]` marker in front of the question. */
  usesMarkers: boolean;
  /** The student is asked with these words in front of the question. */
  prefix?: "label";
  progression?: Progression;
  /** Training items of one rationale; none if it is dropped. */
  items(material: RationaleMaterial, settings: ItemSettings): TrainingItem[];
}

/** Tokens that a student trained this way is given at inference. */
export function inferencePrompt(
  plan: { usesMarkers: boolean; prefix?: "label" | undefined },
  question: readonly number[],
  markers: Markers,
): number[] {
  if (plan.prefix !== undefined) return [...markers[plan.prefix], ...question];
  return plan.usesMarkers ? [markers.answer, ...question] : [...question];
}
