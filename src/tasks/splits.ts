/** Which problems are the same question, and which go to dev and test: by problem, never by row, and from the seed alone. */
import { RandomStream } from "../util/random.ts";

/**
 * A question with what varies between copies of it removed: lower case, white space collapsed, punctuation dropped.
 * Signs that belong to numbers stay ("5 - 3" is not "5 + 3", "3.5" is not "35"). Two problems with the same result are
 * the same problem. A question of punctuation alone is kept as it is.
 */
export function normalizeQuestion(text: string): string {
  const lower = text.normalize("NFKC").toLowerCase();
  const kept = lower
    .replace(/(\d),(?=\d{3})/g, "$1")
    .replace(/\p{P}/gu, (mark, offset: number) => (belongsToNumber(mark, lower, offset) ? mark : " "));
  const collapsed = kept.replace(/\s+/g, " ").trim();
  return collapsed === "" ? text.trim() : collapsed;
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
