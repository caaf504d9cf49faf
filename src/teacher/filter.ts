/** Which samples become training rationales, and why the others do not. */
import { answersEqual, readAnswer } from "../tasks/answers/answers.ts";
import type { Problem } from "../tasks/problem.ts";
import type { QuestionSet, TeachConfig } from "./config.ts";
import type { Sample } from "./conversation.ts";

/** In the order in which they are looked for: a sample falls out for the first that holds. */
export const dropReasons = ["truncated", "empty", "tooLong", "unreadable", "wrong", "duplicate"] as const;
export type DropReason = (typeof dropReasons)[number];

export interface Judged {
  /** Answer read from the sample; undefined if there is none. */
  predicted: string | undefined;
  /** Undefined: kept. */
  reason: DropReason | undefined;
}

/** Judges samples one after the other; remembers what it kept to find duplicates. */
export class SampleFilter {
  private readonly filter: TeachConfig["filter"];
  private readonly task: Pick<QuestionSet, "answerKind" | "caseSensitive">;
  private readonly kept = new Set<string>();

  constructor(filter: TeachConfig["filter"], task: Pick<QuestionSet, "answerKind" | "caseSensitive">) {
    this.filter = filter;
    this.task = task;
  }

  judge(problem: Pick<Problem, "id" | "answer">, sample: Sample): Judged {
    const predicted = readAnswer(this.task.answerKind, sample.answerText);
    const reason = this.reason(problem, sample, predicted);
    if (reason === undefined) this.kept.add(identity(problem, sample));
    return { predicted, reason };
  }

  private reason(
    problem: Pick<Problem, "id" | "answer">,
    sample: Sample,
    predicted: string | undefined,
  ): DropReason | undefined {
    if (sample.truncated) return "truncated";
    if (sample.filtered || sample.rationale.trim() === "") return "empty";
    if (sample.rationale.length > this.filter.maxCharacters) return "tooLong";
    if (this.filter.answers === "right") {
      if (predicted === undefined) return "unreadable";
      const { answerKind, caseSensitive } = this.task;
      if (!answersEqual(answerKind, predicted, problem.answer, { caseSensitive })) return "wrong";
    }
    return this.filter.duplicates === "drop" && this.kept.has(identity(problem, sample))
      ? "duplicate"
      : undefined;
  }
}

/** Equal for the same text to the same question, white space aside. */
function identity({ id }: Pick<Problem, "id">, { rationale }: Sample): string {
  return JSON.stringify([id, rationale.replace(/\s+/g, " ").trim()]);
}
