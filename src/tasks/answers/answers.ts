/**
 * Reading answers out of a student's or teacher's text, and comparing them with gold (docs/method.md §8; the candidate rule is
 * that of Fine-tune-CoT, arXiv 2212.10071). The texts are untrusted: sizes are capped and nothing is evaluated.
 */
import type { AnswerKind } from "../problem.ts";
import { letterCandidates } from "./letters.ts";
import { numberCandidates, numbersEqual } from "./numbers.ts";

/** Separates a rationale from its answer in every training and generated text. */
export const answerMarker = "-->";

/** Longer texts are read from their last characters: an answer comes at the end. */
const longestText = 20_000;
/** A free-text answer beyond this is no answer. */
const longestAnswer = 1_000;

export interface AnswerOptions {
  /** For `last_letter_concatenation` and `text`, default true; the other kinds ignore it. */
  caseSensitive?: boolean | undefined;
}

type Reading =
  | { form: "number" | "string" | "line" }
  /** `truth`: an answer that opens with True or False says yes or no. docs/method.md §8 has yes and no alone for its benchmarks. */
  | { form: "yesNo"; truth: boolean }
  | { form: "letter"; last: string };

/** How each kind is read: the form of its candidates. */
const readings: Record<AnswerKind, Reading> = {
  aqua: { form: "letter", last: "E" },
  commonsense_qa: { form: "letter", last: "E" },
  date_understanding: { form: "letter", last: "F" },
  tracking_shuffled_objects: { form: "letter", last: "C" },
  choice: { form: "letter", last: "J" },
  single_eq: { form: "number" },
  addsub: { form: "number" },
  multiarith: { form: "number" },
  svamp: { form: "number" },
  gsm8k: { form: "number" },
  number: { form: "number" },
  strategy_qa: { form: "yesNo", truth: false },
  coin_flip: { form: "yesNo", truth: false },
  yesNo: { form: "yesNo", truth: true },
  last_letter_concatenation: { form: "string" },
  text: { form: "line" },
};

/**
 * The answer a text gives: the first candidate after the first `-->`, or without one the last candidate of the text.
 * @returns the candidate in the form that `answersEqual` takes: a letter, a number ("1234.5", "3 1/2"), "yes" or "no", or
 *   a string; undefined if there is none.
 */
export function readAnswer(kind: AnswerKind, text: string): string | undefined {
  const tail = text.length > longestText ? text.slice(-longestText) : text;
  const marker = tail.indexOf(answerMarker);
  return marker < 0
    ? candidates(readings[kind], tail, "last").at(-1)
    : candidates(readings[kind], tail.slice(marker + answerMarker.length), "first")[0];
}

/** Whether a predicted answer (as `readAnswer` gives it) is right. False if either of them cannot be read. */
export function answersEqual(
  kind: AnswerKind,
  predicted: string | undefined,
  gold: string,
  options: AnswerOptions = {},
): boolean {
  const expected = normalizeGold(kind, gold);
  if (predicted === undefined || expected === undefined) return false;
  switch (readings[kind].form) {
    case "number":
      return numbersEqual(predicted, expected);
    case "string":
      return sameString(predicted, expected, options);
    case "line":
      return sameString(unwrapped(predicted), unwrapped(expected), options);
    case "letter":
    case "yesNo":
      return predicted === expected;
  }
}

/**
 * A gold answer as data sets write it ("(C)", "c", "1,234.0", a solution that ends in "#### 72" or "The answer is 72",
 * "True" for yes) in the form that `readAnswer` gives. Undefined if it holds no candidate, or several different ones.
 */
export function normalizeGold(kind: AnswerKind, gold: string): string | undefined {
  const text = goldTail(gold);
  const reading = readings[kind];
  if (reading.form === "letter") {
    const bare = /^[("'\s]*([A-Ja-j])[)"'.\s]*$/.exec(text)?.[1]?.toUpperCase();
    if (bare !== undefined) return bare <= reading.last ? bare : undefined;
  }
  if (reading.form === "yesNo") {
    const truth = /^(true|false)\s*\.?$/i.exec(text)?.[1]?.toLowerCase();
    if (truth !== undefined) return truth === "true" ? "yes" : "no";
  }
  const found = candidates(reading, text, "first");
  const [first] = found;
  if (first === undefined) return undefined;
  const same = reading.form === "number" ? numbersEqual : (a: string, b: string) => a === b;
  return found.every((other) => same(first, other)) ? first : undefined;
}

/**
 * The answer part of a gold field: what follows the last "####", else the last "answer is", else the whole, trimmed.
 * Fields that hold a whole solution (GSM8K) thus need no preparation.
 */
export function goldTail(gold: string): string {
  const tail = gold.length > longestText ? gold.slice(-longestText) : gold;
  const hashes = tail.lastIndexOf("####");
  if (hashes >= 0) return tail.slice(hashes + 4).trim();
  const phrase = [...tail.matchAll(/answer is(?:\s*:)?/giu)].at(-1);
  return (phrase === undefined ? tail : tail.slice(phrase.index + phrase[0].length)).trim();
}

/** A word of its own: in quotation marks maybe, but not before or after an apostrophe ("no's"). */
const yesOrNo = /(?<![\p{L}\p{N}_-]|[\p{L}\p{N}]['’])(?:yes|no)(?![\p{L}\p{N}_-]|['’][\p{L}\p{N}])/giu;

/** The word that opens an answer, in quotation marks, emphasis or brackets maybe. */
const trueOrFalse = /^[^\p{L}\p{N}]*(true|false)(?![\p{L}\p{N}_-]|['’][\p{L}\p{N}])/iu;

/**
 * The candidates of a text; for free strings the single one at the end that `which` names. An answer or gold is read for its
 * "first", running text for its "last".
 */
function candidates(reading: Reading, text: string, which: "first" | "last"): string[] {
  switch (reading.form) {
    case "letter":
      return letterCandidates(text, reading.last, which === "first");
    case "number":
      return numberCandidates(text, which === "first");
    case "yesNo": {
      const words = Array.from(text.matchAll(yesOrNo), (match) => match[0].toLowerCase());
      const truth =
        reading.truth && which === "first" ? trueOrFalse.exec(text)?.[1]?.toLowerCase() : undefined;
      return truth === undefined ? words : [truth === "true" ? "yes" : "no", ...words];
    }
    case "string": {
      const line = pickLine(text, which);
      // After the marker the line is the answer; in running text its last word is ('… we get: "yajc".').
      const words =
        which === "first" ? line : (line.split(/\s+/).findLast((word) => bareString(word) !== "") ?? "");
      return nonEmpty(bareString(unwrapped(words)));
    }
    case "line":
      return nonEmpty(pickLine(text, which));
  }
}

/** The first or last line that is not blank, trimmed. */
function pickLine(text: string, which: "first" | "last"): string {
  const trimmed = text.trim();
  const lines = trimmed.split(/[\n\r]/);
  return ((which === "first" ? lines[0] : lines.at(-1)) ?? "").trim();
}

function nonEmpty(text: string): string[] {
  return text === "" || text.length > longestAnswer ? [] : [text];
}

/** Without quotes, dots and white space. */
function bareString(text: string): string {
  return text.replace(/["'“”‘’`.\s]/g, "");
}

/** What may surround an answer: emphasis, code, quotes, brackets. */
const wrappers = [
  "** **",
  "__ __",
  "* *",
  "_ _",
  "` `",
  '" "',
  "' '",
  "“ ”",
  "‘ ’",
  "« »",
  "( )",
  "[ ]",
  "{ }",
].map((pair) => pair.split(" ") as [string, string]);
/** Nobody writes more of them around an answer; the cap keeps hostile texts cheap. */
const mostWrappers = 8;

/** Without what surrounds the whole answer, and without the full stop at its end: **"Paris"**. is Paris. */
function unwrapped(text: string): string {
  let bare = text.trim();
  for (let layer = 0; layer < mostWrappers; layer++) {
    const stopped = bare.replace(/(?<=[^.\s])\s*\.$/, "");
    const [open, close] = wrappers.find((pair) => surround(stopped, pair)) ?? ["", ""];
    const inner = stopped.slice(open.length, stopped.length - close.length).trim();
    if (inner === bare) break;
    bare = inner;
  }
  return bare;
}

/** Whether the marks open and close around the whole text: "(a) or (b)" has none. An apostrophe closes nothing. */
function surround(text: string, [open, close]: [string, string]): boolean {
  if (!text.startsWith(open) || !text.endsWith(close)) return false;
  const inner = text.slice(open.length, -close.length).replace(/(?<=\p{L})['’](?=\p{L})/gu, "");
  if (text.length < open.length + close.length || inner.trim() === "") return false;
  if (open === close) return !inner.includes(open);
  let depth = 0;
  for (const character of inner) {
    if (character === open) depth++;
    if (character === close && --depth < 0) return false;
  }
  return depth === 0;
}

function sameString(first: string, second: string, { caseSensitive = true }: AnswerOptions): boolean {
  return caseSensitive ? first === second : first.toLowerCase() === second.toLowerCase();
}
