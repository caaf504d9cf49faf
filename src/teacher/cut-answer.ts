/** Where a text ends and its answer begins, and what of it can be a rationale. */
import { answerMarker } from "../tasks/answers/answers.ts";

export interface CutText {
  /** The text before the answer. */
  before: string;
  /**
   * The answer in the form that `readAnswer` takes; undefined: nothing announces it, so it is looked for at the end of the text;
   * empty: `-->` stands somewhere in the text, and what it announces cannot be told.
   */
  answer: string | undefined;
}

/**
 * The answer opens on the last line that begins with the marker, bold or not; without one, at a `-->` (our own students), if it
 * is the only one and on the last line. Elsewhere it is a teacher's way of writing a step.
 * @param options.hashes a last line `#### 72` opens it, too, as in GSM8K's solutions
 */
export function cutAnswer(text: string, marker: string, options: { hashes?: boolean } = {}): CutText {
  const marked = cutAtMarkerLine(text, marker) ?? (options.hashes ? cutAtHashes(text) : undefined);
  if (marked !== undefined) return marked;
  const before = text.trim();
  return cutAtArrow(text) ?? { before, answer: text.includes(answerMarker) ? "" : undefined };
}

/** `-->` announces the answer in training texts, so an arrow among the steps of a rationale is written with one dash. */
export function rationaleOf(steps: string): string {
  // From the first dash of a row only: a row of a million is looked through once.
  return steps.replace(/(?<!-)-{2,}>/g, "->").trim();
}

/** Quotes, stars and spaces that may stand before the marker on its line. */
const longestOpening = 32;

function cutAtMarkerLine(text: string, marker: string): CutText | undefined {
  // In the text itself: in lower case some letters (İ) have another length, so places in it are not those of the text.
  const wanted = new RegExp(marker.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
  const places = Array.from(text.matchAll(wanted), ({ index }) => index);
  for (const at of places.reverse()) {
    const before = text.slice(Math.max(0, at - longestOpening), at);
    const opening = before.slice(before.lastIndexOf("\n") + 1);
    if (!/^[\s*_#>"'`-]*$/.test(opening) || opening.length === longestOpening) continue;
    const lineStart = at - opening.length;
    const tail = text.slice(at + marker.length).replace(/^[\s*_:]+/, "");
    return {
      before: text.slice(0, lineStart).trim(),
      answer: `${answerMarker} ${tail.replace(/[\s*_]+$/, "")}`,
    };
  }
  return undefined;
}

function cutAtHashes(text: string): CutText | undefined {
  const hashes = /(?:^|\n)####[ \t]*([^\n]+)\s*$/.exec(text);
  if (hashes === null) return undefined;
  return { before: text.slice(0, hashes.index).trim(), answer: `${answerMarker} ${hashes[1]}` };
}

/** At a `-->` that is the only one and on the last line, as our own students write it. */
export function cutAtArrow(text: string): CutText | undefined {
  const trimmed = text.trim();
  const arrow = trimmed.indexOf(answerMarker);
  if (arrow < 0 || arrow !== trimmed.lastIndexOf(answerMarker)) return undefined;
  return trimmed.includes("\n", arrow)
    ? undefined
    : { before: trimmed.slice(0, arrow).trim(), answer: trimmed.slice(arrow) };
}
