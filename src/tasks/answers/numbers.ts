/** Numbers in free text, as answers of the arithmetic tasks. */

/** A fraction or mixed number ("3/4", "3 1/2"), but no date ("05/06", "5/6/2020"). */
const fraction =
  /(?<![\p{L}\p{N}_/])(?:(?<whole>\d{1,3}) )?(?!0\d)(?<top>\d{1,9})\/(?!0)(?<bottom>\d{1,9})(?!\d|[.,]\d|\/)/u;
const powerOfTen = /10\^(?<power>[+-]?\d{1,3})(?!\d|\.\d)/u;
/** Digits plain or in groups ("1,234", "12,34,567") with a decimal fraction and an exponent; or a bare fraction (".5"). */
const decimal =
  /(?<digits>(?:\d{1,2}(?:,\d{2}){1,6},\d{3}(?!,?\d)|\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3}(?![A-Za-z0-9]))?|\.\d+)/u;
const timesPowerOfTen = /(?: ?[×x*·] ?10\^(?<times>[+-]?\d{1,3})(?!\d|\.\d))?/u;
const numberPattern = new RegExp(
  `${fraction.source}|${powerOfTen.source}|${decimal.source}${timesPowerOfTen.source}`,
  "gu",
);
const wordCharacter = /[\p{L}\p{N}_]/u;
/** What may stand before the number that opens an answer, with a minus sign in it: "- 5", "–5", "-₹5". */
const openingSign = /^[\s"'“‘*_`([{$]*[-−–][ \t]?(?:\p{Sc}[ \t]?)?(?=[\d.])/u;

/**
 * The numbers of a text in order, thousands commas dropped ("1,234.0" gives "1234.0"), a fraction or mixed number as one
 * ("1/2", "3 1/2"; "15/3" gives "5"), powers of ten multiplied ("2 × 10^5" gives "200000"). A minus sign counts where it is
 * no operator ("-5", "$-5", "(−5)", not "8-5"); digits that end a word ("x2", "B12") or are its exponent ("cm^2") are no
 * number; one that overflows is left out.
 * @param isAnswer the text is an answer, no running text: a dash before the number that opens it is a minus sign ("- 5")
 */
export function numberCandidates(text: string, isAnswer: boolean): string[] {
  const forms = plainNumbers(text);
  const plain = isAnswer ? forms.replace(/^([^\p{L}\p{N}]*\d{1,9}) \/ (?=\d)/u, "$1/") : forms;
  const signed = isAnswer ? openingSign.exec(plain)?.[0].length : undefined;
  const candidates: string[] = [];
  for (const match of plain.matchAll(numberPattern)) {
    if (/[\p{L}}]\^[({]?[-+]?$/u.test(plain.slice(Math.max(0, match.index - 4), match.index))) continue;
    const negative = match.index === signed || hasMinus(plain, match.index);
    for (const [n, value] of numbersOf(match, plain[match.index - 1] ?? "").entries())
      if (Number.isFinite(numericValue(value))) candidates.push(negative && n === 0 ? `-${value}` : value);
  }
  return candidates;
}

/** LaTeX and typographic forms as plain ones: "\frac{1}{2}" and "½" are 1/2, "1{,}234" is 1,234, "10⁵" is 10^5. */
function plainNumbers(text: string): string {
  return (
    text
      .replace(/\{,\}/g, ",")
      .replace(/\\!|(?<=\d)\\,(?=\d{3})|\\(?=\$)/g, "")
      .replace(/\\(?:times|cdot)(?![A-Za-z])/g, "×")
      // What stands before a fraction stays apart from it: "3½" is 3 1/2.
      .replace(/(?<=[\p{L}\p{N}_])(?=\\[dt]?frac\{|[¼-¾⅐-⅞])/gu, " ")
      .replace(/\\[dt]?frac\{(-?\d{1,9})\}\{(\d{1,9})\}/g, "$1/$2")
      .replace(/[¼-¾⅐-⅞]/g, (sign) => sign.normalize("NFKC"))
      .replaceAll("⁄", "/")
      .replace(/(?<=10)[⁺⁻]?[⁰¹²³⁴-⁹]+/g, (power) => `^${power.normalize("NFKC")}`)
      .replace(/(?<=10\^)[{(]([-+−]?\d{1,3})[)}]/g, "$1")
      .replace(/(?<=10\^)−/g, "-")
  );
}

/** The number of a match; two where digits before a fraction are no mixed number ("20 9/2"); none for the end of a word. */
function numbersOf({ groups = {} }: RegExpExecArray, previous: string): string[] {
  const { whole, top, bottom, power, times, digits = "" } = groups;
  if (top !== undefined && bottom !== undefined) {
    const isWhole = Number(top) % Number(bottom) === 0;
    const ratio = isWhole ? String(Number(top) / Number(bottom)) : `${top}/${bottom}`;
    if (whole === undefined) return [ratio];
    return isWhole || Number(top) > Number(bottom) ? [whole, ratio] : [`${whole} ${ratio}`];
  }
  const inWord = wordCharacter.test(previous);
  // "Rs.50" is 50, "is .50" is 0.5.
  if (inWord && !digits.startsWith(".")) return [];
  if (power !== undefined) return [String(Number(`1e${power}`))];
  const plain = digits.replaceAll(",", "").replace(/^\./, inWord ? "" : "0.");
  return [times === undefined ? plain : String(Number(`${plain}e${times}`))];
}

function hasMinus(text: string, index: number): boolean {
  const start = /\p{Sc}/u.test(text[index - 1] ?? "") ? index - 1 : index;
  return /[-−]/.test(text[start - 1] ?? "") && !/[\p{L}\p{N}_)\]%]/u.test(text[start - 2] ?? "");
}

/** Whether two numbers, written as `numberCandidates` writes them, differ by at most 1e-6 (so 18 equals 18.0, and 1/2 0.5). */
export function numbersEqual(first: string, second: string): boolean {
  return first === second || Math.abs(numericValue(first) - numericValue(second)) <= 1e-6;
}

function numericValue(written: string): number {
  const parts = /^(-?)(?:(\d+) )?(\d+)\/(\d+)$/.exec(written);
  if (parts === null) return Number(written);
  const [, sign, whole = "0", top, bottom] = parts;
  return (sign === "-" ? -1 : 1) * (Number(whole) + Number(top) / Number(bottom));
}
