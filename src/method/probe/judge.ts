/**
 * Does the student give the right answer? Two ways to find out (docs/method.md §5). Greedy decoding yields the gold tokens exactly
 * when each of them is the arg-max given those before it; so `forced` reaches the verdict "exactly the gold answer" of
 * `generate` in one teacher-forced pass. A pipeline that decodes may be more lenient than exact: it reads and compares the
 * text as evaluation does.
 */
import type { Student } from "../../engine/engine.ts";
import type { Tokenizer } from "../../students/tokenizer-interface.ts";
import type { AnswerProbe } from "./sequences.ts";

export const verdicts = ["forced", "generate"] as const;
export type Verdict = (typeof verdicts)[number];

export interface Judgement {
  answerRight: boolean;
  /** The student's greedy answer is the gold answer token for token, end of sequence included. */
  exact: boolean;
  /** What the student wrote after ` -->`, where it was decoded. */
  studentAnswer?: string;
}

/** Judges many probes in one batch; results in the order given. */
export interface Judge {
  (probes: readonly AnswerProbe[]): Promise<Judgement[]>;
  /**
   * The judgement from what a scoring pass says of the gold answer's tokens, where that is all the judge needs: a pass that is made
   * for other reasons then gives it for nothing.
   */
  ofScores?: (isArgmax: Uint8Array) => Judgement;
}

/** `verdict: forced`: right is exact. */
export function forcedJudge(student: Student, options: { maxTokensPerBatch?: number } = {}): Judge {
  const ofScores = (isArgmax: Uint8Array): Judgement => {
    const exact = isArgmax.every((match) => match === 1);
    return { answerRight: exact, exact };
  };
  const judge = async (probes: readonly AnswerProbe[]): Promise<Judgement[]> =>
    (await student.score(probes, options)).map(({ isArgmax }) => ofScores(isArgmax));
  return Object.assign(judge, { ofScores });
}

export interface GenerateJudgeOptions {
  tokenizer: Pick<Tokenizer, "decode" | "endOfSequence">;
  /** A longer gold answer gets as many tokens as it has. */
  maxNewTokens: number;
  /** Reads the answer out of what the student wrote after ` -->` and compares it with the gold one. */
  isRight: (rationaleId: string, text: string) => boolean;
  batchSize?: number;
}

/** `verdict: generate`: decodes greedily; right is what `isRight` says. */
export function generateJudge(student: Student, options: GenerateJudgeOptions): Judge {
  const { tokenizer, isRight, batchSize } = options;
  return async (probes) => {
    // Each probe has its own limit, whatever else is in the batch; the verdict must not depend on its company.
    const limits = probes.map(({ target }) => Math.max(options.maxNewTokens, target.length));
    const generations = await student.generate(probes, {
      maxNewTokens: Math.max(...limits),
      stopTokens: [tokenizer.endOfSequence],
      ...(batchSize === undefined ? {} : { batchSize }),
    });
    return probes.map(({ rationaleId, target }, i) => {
      const tokens = generations[i]!.tokens.slice(0, limits[i]);
      const text = tokenizer.decode(tokens.filter((token) => token !== tokenizer.endOfSequence)).trim();
      const exact = tokens.length === target.length && tokens.every((token, t) => token === target[t]);
      return { answerRight: isRight(rationaleId, text), exact, studentAnswer: text };
    });
  };
}
