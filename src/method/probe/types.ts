/** What probing keeps of each rationale: plain data, one line of skips.jsonl. */

/** Why a chunk stays or goes. */
export const skipReasons = [
  /** The last chunk: it states the answer and always stays. */
  "statesAnswer",
  /** Without it the student still gets the answer right: skipped. */
  "answerStaysRight",
  /** Without it the student gets the answer wrong. */
  "answerTurnsWrong",
  /** The answer stays right, but a later chunk becomes harder to write (criterion `continuation`). */
  "laterChunkHarder",
  /** Not tried: the student is wrong even with the whole rationale. */
  "wrongWhenWhole",
  /** Skipped, or kept, by lot (`stt-random`). */
  "random",
] as const;
export type SkipReason = (typeof skipReasons)[number];

/** One removal that was tried. */
export interface RemovalTrial {
  /** Is the student's answer right without the chunk (and, if cumulative, without those removed before it)? */
  answerRight: boolean;
  /** Criterion `continuation`: largest rise of a later chunk's mean NLL, nats per token; negative if all became easier. */
  nllRise?: number;
  /** What the student wrote after ` -->` (verdict `generate`). */
  studentAnswer?: string;
}

export interface ProbedChunk {
  /** Steps `from` … `to - 1`. */
  from: number;
  to: number;
  /** Mean NLL under the whole rationale, nats per token (criterion `continuation`). */
  nll?: number;
  /** A medium chunk: between the question and the chunk that states the answer. */
  candidate: boolean;
  trial?: RemovalTrial;
  skipped: boolean;
  reason: SkipReason;
}

export interface ProbedRationale {
  rationaleId: string;
  /** Does the student get the answer right with nothing removed? */
  wholeRight: boolean;
  /** What the student then wrote after ` -->` (verdict `generate`). */
  wholeAnswer?: string;
  /** Wrong when whole, and the options say to leave such rationales out of training. */
  dropped: boolean;
  chunks: ProbedChunk[];
  /** Indices of the steps of the chunks that stay, rising. */
  keptSteps: number[];
}

/** Indices of the steps that stay. */
export function keptStepsOf(chunks: readonly Pick<ProbedChunk, "from" | "to" | "skipped">[]): number[] {
  return chunks.flatMap(({ from, to, skipped }) =>
    skipped ? [] : Array.from({ length: to - from }, (_, i) => from + i),
  );
}
