/** One data file as problems: rows with the same question are one problem, and each row may bring a rationale to it. */
import { answerMarker, answersEqual, goldTail, normalizeGold } from "../tasks/answers/answers.ts";
import type { AnswerKind, Problem } from "../tasks/problem.ts";
import { quoteExcerpt } from "../tasks/read/excerpt.ts";
import { type FieldMapping, type MappedRow, mapRows } from "../tasks/read/mapping.ts";
import { readTable, type TableFormat } from "../tasks/read/table.ts";
import { normalizeQuestion } from "../tasks/splits.ts";
import { inputError } from "../util/errors.ts";
import { type BadRowPolicy, BadRows, namedLines } from "./bad-rows.ts";

export interface ProblemEntry {
  /** The normalized question; equal for the same problem in different files. */
  key: string;
  problem: Problem;
  /** Texts of its rationales, in the file's order. */
  rationales: string[];
  /** Where the problem came first. */
  line: number;
}

export interface ProblemTable {
  entries: ProblemEntry[];
  notes: string[];
}

/** How the answers of a file are read and compared. */
interface AnswerReading {
  answerKind: AnswerKind;
  caseSensitive?: boolean | undefined;
}

/**
 * A rationale without the line "#### answer" that ends a GSM8K solution: the answer follows the rationale in training
 * texts anyway. Only a last line that states the row's own answer is cut (four hashes may also open a heading).
 */
function withoutAnswerLine(
  rationale: string,
  { answerKind, caseSensitive }: AnswerReading,
  gold: string,
): string {
  const start = rationale.lastIndexOf("####");
  if (start < 0) return rationale;
  const line = rationale.slice(start).trimEnd();
  if (
    line.includes("\n") ||
    !answersEqual(answerKind, normalizeGold(answerKind, line), gold, { caseSensitive })
  )
    return rationale;
  return rationale.slice(0, start).trimEnd();
}

/**
 * Reads a file into problems.
 * @param role "train", "dev" or "test": the first part of ids that the file does not give
 * @throws input error for the file, and for rows that cannot be used if `onBadRow` is "stop"
 */
export async function readProblems(options: {
  path: string;
  format?: TableFormat | undefined;
  fields: FieldMapping;
  answerKind: AnswerKind;
  caseSensitive: boolean | undefined;
  role: "train" | "dev" | "test";
  onBadRow: BadRowPolicy;
}): Promise<ProblemTable> {
  const { path, role, answerKind, caseSensitive } = options;
  const badRows = new BadRows(path, options.onBadRow);
  const entries = new Map<string, ProblemEntry>();
  const keyOfId = new Map<string, string>();
  let repeatedProblems = 0;
  let answerLines = 0;
  const withMarker: number[] = [];

  const rows = mapRows(readTable(path, options.format), options.fields, {
    file: path,
    onBadRow: (line, error) => badRows.report("a mapped field is missing or unusable", line, error),
  });
  for await (const row of rows) {
    if (!isUsable(row, options, badRows)) continue;
    const key = normalizeQuestion(row.question);
    let entry = entries.get(key);
    if (entry === undefined) {
      const id = row.id ?? `${role}-${row.line}`;
      if (keyOfId.has(id)) {
        badRows.reject(
          "the id belongs to another question",
          row.line,
          `: ${quoteExcerpt(id)}`,
          "id",
          "Give each question its own id, or map no id.",
        );
        continue;
      }
      keyOfId.set(id, key);
      entry = {
        key,
        problem: { id, question: row.question.trim(), answer: goldTail(row.answer) },
        rationales: [],
        line: row.line,
      };
      entries.set(key, entry);
    } else {
      const gold = normalizeGold(answerKind, row.answer);
      if (!answersEqual(answerKind, gold, entry.problem.answer, { caseSensitive })) {
        badRows.reject(
          "the same question has another answer in an earlier row",
          row.line,
          ` (line ${entry.line}: ${quoteExcerpt(entry.problem.answer)}, here ${quoteExcerpt(goldTail(row.answer))})`,
          "answer",
          "Correct one of the two rows or leave one out.",
        );
        continue;
      }
      if (row.rationale === undefined) repeatedProblems++;
    }
    if (row.rationale !== undefined) {
      const text = withoutAnswerLine(row.rationale, options, row.answer);
      if (text !== row.rationale) answerLines++;
      if (text.includes(answerMarker)) withMarker.push(row.line);
      else entry.rationales.push(text);
    }
  }

  const notes = badRows.notes();
  if (entries.size === 0)
    throw inputError(
      `no row of the file can be used: ${notes.join("; ")}`,
      { file: path },
      "Correct the field mapping.",
    );
  if (repeatedProblems > 0) notes.push(`${path}: ${repeatedProblems} rows repeat a question and count once`);
  if (answerLines > 0)
    notes.push(`${path}: the answer line "#### ..." was cut from ${answerLines} rationales`);
  if (withMarker.length > 0)
    notes.push(
      `${path}: ${withMarker.length} rationales were left out: they contain ${answerMarker}, which announces the answer ` +
        `in training texts (${namedLines(withMarker)})`,
    );
  return { entries: [...entries.values()], notes };
}

/** Line of the file that a question came from, or one of its rationales, for messages; undefined where no row gives it. */
export async function lineOf(
  options: { path: string; format?: TableFormat | undefined; fields: FieldMapping } & AnswerReading,
  { question, text }: { question: string; text?: string },
): Promise<number | undefined> {
  const { path } = options;
  const key = normalizeQuestion(question);
  const rows = mapRows(readTable(path, options.format), options.fields, { file: path, onBadRow: () => {} });
  for await (const { question: asked, rationale, answer, line } of rows) {
    if (normalizeQuestion(asked) !== key) continue;
    if (text === undefined) return line;
    if (rationale !== undefined && withoutAnswerLine(rationale, options, answer) === text) return line;
  }
  return undefined;
}

/** Checks a row's own content; reports what is wrong with it. */
function isUsable(row: MappedRow, reading: AnswerReading, badRows: BadRows): boolean {
  const { answerKind } = reading;
  const remedy = "Correct the row, leave it out, or skip bad rows (onBadRow: skip).";
  if (row.question.trim() === "") {
    badRows.reject("the question is empty", row.line, "", "question", remedy);
    return false;
  }
  if (normalizeGold(answerKind, row.answer) === undefined) {
    badRows.reject(
      `the gold answer cannot be read as ${answerKind}`,
      row.line,
      `: ${quoteExcerpt(goldTail(row.answer))}`,
      "answer",
      "Correct the answer, map another field, or choose the answer kind that the data has.",
    );
    return false;
  }
  if (row.rationale === undefined) return true;
  const text = withoutAnswerLine(row.rationale, reading, row.answer);
  if (text.trim() === "") {
    badRows.reject("the rationale is empty", row.line, "", "rationale", remedy);
    return false;
  }
  return true;
}
