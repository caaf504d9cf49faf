/**
 * From a row as a benchmark's authors publish it to question, answer and, where there is one, a human rationale. The wording
 * of the choices is that of Zero-shot-CoT (Kojima et al. 2022), which Fine-tune-CoT took over.
 */
import { z } from "zod";
import { inputError } from "../../util/errors.ts";
import { RandomStream } from "../../util/random.ts";
import { isRecord } from "../read/jsonl.ts";
import { longestField } from "../read/mapping.ts";
import type { BenchmarkName } from "./sources.ts";

export interface BenchmarkRow {
  question: string;
  answer: string;
  /** GSM8K and AQuA come with solutions that people wrote. */
  rationale?: string;
}

const text = () => z.string().min(1).max(longestField);
const number = () =>
  z.union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?$/)
      .transform(Number),
  ]);

const equationRow = z.object({ sQuestion: text(), lSolutions: z.array(number()).min(1).max(100) });
const svampRow = z.object({ Body: text(), Question: text(), Answer: number() });
const gsm8kRow = z.object({
  question: text(),
  answer: text().includes("####", "has no #### before its answer"),
});
const aquaRow = z.object({
  question: text(),
  options: z.array(text()).min(2).max(5),
  rationale: z.string().max(longestField).optional(),
  correct: z.string().regex(/^[A-E]$/, "is no letter from A to E"),
});
const commonsenseRow = z.object({
  question: z.object({
    stem: text(),
    choices: z
      .array(z.object({ label: z.string().regex(/^[A-E]$/), text: text() }))
      .min(2)
      .max(5),
  }),
  answerKey: z
    .string()
    .regex(/^[A-E]$/, "is no letter from A to E (the authors publish the test file without answers)"),
});
/** As BIG-bench has it, and as its authors do. */
const strategyTask = z.object({
  input: text(),
  target_scores: z
    .object({ Yes: z.literal([0, 1]), No: z.literal([0, 1]) })
    .refine(({ Yes, No }) => Yes !== No, "does not have one right answer"),
});
const strategyRow = z.object({ question: text(), answer: z.boolean() });
/** BIG-bench: each choice with 1 for the right one and 0 for the others. */
const choiceRow = (most: number) =>
  z.object({
    input: text(),
    target_scores: z
      .record(z.string().min(1).max(10_000), z.literal([0, 1]))
      .refine(
        (scores) => Object.keys(scores).length >= 2 && Object.keys(scores).length <= most,
        `has not 2 to ${most} choices`,
      )
      .refine(
        (scores) => Object.values(scores).filter((score) => score === 1).length === 1,
        "does not have one right answer",
      ),
  });
const dateRow = choiceRow(6);
const trackingRow = choiceRow(3);
const plainRow = z.object({ question: text(), answer: text() });

const readers: Readonly<Record<BenchmarkName, (row: unknown) => BenchmarkRow>> = {
  single_eq: readEquation,
  addsub: readEquation,
  multiarith: readEquation,
  svamp: (row) => {
    const { Body, Question, Answer } = svampRow.parse(row);
    return { question: `${Body.trim()} ${Question.trim()}`, answer: String(Answer) };
  },
  gsm8k: (row) => {
    const { question, answer } = gsm8kRow.parse(row);
    const end = answer.lastIndexOf("####");
    return {
      question: question.trim(),
      answer: answer.slice(end + 4).trim(),
      // "<<48/2=24>>" are notes to a calculator, not language.
      rationale: answer
        .slice(0, end)
        .replace(/<<[^<>\n]{0,200}>>/g, "")
        .trim(),
    };
  },
  aqua: (row) => {
    const { question, options, correct, rationale } = aquaRow.parse(row);
    const choices = options.map((option, i) => ({
      label: letter(i),
      text: option.replace(new RegExp(`^\\s*\\(?${letter(i)}\\)\\s*`), ""),
    }));
    checkChoice(correct, choices, "correct");
    const solution = rationale?.trim() ?? "";
    return {
      question: withChoices(question, choices),
      answer: correct,
      ...(solution === "" ? {} : { rationale: solution }),
    };
  },
  commonsense_qa: (row) => {
    const { question, answerKey } = commonsenseRow.parse(row);
    checkChoice(answerKey, question.choices, "answerKey");
    return { question: withChoices(question.stem, question.choices), answer: answerKey };
  },
  strategy_qa: (row) => {
    if (isRecord(row) && Object.hasOwn(row, "target_scores")) {
      const { input, target_scores } = strategyTask.parse(row);
      return { question: input.trim(), answer: target_scores.Yes === 1 ? "yes" : "no" };
    }
    const { question, answer } = strategyRow.parse(row);
    return { question: question.trim(), answer: answer ? "yes" : "no" };
  },
  date_understanding: (row) => {
    const { input, target_scores } = dateRow.parse(row);
    // In the file the right choice comes first. The order is drawn for each question by itself (ours: the published order
    // came from an unseeded shuffle), so it is the same in every run and for every subset.
    const order = new RandomStream(0, `date-choices/${input}`).shuffle(Object.entries(target_scores));
    return bigBenchRow(input, order, "");
  },
  tracking_shuffled_objects: (row) => {
    const { input, target_scores } = trackingRow.parse(row);
    return bigBenchRow(input, Object.entries(target_scores), "\nWhich choice is true ? ");
  },
  last_letter_concatenation: readPlain,
  coin_flip: readPlain,
};

/**
 * Reads one row. @param place of the row, for the error
 * @throws input error (exit code 2) with file, line and key for a row that is not of the benchmark's form
 */
export function readBenchmarkRow(
  name: BenchmarkName,
  row: unknown,
  place: { file: string; line: number },
): BenchmarkRow {
  try {
    return readers[name](row);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const issue = error.issues[0]!;
    throw inputError(
      `the row is none of ${name}: ${issue.message}`,
      { ...place, key: issue.path.join(".") },
      "Give the file as its authors publish it, or map the fields of your own file in a recipe.",
    );
  }
}

function readEquation(row: unknown): BenchmarkRow {
  const { sQuestion, lSolutions } = equationRow.parse(row);
  return { question: sQuestion.trim(), answer: String(lSolutions[0]) };
}

function readPlain(row: unknown): BenchmarkRow {
  const { question, answer } = plainRow.parse(row);
  return { question: question.trim(), answer: answer.trim() };
}

function bigBenchRow(
  input: string,
  scores: readonly (readonly [string, number])[],
  before: string,
): BenchmarkRow {
  const choices = scores.map(([choice], i) => ({ label: letter(i), text: choice }));
  const right = scores.findIndex(([, score]) => score === 1);
  return {
    question: withChoices(`${input.trim()}${before === "" ? "" : ` ${before}`}`, choices),
    answer: letter(right),
  };
}

/** "question Answer Choices: (A) one (B) two". */
function withChoices(question: string, choices: readonly { label: string; text: string }[]): string {
  const listed = choices.map(({ label, text: choice }) => `(${label}) ${choice.trim()}`);
  return `${question.trim()} Answer Choices: ${listed.join(" ")}`;
}

function checkChoice(answer: string, choices: readonly { label: string }[], key: string): void {
  if (choices.some(({ label }) => label === answer)) return;
  throw new z.ZodError([
    { code: "custom", path: [key], message: `names none of the ${choices.length} choices`, input: answer },
  ]);
}

function letter(index: number): string {
  return String.fromCharCode(65 + index);
}
