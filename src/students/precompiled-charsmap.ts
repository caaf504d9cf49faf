/**
 * The compiled character map of SentencePiece (Kudo and Richardson 2018), which T5's tokenizers normalize text with: a double-array
 * trie from byte sequences to replacements. Applied as the Python `tokenizers` library does, grapheme by grapheme;
 * @huggingface/tokenizers approximates it by NFKC.
 */
import { inputError } from "../util/errors.ts";

/** Graphemes of this many bytes or more are looked up character by character. */
const longGrapheme = 6;

/**
 * @param encoded base64 of the trie's size (uint32), the trie (uint32 units) and the replacements, each ended by a zero byte
 * @returns the normalization
 * @throws SkipthinkError (exit 2) for a map that is cut short
 */
export function precompiledCharsmap(encoded: string, file: string): (text: string) => string {
  const bytes = Buffer.from(encoded, "base64");
  const trieBytes = bytes.length < 4 ? Number.NaN : bytes.readUInt32LE(0);
  if (!(trieBytes % 4 === 0 && trieBytes > 0 && 4 + trieBytes <= bytes.length)) {
    throw inputError(`${file}: the precompiled_charsmap of the normalizer is cut short`, {
      file,
      key: "normalizer.precompiled_charsmap",
    });
  }
  const units = new Uint32Array(trieBytes / 4);
  for (let i = 0; i < units.length; i++) units[i] = bytes.readUInt32LE(4 + 4 * i);
  const replacements = bytes.subarray(4 + trieBytes);

  /** The replacement of the shortest key that `text` begins with, as the Python library chooses. */
  const find = (text: string): string | undefined => {
    let node = offsetOf(units[0]!);
    for (const byte of Buffer.from(text, "utf8")) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node];
      // The top bit marks leaves, which have no label.
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) {
        const start = (units[node] ?? 0) & 0x7fffffff;
        const end = replacements.indexOf(0, start);
        return replacements.toString("utf8", start, end < 0 ? replacements.length : end);
      }
    }
    return undefined;
  };
  // Most text is of few different graphemes.
  const known = new Map<string, string>();
  const normalized = (grapheme: string): string => {
    let result = known.get(grapheme);
    if (result === undefined) {
      const whole = Buffer.byteLength(grapheme) < longGrapheme ? find(grapheme) : undefined;
      result = whole ?? Array.from(grapheme, (character) => find(character) ?? character).join("");
      if (known.size < 10_000) known.set(grapheme, result);
    }
    return result;
  };
  return (text) => {
    let result = "";
    for (const [part] of text.matchAll(parts)) {
      if (part.length === 1 || part === "\r\n") result += normalized(part);
      else for (const { segment } of segmenter.segment(part)) result += normalized(segment);
    }
    return result;
  };
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
/**
 * Two neighbouring ASCII characters never share a grapheme but for a line end, so only the rest goes through the segmenter, with
 * one ASCII character on either side (a combining mark joins the one before, an Arabic number sign the one after).
 */
const ascii = "[\\u0000-\\u007f]";
const other = "[^\\u0000-\\u007f]";
const parts = new RegExp(`\\r\\n|${ascii}?${other}+(?:${ascii}${other}+)*${ascii}?|${ascii}`, "gu");
