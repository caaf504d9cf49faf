/** What a built-in task is: a maker of problems, and a teacher that can explain each of them in fresh words. */
import type { RandomStream } from "../../util/random.ts";
import type { AnswerKind } from "../problem.ts";

export interface BuiltinOptions {
  /** Share of a rationale's words aimed for in steps that are neither reasoning nor answer, 0 to 0.8. */
  wordiness: number;
  /** 1, 2 or 3: how many swaps, words, people, relative dates or operations a question has. */
  difficulty: number;
}

/** One reasoning step with the sentences that may stand around it. */
export interface ExplanationBlock {
  /** May be told right before the reasoning, in this order; state nothing new. */
  transitions: string[];
  /** The sentence with a value that what follows needs. */
  reasoning: string;
  /** May be told right after the reasoning, in this order; use only values known by then. */
  checks: string[];
}

/**
 * Everything a teacher might say about one problem, one sentence per entry. Reasoning and answer are always told;
 * of the rest as much is told as the wordiness asks for.
 */
export interface Explanation {
  restatements: string[];
  blocks: ExplanationBlock[];
  summaries: string[];
  answer: string;
}

export interface BuiltinProblem {
  question: string;
  answer: string;
  /** Words a new explanation; every call draws other templates from the stream. */
  explain(random: RandomStream): Explanation;
}

export interface BuiltinTask {
  name: string;
  title: string;
  description: string;
  answerKind: AnswerKind;
  /** Accuracy of guessing, 0 to 1. */
  chance: number;
  problem(random: RandomStream, options: BuiltinOptions): BuiltinProblem;
}
