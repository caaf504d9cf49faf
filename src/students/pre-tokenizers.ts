/**
 * Pre-tokenizers of tokenizer.json as the Python library computes them. Those whose JavaScript version differs are rewritten as
 * `Split`s, and `Split` itself is done here, because the library knows two of its five behaviors.
 */
import { inputError } from "../util/errors.ts";
import { gpt2WordPattern } from "./byte-level.ts";

export type PreTokenizer = Record<string, unknown>;

const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
type Behavior = (typeof behaviors)[number];

/** `\w` of Rust's regular expressions. JavaScript's knows ASCII letters only, and Oniguruma's lacks the two joiners. */
const wordCharacters = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d";
/** Without those few that became punctuation after Unicode 8, which the Python library does not know. */
const punctuation = "[\\p{P}\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e]";

const split = (pattern: string, behavior: unknown = "Isolated", invert = false): PreTokenizer => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior,
  invert,
});

/** The pre-tokenizer with the parts replaced that JavaScript's library computes otherwise; for useSplits afterwards. */
export function agreeingPreTokenizer(preTokenizer: PreTokenizer | null): PreTokenizer | null {
  if (preTokenizer === null) return null;
  switch (preTokenizer.type) {
    case "Sequence":
      if (!Array.isArray(preTokenizer.pretokenizers)) return preTokenizer;
      return { ...preTokenizer, pretokenizers: preTokenizer.pretokenizers.map(agreeingPreTokenizer) };
    // JavaScript's `\d` knows ASCII digits only; Rust's is_numeric is \p{N}.
    case "Digits":
      return split(preTokenizer.individual_digits === true ? "\\p{N}" : "\\p{N}+");
    case "Whitespace":
      return split(`[${wordCharacters}]+|[^${wordCharacters}\\s]+`, "Removed", true);
    // JavaScript's `\s` differs from White_Space at U+0085 and U+FEFF; the library rewrites it in Split patterns only.
    case "WhitespaceSplit":
      return split("\\s+", "Removed");
    case "Punctuation":
      return split(punctuation, preTokenizer.behavior ?? "Isolated");
    case "BertPreTokenizer":
      return { type: "Sequence", pretokenizers: [split("\\s+", "Removed"), split(punctuation)] };
    case "ByteLevel":
      if (preTokenizer.use_regex === false || preTokenizer.add_prefix_space !== false) return preTokenizer;
      return {
        type: "Sequence",
        pretokenizers: [split(gpt2WordPattern), { ...preTokenizer, use_regex: false }],
      };
    default:
      return preTokenizer;
  }
}

/**
 * @param place of the tokenizer, for the error
 * @throws SkipthinkError (exit 2) naming the key of a split that the Python library would not read either
 */
export function checkPreTokenizer(
  preTokenizer: PreTokenizer | null,
  place: string,
  key = "pre_tokenizer",
): void {
  if (preTokenizer === null) return;
  const { type, pretokenizers, pattern, behavior } = preTokenizer;
  if (type === "Sequence" && Array.isArray(pretokenizers)) {
    pretokenizers.forEach((part: PreTokenizer | null, i) => {
      checkPreTokenizer(part, place, `${key}.pretokenizers.${i}`);
    });
  }
  const refuse = (part: string, wanted: string): never => {
    throw inputError(
      `the tokenizer of ${place}: "${key}.${part}" must be ${wanted}`,
      { file: place, key: `${key}.${part}` },
      "Save the tokenizer again with a current version of transformers, or take another student.",
    );
  };
  const isSplit = type === "Split";
  if (isSplit || (type === "Punctuation" && behavior !== undefined)) {
    if (!behaviors.some((known) => known === behavior)) refuse("behavior", `one of ${behaviors.join(", ")}`);
  }
  const { Regex, String: text } = (pattern ?? {}) as Record<string, unknown>;
  if (isSplit && typeof Regex !== "string" && typeof text !== "string") {
    refuse("pattern", "an object with the text Regex or String");
  }
}

/** The parts of the library's pre-tokenizers that are used here. */
export interface LibraryPreTokenizer {
  pre_tokenize_text(text: string): string[];
  config?: PreTokenizer;
  /** Of a `Split`, compiled. */
  pattern?: RegExp;
  /** Of a `Sequence`. */
  tokenizers?: (LibraryPreTokenizer | null)[];
}

/** The library's `Split`s only isolate or remove, and drop what lies between matches where they are inverted: ours take their place. */
export function useSplits(preTokenizer: LibraryPreTokenizer | null): void {
  if (preTokenizer === null) return;
  const { config, pattern } = preTokenizer;
  if (config?.type === "Split" && pattern !== undefined) {
    const behavior = config.behavior as Behavior;
    const isInverted = config.invert === true;
    preTokenizer.pre_tokenize_text = (text) => splitText(text, pattern, behavior, isInverted);
  }
  for (const part of preTokenizer.tokenizers ?? []) useSplits(part);
}

/** As NormalizedString::split of the Python library's Rust code. */
function splitText(text: string, pattern: RegExp, behavior: Behavior, isInverted: boolean): string[] {
  const pieces: { text: string; isDelimiter: boolean }[] = [];
  let end = 0;
  const push = (from: number, to: number, isMatch: boolean) => {
    pieces.push({ text: text.slice(from, to), isDelimiter: isMatch !== isInverted });
    end = to;
  };
  for (const { index, 0: match } of text.matchAll(pattern)) {
    // Rust's matches are never empty where the one before has ended.
    if (match === "" && index === end && pieces.length > 0) continue;
    if (index > end) push(end, index, false);
    push(index, index + match.length, true);
  }
  if (end < text.length) push(end, text.length, false);
  return joined(pieces, behavior).filter((piece) => piece !== "");
}

function joined(pieces: readonly { text: string; isDelimiter: boolean }[], behavior: Behavior): string[] {
  if (behavior === "Removed") return pieces.filter(({ isDelimiter }) => !isDelimiter).map(({ text }) => text);
  const isJoined = (i: number): boolean => {
    const [before, after] = [pieces[i - 1]!.isDelimiter, pieces[i]!.isDelimiter];
    if (behavior === "Contiguous") return before === after;
    // A delimiter joins the text beside it, never another delimiter.
    if (behavior === "MergedWithPrevious") return after && !before;
    return behavior === "MergedWithNext" && before && !after;
  };
  const result: string[] = [];
  pieces.forEach(({ text }, i) => {
    if (i > 0 && isJoined(i)) result.push(result.pop()! + text);
    else result.push(text);
  });
  return result;
}
