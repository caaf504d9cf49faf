/** Numbers in free text, as answers of the arithmetic tasks. */

/** Digits in thousands groups or plain, with an optional fraction and exponent; or a bare fraction (".5"). */
const numberPattern = /(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3}(?![A-Za-z0-9]))?|\.\d+/g;
const wordCharacter = /[\p{L}\p{N}_]/u;

/**
 * The numbers of a text in order, thousands commas dropped ("1,234.0" gives "1234.0"). A minus sign counts where it is
 * no operator ("-5", "$-5", "(−5)", not "8-5"); digits that end a word ("x2", "B12") are no number; one that overflows
 * is left out.
 */
export function numberCandidates(text: string): string[] {
  const candidates: string[] = [];
  for (const match of text.matchAll(numberPattern)) {
    let digits = match[0].replaceAll(",", "");
    let start = match.index;
    if (digits.startsWith(".")) {
      // "Rs.50" is 50, "is .50" is 0.5.
      if (wordCharacter.test(text[start - 1] ?? "")) digits = digits.slice(1);
      else digits = `0${digits}`;
    } else if (wordCharacter.test(text[start - 1] ?? "")) continue;
    if (/[$€£¥]/.test(text[start - 1] ?? "")) start--;
    const negative = /[-−]/.test(text[start - 1] ?? "") && !/[\p{L}\p{N}_)\]%]/u.test(text[start - 2] ?? "");
    if (Number.isFinite(Number(digits))) candidates.push(negative ? `-${digits}` : digits);
  }
  return candidates;
}

/** Whether two numbers, written as `numberCandidates` writes them, differ by at most 1e-6 (so 18 equals 18.0). */
export function numbersEqual(first: string, second: string): boolean {
  return first === second || Math.abs(Number(first) - Number(second)) <= 1e-6;
}
