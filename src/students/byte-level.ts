/**
 * Byte-level text, as GPT-2 tokenizes it: each of the 256 byte values has a printable character that stands for it in
 * vocabularies, and a regular expression cuts text into the words inside which byte pairs may merge.
 */

/** The character that stands for each byte value. [256] */
export const byteCharacters: readonly string[] = buildByteCharacters();

/**
 * GPT-2's word pattern in the dialect of tokenizer.json (Oniguruma; `\s` is the Unicode White_Space property there).
 * Every character of a text belongs to exactly one match.
 */
export const gpt2WordPattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The same pattern for JavaScript, whose own `\s` holds U+FEFF and lacks U+0085. */
const wordExpression = new RegExp(
  gpt2WordPattern
    .replaceAll("[^\\s", "[^\\p{White_Space}")
    .replaceAll("\\s", "\\p{White_Space}")
    .replaceAll("\\S", "\\P{White_Space}"),
  "gu",
);
const digitExpression = /\p{N}|\P{N}+/gu;

/** Cuts text into words; with `splitDigits` every digit is first cut out on its own. The words join back to the text. */
export function splitWords(text: string, splitDigits: boolean): string[] {
  if (!splitDigits) return text.match(wordExpression) ?? [];
  return (text.match(digitExpression) ?? []).flatMap((piece) => piece.match(wordExpression) ?? []);
}

/** A tokenizer.json pre-tokenizer for byte-level text; Rust and JavaScript tokenizers agree on it for every character. */
export function byteLevelPreTokenizer(splitDigits: boolean): Record<string, unknown> {
  const split = (pattern: string) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  });
  return {
    type: "Sequence",
    pretokenizers: [
      // Not the "Digits" pre-tokenizer: JavaScript's takes ASCII digits only, Rust's every numeric character.
      ...(splitDigits ? [split("\\p{N}")] : []),
      split(gpt2WordPattern),
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
}

function buildByteCharacters(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}
