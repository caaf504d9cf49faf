/** Which problems are the same question, and which go to dev and test: by problem, never by row, and from the seed alone. */
import { RandomStream } from "../util/random.ts";

/**
 * A question with what varies between copies of it removed: upper case, white space, typography, sentence punctuation.
 * What makes another problem of the same words stays: operators, brackets, decimal points, signs, exponents, "5!". Two
 * problems with the same result are the same problem. A question of punctuation alone is kept as it is.
 */
export function normalizeQuestion(text: string): string {
  const plain = plainCharacters(text)
    .toLowerCase()
    .replace(/(\d),(?=\d{3}(?!\d))/g, "$1")
    .replace(emphasis, "")
    .replace(loneLetterInBrackets, "$1");
  const words = plain.replace(sentenceMarks, " ");
  const spaced = words
    .replace(/-/g, (mark, offset: number) => (isMinus(words, offset) ? mark : " "))
    // White space around what stays means nothing: "(True)" is "( True )". A decimal point has none.
    .replace(/(?!\.)[\p{P}\p{S}]/gu, " $& ");
  const collapsed = spaced.replace(/\s+/g, " ").trim();
  return collapsed === "" ? text.trim() : collapsed;
}

/** Stars and underscores around words ("**How many**"), not between operands. */
const emphasis =
  /(?<=^|[\s"'“‘([{])[*_]+(?=[\p{L}"'“‘])|(?<=[\p{L}.,;:!?"'”’])[*_]+(?=$|[\s.,;:!?"'”’)\]}])/gu;
/** The label of a choice: "(A) red" is "A. red". */
const loneLetterInBrackets = /(?<=^|\s)[([](\p{L})[)\]]/gu;
/** An exclamation mark counts where it ends a word ("5!" is a factorial, "!=" an operator), an apostrophe unless it is f'(x). */
const sentenceMarks =
  /\.(?!\d)|(?<=\p{L}{2}|[?"'”’])!+(?!=)|'(?!\()|[,;:?"`´…•—―‘’‚‛“”„‟«»‹›¿¡、。「」『』]/gu;

/**
 * One form for the characters that print alike: full-width letters, ligatures, dashes, no-break spaces. Exponents and
 * fractions keep theirs ("5²" is not "52").
 */
function plainCharacters(text: string): string {
  return text
    .replace(/[^\p{No}\p{Lm}\u2070-\u209f´]+/gu, (part) => part.normalize("NFKC"))
    .replace(/\p{Cf}/gu, "")
    .replace(/[‐‑‒–−]/g, "-");
}

/** Whether a dash belongs to numbers, brackets or variables ("5 - 3", "-x", "a-b"), not to words ("T-shirt", "one - two"). */
function isMinus(text: string, offset: number): boolean {
  const before = text.slice(Math.max(0, offset - 3), offset);
  const after = text.slice(offset + 1, offset + 4);
  if (/[\p{N})\]}]\s?$/u.test(before) || /^\s?[\p{N}.([{]/u.test(after)) return true;
  if (!/^\s?\p{L}(?![\p{L}\p{N}])/u.test(after)) return false;
  return (
    /(?:^|[^\p{L}\p{N}])\p{L}\s?$/u.test(before) || (/(?:^|[\s([{])$/.test(before) && !/^\s/.test(after))
  );
}

/**
 * What the draw of a question hangs on (`chooseShare`, `chooseCount`). Coarser than `normalizeQuestion`, and fixed: with
 * another key the same data and seed would be split otherwise.
 */
export function drawKey(question: string): string {
  const lower = question.normalize("NFKC").toLowerCase();
  const kept = lower
    .replace(/(\d),(?=\d{3})/g, "$1")
    .replace(/\p{P}/gu, (mark, offset: number) => (belongsToNumber(mark, lower, offset) ? mark : " "));
  const collapsed = kept.replace(/\s+/g, " ").trim();
  return collapsed === "" ? question.trim() : collapsed;
}

function belongsToNumber(mark: string, text: string, offset: number): boolean {
  if (mark === ".") return /\d/.test(text[offset + 1] ?? "");
  if (!/[-−*/%]/.test(mark)) return false;
  return (
    /^\s?[\d(]/.test(text.slice(offset + 1, offset + 3)) ||
    /[\d)]\s?$/.test(text.slice(Math.max(0, offset - 2), offset))
  );
}

/**
 * Chooses a share of the items by a draw of their own key, so that the choice depends neither on their order nor, for
 * most items, on which others there are. Both parts keep the items' order.
 * @param share of the items in [0, 1]; above 0, at least one item is chosen, and at least one stays if there are two
 * @param name of the random stream, e.g. "split/test"
 */
export function chooseShare<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  share: number,
  seed: number,
  name: string,
): { chosen: T[]; rest: T[] } {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`share ${share} is not between 0 and 1`);
  const wanted = share === 0 ? 0 : Math.max(1, Math.round(share * items.length));
  return chooseCount(items, keyOf, Math.min(wanted, Math.max(0, items.length - 1)), seed, name);
}

/** As `chooseShare`, for a number of items. */
export function chooseCount<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  count: number,
  seed: number,
  name: string,
): { chosen: T[]; rest: T[] } {
  const ranked = items
    .map((item, index) => ({ index, rank: new RandomStream(seed, `${name}/${keyOf(item)}`).next() }))
    .sort((first, second) => first.rank - second.rank || first.index - second.index);
  const chosen = new Set(ranked.slice(0, count).map(({ index }) => index));
  return {
    chosen: items.filter((_, index) => chosen.has(index)),
    rest: items.filter((_, index) => !chosen.has(index)),
  };
}
