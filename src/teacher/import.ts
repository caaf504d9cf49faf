/**
 * Existing rationales into the form that `distill` reads: TRL (messages; prompt and completion), Alpaca, ShareGPT, and plain
 * fields. Rows are judged as a teacher's replies are; a row without a gold answer is taken at its own word.
 */
import { basename } from "node:path";
import { goldTail, normalizeGold, readAnswer } from "../tasks/answers/answers.ts";
import type { AnswerKind, Problem } from "../tasks/problem.ts";
import { isRecord } from "../tasks/read/jsonl.ts";
import { longestField, mapRows } from "../tasks/read/mapping.ts";
import { readTable, type TableFormat, type TableRow } from "../tasks/read/table.ts";
import { normalizeQuestion } from "../tasks/splits.ts";
import { inputError } from "../util/errors.ts";
import type { TeachConfig } from "./config.ts";
import { cutAnswer, rationaleOf } from "./cut-answer.ts";
import { SampleFilter } from "./filter.ts";
import type { ImportOrigin, TaskOutput } from "./output.ts";
import { splitReasoning, thinkingOf } from "./reply.ts";
import { StatisticsCounter } from "./statistics.ts";

export const importForms = ["trl", "alpaca", "sharegpt", "fields"] as const;
export type ImportForm = (typeof importForms)[number];

export interface ImportOptions {
  path: string;
  format?: TableFormat | undefined;
  /** Undefined: told from the first row. */
  form?: ImportForm | undefined;
  /** Names the task in the statistics. */
  name: string;
  answerKind: AnswerKind;
  caseSensitive: boolean;
  /** Field, path or template of the gold answer; undefined: the answer that the rationale ends in. */
  answer?: string | undefined;
  /** For form "fields": where question and rationale are. */
  question?: string | undefined;
  rationale?: string | undefined;
  /** What opens the answer at the end of the text. */
  answerMarker: string;
  filter: TeachConfig["filter"];
}

export interface Imported extends TaskOutput {
  origin: ImportOrigin & { form: ImportForm };
}

interface Turn {
  question: string;
  reply: string;
  /** A reasoning field beside the reply (TRL's `thinking`, `reasoning_content`). */
  reasoning: string;
}

/** @throws SkipthinkError (exit 2) for a file that is no table, or whose form is not known or not the one given */
export async function importRationales(options: ImportOptions): Promise<Imported> {
  const rows: TableRow[] = [];
  for await (const row of readTable(options.path, options.format)) rows.push(row);
  const form = options.form ?? guessForm(rows[0]!.row, options);
  const skipped: Record<string, number> = {};
  const questions = new Map<string, Problem>();
  const filter = new SampleFilter(options.filter, options);
  const output: TaskOutput = { kept: [], dropped: [], statistics: undefined as never };
  const samples = new Map<string, number>();
  const counts: ((counter: StatisticsCounter) => void)[] = [];
  for (const { row, line } of rows) {
    const turn = await readTurn(form, row, line, options);
    const fault = typeof turn === "string" ? turn : turnFault(turn);
    if (fault !== undefined || typeof turn === "string") {
      const reason = fault ?? String(turn);
      skipped[reason] = (skipped[reason] ?? 0) + 1;
      continue;
    }
    const sample = takeApart(turn, options);
    const predicted = readAnswer(options.answerKind, sample.answerText);
    const given = options.answer === undefined ? predicted : await goldOf(row, line, options);
    const key = normalizeQuestion(turn.question);
    const known = questions.get(key);
    if (
      known === undefined &&
      (given === undefined || normalizeGold(options.answerKind, given) === undefined)
    ) {
      const reason = "no answer can be read";
      skipped[reason] = (skipped[reason] ?? 0) + 1;
      continue;
    }
    const problem = known ?? { id: `row-${line}`, question: turn.question.trim(), answer: goldTail(given!) };
    questions.set(key, problem);
    const number = (samples.get(key) ?? 0) + 1;
    samples.set(key, number);
    const { reason } = filter.judge(problem, sample);
    const kept = { ...problem, rationale: sample.rationale, predicted, sample: number, model: undefined };
    if (reason === undefined) {
      output.kept.push(kept);
      counts.push((counter) => counter.addKept(problem.id, sample.rationale));
    } else {
      output.dropped.push({ ...kept, reason, text: sample.text });
      counts.push((counter) => counter.addDropped(reason));
    }
  }
  const counter = new StatisticsCounter(options.name, questions.size, counts.length);
  for (const add of counts) add(counter);
  output.statistics = counter.statistics();
  if (counts.length === 0) {
    const reasons = Object.entries(skipped).map(([reason, count]) => `${reason} (${count} rows)`);
    throw inputError(
      `no row of the file can be used: ${reasons.join("; ")}`,
      { file: options.path },
      "Give another --form, --answer-kind or --answer field.",
    );
  }
  const file = basename(options.path);
  return { ...output, origin: { file, form, skipped, ownAnswers: options.answer === undefined } };
}

function guessForm(row: Record<string, unknown>, { path, question }: ImportOptions): ImportForm {
  if (question !== undefined) return "fields";
  if (Array.isArray(row.messages) || ("prompt" in row && "completion" in row)) return "trl";
  if (Array.isArray(row.conversations)) return "sharegpt";
  if ("instruction" in row && "output" in row) return "alpaca";
  if ("question" in row && "rationale" in row) return "fields";
  throw inputError(
    `the form of the rows is not known: they have ${Object.keys(row).slice(0, 20).join(", ")}`,
    { file: path },
    "Name the fields with --question and --rationale, or the form with --form.",
  );
}

/** One question and its reply, or why the row holds none. */
async function readTurn(
  form: ImportForm,
  row: Record<string, unknown>,
  line: number,
  options: ImportOptions,
): Promise<Turn | string> {
  switch (form) {
    case "trl":
      if (Array.isArray(row.messages)) return turnOf(row.messages, "role", "content");
      if (Array.isArray(row.prompt) && Array.isArray(row.completion))
        return turnOf([...row.prompt, ...row.completion], "role", "content");
      return plainTurn(row.prompt, row.completion);
    case "sharegpt":
      return Array.isArray(row.conversations)
        ? turnOf(row.conversations, "from", "value")
        : "no list of conversations";
    case "alpaca": {
      const input = typeof row.input === "string" ? row.input.trim() : "";
      const instruction = typeof row.instruction === "string" ? row.instruction.trim() : "";
      return plainTurn([instruction, input].filter((part) => part !== "").join("\n"), row.output);
    }
    case "fields": {
      const [mapped] = await mapOne(row, line, options, {
        question: options.question ?? "question",
        answer: options.rationale ?? "rationale",
      });
      return { question: mapped!.question, reply: mapped!.answer, reasoning: "" };
    }
  }
}

const userNames = ["user", "human"];
const assistantNames = ["assistant", "gpt", "model", "chatgpt", "bot"];

/** The user's one turn and the assistant's one reply; system turns are left out. */
function turnOf(turns: readonly unknown[], who: string, what: string): Turn | string {
  let question: string | undefined;
  let reply: Turn | undefined;
  for (const turn of turns.slice(0, 1000)) {
    if (!isRecord(turn)) return "a turn is no object";
    const name = String(turn[who]).toLowerCase();
    const text = textOf(turn[what]);
    if (userNames.includes(name)) {
      if (question !== undefined) return "several questions in one row";
      question = text;
    } else if (assistantNames.includes(name)) {
      if (reply !== undefined) return "several replies in one row";
      const reasoning =
        textOf(turn.reasoning_content) ||
        textOf(turn.thinking) ||
        textOf(turn.reasoning) ||
        thinkingOf(turn[what]);
      reply = { question: "", reply: text, reasoning };
    } else if (name !== "system" && name !== "developer") {
      return "turns of tools or other speakers";
    }
  }
  if (question === undefined || reply === undefined) return "no question with a reply";
  return { ...reply, question };
}

/** Text, or the text parts of a list of parts. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  return value.map((part) => (isRecord(part) && typeof part.text === "string" ? part.text : "")).join("");
}

function plainTurn(question: unknown, reply: unknown): Turn | string {
  if (typeof question !== "string" || typeof reply !== "string") return "no question with a reply";
  return { question, reply, reasoning: "" };
}

function turnFault({ question, reply, reasoning }: Turn): string | undefined {
  if (question.trim() === "" || (reply + reasoning).trim() === "") return "question or reply is empty";
  return Math.max(question.length, reply.length, reasoning.length) > longestField
    ? `longer than ${longestField} characters`
    : undefined;
}

function takeApart({ reply, reasoning: field }: Turn, options: ImportOptions) {
  const { reasoning, text } = splitReasoning({ content: reply, reasoning: field });
  const said = text === "" ? reasoning : text;
  const { before, answer } = cutAnswer(said, options.answerMarker, { hashes: true });
  return {
    rationale: rationaleOf(text === "" || reasoning === "" ? before : reasoning),
    answerText: answer ?? said,
    text: reply,
    truncated: false,
    filtered: false,
    model: undefined,
  };
}

async function goldOf(
  row: Record<string, unknown>,
  line: number,
  options: ImportOptions,
): Promise<string | undefined> {
  const answer = options.answer!;
  const [mapped] = await mapOne(row, line, options, { question: answer, answer });
  return mapped!.answer;
}

async function mapOne(
  row: Record<string, unknown>,
  line: number,
  options: ImportOptions,
  fields: { question: string; answer: string },
) {
  async function* one(): AsyncGenerator<TableRow> {
    yield { row, line };
  }
  const mapped = [];
  for await (const value of mapRows(one(), fields, { file: options.path })) mapped.push(value);
  return mapped;
}
