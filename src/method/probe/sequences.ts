/** The two token sequences a removal is judged by: can the student still answer, and can it still write the rest? */
import type { TokenSequence } from "../../engine/engine.ts";
import type { EncodedRationale } from "../items/encode.ts";
import type { Markers } from "../items/markers.ts";

/**
 * `hidden`: the student answers from the chunks before the one that states the answer. `shown`: from all of them; with the
 * answer in view every removal looks harmless.
 */
export type AnswerChunk = "hidden" | "shown";

/** `[answer]`, question, given chunks, ` -->` → gold answer and end of sequence. */
export interface AnswerProbe extends TokenSequence {
  rationaleId: string;
}

/** @param chunks tokens of the remaining chunks, the one that states the answer last. */
export function answerProbe(
  encoded: EncodedRationale,
  markers: Markers,
  chunks: readonly (readonly number[])[],
  answerChunk: AnswerChunk,
): AnswerProbe {
  const given = answerChunk === "hidden" ? chunks.slice(0, -1) : chunks;
  return {
    rationaleId: encoded.rationaleId,
    prompt: [markers.answer, ...encoded.question],
    context: [...given.flat(), ...encoded.arrow],
    target: encoded.answer,
  };
}

/** `[answer]`, question, chunks before → chunks after: as in the answer item, so without end-of-chunk tokens. */
export function continuationSequence(
  encoded: EncodedRationale,
  markers: Markers,
  before: readonly (readonly number[])[],
  after: readonly (readonly number[])[],
): TokenSequence {
  return {
    prompt: [markers.answer, ...encoded.question],
    context: before.flat(),
    target: after.flat(),
  };
}

/** The same with ` -->` and the gold answer after the chunks: one pass for both questions, if the answer's chunk is shown. */
export function continuationWithAnswer(
  encoded: EncodedRationale,
  markers: Markers,
  before: readonly (readonly number[])[],
  after: readonly (readonly number[])[],
): TokenSequence {
  const { prompt, context, target } = continuationSequence(encoded, markers, before, after);
  return { prompt, context, target: [...target, ...encoded.arrow, ...encoded.answer] };
}

/** Mean NLL of each chunk, from the log-probabilities of their joined tokens; what follows them is not read. */
export function meanNllPerChunk(
  chunks: readonly (readonly number[])[],
  logProbabilities: Float32Array,
): number[] {
  let start = 0;
  return chunks.map(({ length }) => {
    const own = logProbabilities.subarray(start, start + length);
    start += length;
    return -own.reduce((sum, logProbability) => sum + logProbability, 0) / length;
  });
}
