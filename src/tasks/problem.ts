/** The data that flows through the pipeline: problems, rationales and their steps. */

/** How an answer is read and compared (docs/method.md §8, plus four for a user's own data). */
export const answerKinds = [
  "aqua",
  "commonsense_qa",
  "date_understanding",
  "tracking_shuffled_objects",
  "single_eq",
  "addsub",
  "multiarith",
  "svamp",
  "gsm8k",
  "strategy_qa",
  "coin_flip",
  "last_letter_concatenation",
  "number",
  "choice",
  "yesNo",
  "text",
] as const;
export type AnswerKind = (typeof answerKinds)[number];

export interface Problem {
  /** Unique within the data set; stable across runs (given, or made from the row's position). */
  id: string;
  question: string;
  /** Gold answer, as written in the data. */
  answer: string;
}

/** What a step does in a built-in rationale; the truth that skips are scored against. */
export const stepRoles = ["restatement", "reasoning", "transition", "check", "summary", "answer"] as const;
export type StepRole = (typeof stepRoles)[number];

/** One teacher rationale of one problem. `steps.join("") === text`, byte for byte. */
export interface Rationale {
  id: string;
  problemId: string;
  question: string;
  answer: string;
  text: string;
  /** Ordered steps; white space belongs to the step it follows. */
  steps: string[];
  /** One role per step, only where the generator knows them. */
  roles?: StepRole[];
}
