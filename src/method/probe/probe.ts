/**
 * Skip-data generation (docs/method.md §5): which chunks does the student not need? Remove a chunk, let the student answer from
 * what remains, and see whether the answer is still right. Runs in rounds; the trials of a round, of many rationales, go
 * through the student together.
 */
import type {
  Reading,
  SequenceScore,
  Student,
  StudentCapabilities,
  TokenSequence,
} from "../../engine/engine.ts";
import { inputError, SkipthinkError } from "../../util/errors.ts";
import type { EncodedRationale } from "../items/encode.ts";
import type { Markers } from "../items/markers.ts";
import type { Judge, Judgement } from "./judge.ts";
import {
  type AnswerChunk,
  answerProbe,
  continuationSequence,
  continuationWithAnswer,
  meanNllPerChunk,
} from "./sequences.ts";
import { keptStepsOf, type ProbedRationale, type RemovalTrial, type SkipReason } from "./types.ts";

export interface ProbeOptions {
  /**
   * `independent` (the paper) skips every chunk that can be spared on its own. `cumulative` goes from the first chunk to the
   * last and keeps a removal only if the answer is right given all removals so far: the result as a whole is known to work.
   */
  decision: "independent" | "cumulative";
  /** What happens to a rationale whose answer the student gets wrong with nothing removed. */
  onWrong: "keep" | "drop";
  answerChunk: AnswerChunk;
  /**
   * `answer` (the paper): a removal is harmless if the answer stays right. `continuation`: and if no later chunk, the one
   * that states the answer included, becomes harder to write by more than `maxNllRise`; a step that the student needs to
   * write the rest is not harmless even where the answer can be read off the rest.
   */
  criterion: "answer" | "continuation";
  /** Nats per token of a chunk. */
  maxNllRise: number;
  /** Bound on padded tokens per forward pass; the engine's own without it. */
  maxTokensPerBatch?: number;
}

/** Rationales probed side by side: enough to fill batches in every round, and no more than their readings have room for. */
const rationalesPerRound = 256;
/** Training takes weights, gradients and two moments, so readings as large as the weights do not make a run larger. */
const roomForReadings = ({ parameters }: StudentCapabilities): number => Math.max(128e6, 4 * parameters);

/** A rationale on its way through the rounds. */
interface Probing {
  encoded: EncodedRationale;
  chunks: ProbedRationale["chunks"];
  /** Tokens of each chunk. */
  tokens: number[][];
  whole: Judgement;
  /** Mean NLL of each chunk given the removals made so far (criterion `continuation`). */
  nll: number[];
  /** Of the rationale as it is by now; a trial goes on from what stands before the chunk. */
  reading: Reading | undefined;
}

/** The removal of chunk `k` (0-based), to be tried in one round. */
interface Removal {
  probing: Probing;
  k: number;
}

/**
 * @param boundaries chunking of each rationale, by rationale id
 * @param judge how an answer is judged: `forcedJudge` or `generateJudge`
 * @returns one result per rationale, in the order given
 * @throws SkipthinkError if a rationale has no boundaries
 */
export async function probeRationales(
  student: Student,
  encoded: readonly EncodedRationale[],
  boundaries: ReadonlyMap<string, readonly number[]>,
  markers: Markers,
  judge: Judge,
  options: ProbeOptions,
): Promise<ProbedRationale[]> {
  if (!(options.maxNllRise >= 0))
    throw inputError(`maxNllRise is ${options.maxNllRise}; it must be at least 0.`, { key: "maxNllRise" });
  const results: ProbedRationale[] = [];
  for (const part of groups(encoded, student.capabilities())) {
    const probings = await probeWhole(student, part, boundaries, markers, judge, options);
    const right = probings.filter(({ whole }) => whole.answerRight);
    for (const round of rounds(right, options.decision)) {
      const outcomes = await tryRemovals(student, round, markers, judge, options);
      round.forEach((removal, i) => {
        decide(removal, outcomes[i]!, options);
      });
    }
    results.push(...probings.map((probing) => conclude(probing, options)));
  }
  return results;
}

/** A rationale has a reading, and one of the removal on trial. */
function groups(
  encoded: readonly EncodedRationale[],
  capabilities: StudentCapabilities,
): EncodedRationale[][] {
  const { readingBytesPerToken: bytesPerToken = 0 } = capabilities;
  const room = roomForReadings(capabilities);
  const all: EncodedRationale[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const rationale of encoded) {
    const { question, steps, answer } = rationale;
    const own = 2 * bytesPerToken * (question.length + steps.flat().length + answer.length);
    bytes += own;
    if (bytes > room || all.at(-1)!.length === rationalesPerRound) {
      all.push([]);
      bytes = own;
    }
    all.at(-1)!.push(rationale);
  }
  return all;
}

/** The student's answer, and where needed its losses, with nothing removed. */
async function probeWhole(
  student: Student,
  encoded: readonly EncodedRationale[],
  boundaries: ReadonlyMap<string, readonly number[]>,
  markers: Markers,
  judge: Judge,
  options: ProbeOptions,
): Promise<Probing[]> {
  const cut = encoded.map((rationale) => cutIntoChunks(rationale, boundaries.get(rationale.rationaleId)));
  const splits = cut.map(
    ({ encoded, tokens }): Split => ({ encoded, before: [], after: tokens, goOnFrom: undefined }),
  );
  const findings = await read(student, splits, markers, judge, { ...options, keepReadings: true });
  return cut.map(({ encoded, chunks, tokens }, i) => {
    const { judgement, nll, reading } = findings[i]!;
    nll.forEach((value, k) => {
      chunks[k]!.nll = value;
    });
    return { encoded, chunks, tokens, whole: judgement, nll, reading };
  });
}

function cutIntoChunks(
  encoded: EncodedRationale,
  boundaries: readonly number[] | undefined,
): Pick<Probing, "encoded" | "chunks" | "tokens"> {
  if (boundaries?.at(-1) !== encoded.steps.length)
    throw new SkipthinkError("A rationale has no chunking, or one of other steps.", {
      place: { key: encoded.rationaleId },
      remedy: "Chunk the rationales again before probing.",
    });
  const chunks = boundaries.slice(1).map((to, k) => {
    const candidate = to < encoded.steps.length;
    // A candidate that no trial reaches was left alone because the answer is wrong from the start.
    const reason: SkipReason = candidate ? "wrongWhenWhole" : "statesAnswer";
    return { from: boundaries[k]!, to, candidate, skipped: false, reason };
  });
  return { encoded, chunks, tokens: chunks.map(({ from, to }) => encoded.steps.slice(from, to).flat()) };
}

/** Independent: every candidate in one round. Cumulative: the first chunk of all rationales, then the second, … */
function rounds(probings: readonly Probing[], decision: ProbeOptions["decision"]): Removal[][] {
  const removals = probings.flatMap((probing) =>
    probing.chunks.flatMap(({ candidate }, k) => (candidate ? [{ probing, k }] : [])),
  );
  if (decision === "independent") return removals.length === 0 ? [] : [removals];
  const byChunk: Removal[][] = [];
  for (const removal of removals) {
    byChunk[removal.k] ??= [];
    byChunk[removal.k]!.push(removal);
  }
  return byChunk;
}

/** A trial, and what a later decision needs of it. */
interface Outcome {
  trial: RemovalTrial;
  /** Mean NLL of each remaining later chunk without the removed one (criterion `continuation`). */
  laterNll: number[];
  reading: Reading | undefined;
}

/** Tries each removal given the removals made in earlier rounds. */
async function tryRemovals(
  student: Student,
  removals: readonly Removal[],
  markers: Markers,
  judge: Judge,
  options: ProbeOptions,
): Promise<Outcome[]> {
  const splits = removals.map(({ probing, k }): Split => {
    const { encoded, tokens } = probing;
    const tokensOf = (chunks: number[]): number[][] => chunks.map((j) => tokens[j]!);
    return {
      encoded,
      before: tokensOf(remaining(probing, 0, k)),
      after: tokensOf(remaining(probing, k + 1)),
      goOnFrom: probing.reading,
    };
  });
  const keepReadings = options.decision === "cumulative";
  const findings = await read(student, splits, markers, judge, { ...options, keepReadings });
  return removals.map(({ probing, k }, i) => {
    const { judgement, nll: laterNll, reading } = findings[i]!;
    const { answerRight, studentAnswer } = judgement;
    const later = remaining(probing, k + 1);
    const rises = laterNll.map((nll, position) => nll - probing.nll[later[position]!]!);
    const trial: RemovalTrial = {
      answerRight,
      ...(rises.length === 0 ? {} : { nllRise: Math.max(...rises) }),
      ...(studentAnswer === undefined ? {} : { studentAnswer }),
    };
    return { trial, laterNll, reading };
  });
}

/** Writes down a trial and, if it was harmless, makes the removal. */
function decide({ probing, k }: Removal, { trial, laterNll, reading }: Outcome, options: ProbeOptions): void {
  const chunk = probing.chunks[k]!;
  chunk.trial = trial;
  if (!trial.answerRight) chunk.reason = "answerTurnsWrong";
  else if (!((trial.nllRise ?? 0) <= options.maxNllRise)) chunk.reason = "laterChunkHarder";
  else {
    chunk.reason = "answerStaysRight";
    chunk.skipped = true;
    // The next cumulative trial compares with the rationale as it is now, this removal included.
    const later = remaining(probing, k + 1);
    laterNll.forEach((value, position) => {
      probing.nll[later[position]!] = value;
    });
    probing.reading = reading ?? probing.reading;
  }
}

function conclude({ encoded, chunks, whole }: Probing, options: ProbeOptions): ProbedRationale {
  return {
    rationaleId: encoded.rationaleId,
    wholeRight: whole.answerRight,
    ...(whole.studentAnswer === undefined ? {} : { wholeAnswer: whole.studentAnswer }),
    dropped: !whole.answerRight && options.onWrong === "drop",
    chunks,
    keptSteps: keptStepsOf(chunks),
  };
}

/** Indices of the chunks from `start` to before `end` that have not been removed. */
function remaining({ chunks }: Probing, start: number, end = chunks.length): number[] {
  return chunks.flatMap(({ skipped }, k) => (k >= start && k < end && !skipped ? [k] : []));
}

/** A rationale as chunks that are given and chunks whose losses are asked for. */
interface Split {
  encoded: EncodedRationale;
  before: number[][];
  after: number[][];
  goOnFrom: Reading | undefined;
}

/** What the student makes of a split: its answer, and (criterion `continuation`) the mean NLL of each chunk in `after`. */
interface Finding {
  judgement: Judgement;
  /** Nats per token; empty with criterion `answer`. */
  nll: number[];
  /** Of the text with its answer or without, where the engine keeps readings. */
  reading: Reading | undefined;
}

/** All splits together, in one scoring pass if it can answer both questions. */
async function read(
  student: Student,
  splits: readonly Split[],
  markers: Markers,
  judge: Judge,
  options: ProbeOptions & { keepReadings: boolean },
): Promise<Finding[]> {
  const { criterion, answerChunk, maxTokensPerBatch, keepReadings } = options;
  const { ofScores } = judge;
  const score = (
    sequences: readonly TokenSequence[],
    goOnFrom: readonly (Reading | undefined)[],
    keep: boolean,
  ): Promise<SequenceScore[]> =>
    student.score(sequences, {
      goOnFrom,
      keepReadings: keep,
      ...(maxTokensPerBatch === undefined ? {} : { maxTokensPerBatch }),
    });
  const judgementOf = ({ isArgmax }: SequenceScore, i: number): Judgement =>
    ofScores!(isArgmax.subarray(isArgmax.length - splits[i]!.encoded.answer.length));
  const readAnswers = async (goOnFrom: readonly (Reading | undefined)[], keep: boolean) => {
    const probes = splits.map(({ encoded, before, after }) =>
      answerProbe(encoded, markers, [...before, ...after], answerChunk),
    );
    if (ofScores === undefined)
      return (await judge(probes)).map((judgement) => ({ judgement, reading: undefined }));
    const scores = await score(probes, goOnFrom, keep);
    return scores.map((one, i) => ({ judgement: judgementOf(one, i), reading: one.reading }));
  };
  const goOnFrom = splits.map((split) => split.goOnFrom);
  if (criterion === "answer") {
    const answers = await readAnswers(goOnFrom, keepReadings);
    return answers.map((answer) => ({ ...answer, nll: [] }));
  }

  const isOnePass = ofScores !== undefined && answerChunk === "shown";
  const sequenceOf = isOnePass ? continuationWithAnswer : continuationSequence;
  const scores = await score(
    splits.map(({ encoded, before, after }) => sequenceOf(encoded, markers, before, after)),
    goOnFrom,
    keepReadings || (ofScores !== undefined && answerChunk === "hidden"),
  );
  // The hidden answer follows what has just been read, up to the chunk that states it.
  const answers = isOnePass
    ? undefined
    : await readAnswers(
        scores.map(({ reading }) => reading),
        false,
      );
  return splits.map(({ after }, i) => ({
    judgement: answers === undefined ? judgementOf(scores[i]!, i) : answers[i]!.judgement,
    nll: meanNllPerChunk(after, scores[i]!.logProbabilities),
    reading: scores[i]!.reading,
  }));
}
