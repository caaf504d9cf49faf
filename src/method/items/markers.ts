/**
 * The special tokens of chunk-wise training: `[1]` … `[M]` ask for one chunk, `[answer]` asks for rationale and answer, and
 * `<|chunk|>` ends a chunk. They are real tokens of the tokenizer, so every other tool can load the student.
 */
import type { Tokenizer } from "../../students/tokenizer-interface.ts";
import { SkipthinkError } from "../../util/errors.ts";

const answerMarker = "[answer]";
const endOfChunkToken = "<|chunk|>";
const stageMarker = (stage: number): string => `[${stage}]`;

/** Distilling Step-by-Step tells its two tasks apart by words in front of the question, as its paper does: text, no new tokens. */
const labelPrefix = "[label] ";
const rationalePrefix = "[rationale] ";

/** Token ids of the markers. */
export interface Markers {
  /** `stages[m - 1]` is `[m]`. Its length is M, the largest number of chunks. */
  stages: number[];
  answer: number;
  endOfChunk: number;
  /** Prefixes of `step-by-step`, which the tokenizer writes as text of several tokens. */
  label: number[];
  rationale: number[];
}

/** Names to add with `Tokenizer.withAddedTokens` before a student is trained on up to `count` chunks. */
export function markerTokens(count: number): string[] {
  const stages = Array.from({ length: count }, (_, index) => stageMarker(index + 1));
  return [...stages, answerMarker, endOfChunkToken];
}

/** Looks the markers up in a tokenizer. @throws SkipthinkError if one of them was never added */
export function findMarkers(tokenizer: Tokenizer, count: number): Markers {
  const idOf = (token: string): number => {
    const id = tokenizer.idOf(token);
    if (id !== undefined) return id;
    throw new SkipthinkError(`The tokenizer has no token ${token}.`, {
      place: { key: token },
      remedy: `Add the markers of ${count} chunks to the tokenizer and resize the student's embeddings.`,
    });
  };
  return {
    stages: Array.from({ length: count }, (_, index) => idOf(stageMarker(index + 1))),
    answer: idOf(answerMarker),
    endOfChunk: idOf(endOfChunkToken),
    label: tokenizer.encode(labelPrefix),
    rationale: tokenizer.encode(rationalePrefix),
  };
}

/** Tokens that have no place in an answer item's text: a student of short training ends its last chunk there instead of answering. */
export function outsideAnswers(markers: Markers | undefined): number[] {
  return markers === undefined ? [] : [...markers.stages, markers.answer, markers.endOfChunk];
}

/** `[m]` for m = 1 … M. @throws SkipthinkError beyond M */
export function markerOfStage(markers: Markers, stage: number): number {
  const marker = markers.stages[stage - 1];
  if (marker !== undefined) return marker;
  throw new SkipthinkError(`Chunk ${stage} has no marker: the student knows ${markers.stages.length}.`, {
    place: { key: stageMarker(stage) },
    remedy: "Use the number of chunks that the student's tokenizer was made for.",
  });
}
