/** Training items: what one row of a batch is, before and after tokenization. */
import type { WeightedSequence } from "../../engine/engine.ts";

/** `answer`: question → rationale and answer. A number m ≥ 1: question and chunks before m → chunk m. */
export type Stage = number | "answer";

export interface TrainingItem {
  /** Rationale the item comes from. */
  rationaleId: string;
  stage: Stage;
  prompt: number[];
  context: number[];
  target: number[];
  /** Task weight (stageWeight or answerWeight of the configuration). */
  weight: number;
}

/** One optimizer step's worth of items; CWT batches hold one stage only. */
export interface PlannedBatch {
  stage: Stage | "mixed";
  microBatches: WeightedSequence[][];
  rationaleIds: string[];
}
