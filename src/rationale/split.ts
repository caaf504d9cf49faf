/**
 * Step splitting (docs/method.md §2): a rationale's text becomes its ordered steps, lines first, then sentences inside a line.
 * Lossless, deterministic, linear in the text, and independent of the platform's locale data.
 */
import {
  beforeNumber,
  labelWords,
  neverFinal,
  seldomFinal,
  sentenceStarters,
  units,
} from "./abbreviations.ts";
import {
  classAt,
  closerClass,
  lineBreakClass,
  spaceClass,
  spanClass,
  terminatorClass,
} from "./characters.ts";
import { SpanFinder } from "./spans.ts";

/** How far the rules look around a period; keeps every decision constant-time. */
const window = 32;

/** These end a sentence without white space after them. */
const fullWidth = /[。！？｡]/;
const upperLetter = /^\p{Lu}/u;
/** All that a sentence holds before its period, if that is only a list numeral: "1", "- b", "**iv", "Step 2". */
const listNumeral =
  /^[\s\-*+•#>_("'[]*(?:\d{1,3}|[a-z]|[ivx]{1,5}|(?:step|case|part|question|problem|example)\s?\d{1,3})[)\]*_]*$/i;
/** Operators and punctuation that continue a sentence: "5! = 120", "... , 9". */
const continuation = /^[.?!,;:=)\]}/×÷<>^%&|+≤≥≈→]/;
/** A variable that opens a sentence: "x = 2", "y' > 3". */
const variable = /^[a-z]['_0-9]?\s*[=+*/<>^≤≥-]/;
const openingMarks = /^[("'“‘[{*_]+/;

/**
 * Splits a rationale into steps. `splitSteps(text).join("") === text`; each step holds a character that is not white
 * space, and all but the first begin with one (white space belongs to the step it follows, and at the very start to
 * the first step). Never cuts inside numbers, abbreviations, initials, list numerals, LaTeX or code. A text of white
 * space alone is one step; an empty one has none.
 */
export function splitSteps(text: string): string[] {
  if (text === "") return [];
  const spans = new SpanFinder(text);
  const steps: string[] = [];
  let stepStart = 0;
  /** First character of the step that is not white space; -1 while there is none. */
  let contentStart = -1;
  let position = 0;
  const cut = (at: number): void => {
    steps.push(text.slice(stepStart, at));
    stepStart = at;
    contentStart = at;
  };

  while (position < text.length) {
    const flags = classAt(text, position);
    if (flags & spaceClass) {
      const gap = skipSpace(text, position);
      if (gap.crossesLine && contentStart >= 0 && gap.end < text.length) cut(gap.end);
      position = gap.end;
      continue;
    }
    if (contentStart < 0) contentStart = position;
    const span = flags & spanClass ? spans.at(position) : undefined;
    if (span !== undefined) {
      position = span.end;
      if (span.kind === "math" && classAt(text, span.contentEnd - 1) & terminatorClass) {
        // "$x = 5.$ Then": the sentence's period stands inside the math.
        const gap = skipSpace(text, position);
        if (isInsideLine(text, gap) && gap.end > position && opensSentence(text, gap.end, false))
          cut(gap.end);
      }
      continue;
    }
    if (!(flags & terminatorClass)) {
      position++;
      continue;
    }
    const mark = position;
    while (classAt(text, position) & (terminatorClass | closerClass)) position++;
    const gap = skipSpace(text, position);
    if (!isInsideLine(text, gap)) continue;
    if (
      fullWidth.test(text.slice(mark, Math.min(position, mark + window))) ||
      (gap.end > position && endsSentence(text, contentStart, mark, position, gap.end))
    )
      cut(gap.end);
    position = gap.end;
  }
  steps.push(text.slice(stepStart));
  return steps;
}

interface Gap {
  end: number;
  crossesLine: boolean;
}

function skipSpace(text: string, from: number): Gap {
  let end = from;
  let crossesLine = false;
  for (let flags = classAt(text, end); flags & spaceClass; flags = classAt(text, ++end))
    if (flags & lineBreakClass) crossesLine = true;
  return { end, crossesLine };
}

/** A line's end cuts anyway, and the text's end needs no cut. */
function isInsideLine(text: string, gap: Gap): boolean {
  return !gap.crossesLine && gap.end < text.length;
}

/**
 * Whether the sentence that began at `start` ends with the marks in [mark, markEnd), given that the same line goes on
 * at `next` after white space.
 */
function endsSentence(text: string, start: number, mark: number, markEnd: number, next: number): boolean {
  const isPeriod = text[mark] === ".";
  const isEllipsis = text[mark] === "…" || (isPeriod && text[mark + 1] === ".");
  if (isEllipsis) {
    // "1, 2, ... 10" goes on; "Wait... Then" does not.
    const attached = mark > start && !(classAt(text, mark - 1) & spaceClass);
    return attached ? upperLetter.test(text.slice(next, next + 2)) : startsWithStarter(text, next);
  }
  if (isPeriod && mark - start < window && listNumeral.test(text.slice(start, mark))) return false;
  if (!isPeriod || markEnd - mark > 1) return opensSentence(text, next, !isPeriod);

  let wordStart = mark;
  const limit = Math.max(start, mark - window);
  while (wordStart > limit && !(classAt(text, wordStart - 1) & spaceClass)) wordStart--;
  const word = text.slice(wordStart, mark).replace(openingMarks, "");
  if (word.length <= 6) {
    const lower = word.toLowerCase();
    if (neverFinal.has(lower)) return false;
    if (beforeNumber.has(lower) && /^[(#]?\d/.test(text.slice(next, next + 2))) return false;
    if (units.has(lower)) return upperLetter.test(text.slice(next, next + 2));
    if (seldomFinal.has(word)) return startsWithStarter(text, next);
    // "in detail: 1. First": the list begins inside its line.
    if (word === "1" && previousWord(text, start, wordStart).endsWith(":")) return false;
    if (/^\p{Lu}$/u.test(word))
      return startsWithStarter(text, next) || !isInitial(previousWord(text, start, wordStart));
  }
  if (/^(?:\p{L}\.)+\p{L}$/u.test(word)) return startsWithStarter(text, next);
  return opensSentence(text, next, false);
}

function startsWithStarter(text: string, next: number): boolean {
  return sentenceStarters.has(/^\p{L}*/u.exec(text.slice(next, next + window))![0]);
}

/** The word that ends before `wordStart`, or "" where the sentence begins there. */
function previousWord(text: string, start: number, wordStart: number): string {
  return /(\S+)\s+$/.exec(text.slice(Math.max(start, wordStart - window), wordStart))?.[1] ?? "";
}

/** Whether a single capital after the word `previous` is the initial of a name ("George W. Bush", "J. R. Smith"). */
function isInitial(previous: string): boolean {
  if (previous === "") return true;
  const bare = previous.replace(openingMarks, "").replace(/[.,:;]+$/, "");
  return upperLetter.test(bare) && !/[,:;]$/.test(previous) && !labelWords.has(bare.toLowerCase());
}

/** Whether what stands at `next` can open a sentence. `strong`: after "?" or "!", which also end words ("5! = 120"). */
function opensSentence(text: string, next: number, strong: boolean): boolean {
  const ahead = text.slice(next, next + window);
  if (continuation.test(ahead)) return false;
  if (/^\*\s/.test(ahead) || /^[-–−]\s*\d/.test(ahead)) return !strong && /^\*\s+\p{Lu}/u.test(ahead);
  // "(a)" and "[b]" are list numerals, "(see above)" belongs to the sentence before it.
  if (/^[([]/.test(ahead)) return /^[([]\s*(?:[^\p{Ll}]|\p{Ll}{1,2}[)\]])/u.test(ahead);
  return !/^\p{Ll}/u.test(ahead) || variable.test(ahead);
}
