/**
 * Core reasoning tokens by counterfactual (docs/method.md §7): replace one token of a rationale by the student's best alternative,
 * leave everything else as it is, and score the gold answer. The token is core if the gold answer stops being the arg-max or
 * its log-probability falls by more than δ.
 */
import type { Student, TokenSequence } from "../engine/engine.ts";
import type { EncodedRationale } from "../method/items/encode.ts";
import { planTests } from "./core-sample.ts";

/**
 * `shown`: the whole rationale stands before the answer, as docs/method.md §7 has it. `hidden`: its last step, which states the
 * answer, is taken out, as probing can do; with the answer in view little else decides it.
 */
export type CoreView = "shown" | "hidden";

export interface CoreOptions {
  /** Nats. */
  delta: number;
  view: CoreView;
  maxScoredTokens: number;
  seed: number;
  /** Called with the number of rationales done. */
  onProgress?: (done: number) => void;
}

/** A rationale and what the student is given before it (marker and question). */
export interface PromptedRationale {
  encoded: EncodedRationale;
  prompt: number[];
}

/** What is known of each token of a rationale, its steps joined. */
export interface CoreMarks {
  rationaleId: string;
  /** The gold answer is the arg-max with nothing replaced. */
  wholeRight: boolean;
  /** log p of the gold answer then, end of sequence included, nats. */
  wholeLogProbability: number;
  /** Every token that can be replaced was. */
  complete: boolean;
  /** 1 where the token was replaced. [tokens] */
  tested: Uint8Array;
  /** 1 where it is core; 0 too where it was not tested. [tokens] */
  core: Uint8Array;
  /** The student's best alternative. [tokens, those of hidden steps left out] */
  replacement: Int32Array;
  /** Fall of the gold answer's log-probability, nats; 0 where not tested. [tokens] */
  fall: Float32Array;
}

/** Counterfactual sequences per scoring call: enough for full batches, few enough to hold. */
const sequencesPerCall = 2048;

/** @returns one result per rationale, in the order given; complete ones first */
export async function markCoreTokens(
  student: Student,
  rationales: readonly PromptedRationale[],
  options: CoreOptions,
): Promise<CoreMarks[]> {
  const texts = rationales.map(({ encoded }) => visibleTokens(encoded, options.view));
  const plan = planTests(
    rationales.map(({ encoded, prompt }, i) => ({
      rationaleId: encoded.rationaleId,
      testable: texts[i]!.length,
      sequenceTokens: prompt.length + texts[i]!.length + encoded.arrow.length + encoded.answer.length,
    })),
    options.maxScoredTokens,
    options.seed,
  );
  const results: CoreMarks[] = [];
  for (const [from, to] of groups(plan.positions.map((positions) => positions.length))) {
    const part = rationales.slice(from, to);
    const replacements = await bestAlternatives(student, part, texts.slice(from, to));
    const sequences = part.map(({ encoded, prompt }, i) => {
      const text = texts[from + i]!;
      const asked = (given: readonly number[]): TokenSequence => ({
        prompt,
        context: [...given, ...encoded.arrow],
        target: encoded.answer,
      });
      const positions = plan.positions[from + i]!;
      return [asked(text), ...positions.map((at) => asked(text.with(at, replacements[i]![at]!)))];
    });
    const scores = await student.score(sequences.flat());
    let next = 0;
    part.forEach(({ encoded }, i) => {
      const positions = plan.positions[from + i]!;
      const own = scores.slice(next, next + positions.length + 1).map(answerScore);
      next += own.length;
      const tokens = encoded.steps.reduce((sum, step) => sum + step.length, 0);
      const [whole, ...replaced] = own as [AnswerScore, ...AnswerScore[]];
      const marks: CoreMarks = {
        rationaleId: encoded.rationaleId,
        wholeRight: whole.right,
        wholeLogProbability: whole.logProbability,
        complete: from + i < plan.whole,
        tested: new Uint8Array(tokens),
        core: new Uint8Array(tokens),
        replacement: replacements[i]!,
        fall: new Float32Array(tokens),
      };
      replaced.forEach(({ right, logProbability }, k) => {
        const at = positions[k]!;
        const fall = whole.logProbability - logProbability;
        marks.tested[at] = 1;
        marks.fall[at] = fall;
        marks.core[at] = (whole.right && !right) || fall > options.delta ? 1 : 0;
      });
      results.push(marks);
    });
    options.onProgress?.(results.length);
  }
  return results;
}

/** Tokens of the steps that stand before the answer. A rationale of one step has nothing that could be hidden. */
function visibleTokens({ steps }: EncodedRationale, view: CoreView): number[] {
  return (view === "hidden" && steps.length > 1 ? steps.slice(0, -1) : steps).flat();
}

async function bestAlternatives(
  student: Student,
  rationales: readonly PromptedRationale[],
  texts: readonly number[][],
): Promise<Int32Array[]> {
  const scores = await student.score(
    rationales.map(({ prompt }, i) => ({ prompt, context: [], target: texts[i]! })),
    { alternatives: true },
  );
  return scores.map(({ alternatives }) => alternatives!);
}

interface AnswerScore {
  right: boolean;
  logProbability: number;
}

function answerScore(score: { logProbabilities: Float32Array; isArgmax: Uint8Array }): AnswerScore {
  return {
    right: score.isArgmax.every((match) => match === 1),
    logProbability: score.logProbabilities.reduce((sum, value) => sum + value, 0),
  };
}

/** Ranges of rationales, each with at most `sequencesPerCall` sequences unless one alone has more. */
function groups(counts: readonly number[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  let from = 0;
  let sum = 0;
  counts.forEach((count, i) => {
    if (i > from && sum + count > sequencesPerCall) {
      ranges.push([from, i]);
      from = i;
      sum = 0;
    }
    sum += count;
  });
  if (counts.length > from) ranges.push([from, counts.length]);
  return ranges;
}
