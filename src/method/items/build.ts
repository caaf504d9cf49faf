/**
 * Training items from an encoded rationale (docs/method.md §4): what the student is given and what it has to write. Chunk-wise
 * training uses `stageItems` and `answerItem`; the others are the forms it is compared with.
 */
import type { EncodedRationale } from "./encode.ts";
import type { Markers } from "./markers.ts";
import { markerOfStage } from "./markers.ts";
import type { TrainingItem } from "./types.ts";

/** `[m]`, question, chunks before m → chunk m and end-of-chunk; one item per chunk. The context holds no end-of-chunk tokens. */
export function stageItems(
  encoded: EncodedRationale,
  boundaries: readonly number[],
  markers: Markers,
  weight = 1,
): TrainingItem[] {
  return boundaries.slice(1).map((to, index) => {
    const from = boundaries[index]!;
    return {
      rationaleId: encoded.rationaleId,
      stage: index + 1,
      prompt: [markerOfStage(markers, index + 1), ...encoded.question],
      context: encoded.steps.slice(0, from).flat(),
      target: [...encoded.steps.slice(from, to).flat(), markers.endOfChunk],
      weight,
    };
  });
}

/**
 * `[answer]`, question → rationale, ` -->`, answer.
 * @param keptSteps indices of the steps that stay, rising (skip-thinking training); all of them by default
 */
export function answerItem(
  encoded: EncodedRationale,
  markers: Markers,
  keptSteps?: readonly number[],
  weight = 1,
): TrainingItem {
  const steps = keptSteps === undefined ? encoded.steps : keptSteps.map((step) => encoded.steps[step]!);
  const target = [...steps.flat(), ...encoded.arrow, ...encoded.answer];
  return answerTask(encoded, [markers.answer, ...encoded.question], target, weight);
}

/** Fine-tune-CoT: question → rationale, ` -->`, answer; no marker. */
export function fullItem(encoded: EncodedRationale, weight = 1): TrainingItem {
  const target = [...encoded.steps.flat(), ...encoded.arrow, ...encoded.answer];
  return answerTask(encoded, encoded.question, target, weight);
}

/** No rationale at all: question → ` -->`, answer; no marker. */
export function answerOnlyItem(encoded: EncodedRationale, weight = 1): TrainingItem {
  return answerTask(encoded, encoded.question, [...encoded.arrow, ...encoded.answer], weight);
}

/** Distilling Step-by-Step, first task: `[label]` question → ` -->`, answer. */
export function labelItem(encoded: EncodedRationale, markers: Markers, weight: number): TrainingItem {
  const target = [...encoded.arrow, ...encoded.answer];
  return answerTask(encoded, [...markers.label, ...encoded.question], target, weight);
}

/** Its second task: `[rationale]` question → the rationale and the end of sequence, without an answer. */
export function rationaleItem(encoded: EncodedRationale, markers: Markers, weight: number): TrainingItem {
  const target = [...encoded.steps.flat(), ...encoded.answer.slice(-1)];
  return answerTask(encoded, [...markers.rationale, ...encoded.question], target, weight);
}

function answerTask(
  { rationaleId }: EncodedRationale,
  prompt: number[],
  target: number[],
  weight: number,
): TrainingItem {
  return { rationaleId, stage: "answer", prompt, context: [], target, weight };
}
