import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trainByteLevelBpe } from "../../src/students/bpe.ts";
import { byteCharacters, splitWords } from "../../src/students/byte-level.ts";

const mergesOf = (texts: string[], vocabularySize: number, splitDigits = false) =>
  trainByteLevelBpe(texts, { vocabularySize, endOfText: "<|endoftext|>", splitDigits }).model.merges as [
    string,
    string,
  ][];

/** The textbook algorithm: count every pair anew before each merge. */
function naiveMerges(texts: string[], count: number): [string, string][] {
  const words = texts
    .flatMap((text) => splitWords(text, false))
    .map((word) => Array.from(Buffer.from(word), (byte) => byteCharacters[byte]!));
  const known = new Set<string>(byteCharacters);
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const key = JSON.stringify([word[i - 1], word[i]]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const best = [...counts]
      .map(([key, times]) => ({ pair: JSON.parse(key) as [string, string], times }))
      .filter(({ pair, times }) => times >= 2 && !known.has(pair.join("")))
      .sort((a, b) => {
        if (a.times !== b.times) return b.times - a.times;
        const [left, right] = a.pair[0] === b.pair[0] ? [a.pair[1], b.pair[1]] : [a.pair[0], b.pair[0]];
        return left < right ? -1 : 1;
      })[0];
    if (best === undefined) break;
    merges.push(best.pair);
    known.add(best.pair.join(""));
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] === best.pair[0] && word[i + 1] === best.pair[1]) word.splice(i, 2, best.pair.join(""));
      }
    }
  }
  return merges;
}

describe("byte-level BPE training", () => {
  it("merges the most frequent pair first, ties in lexicographic order", () => {
    expect(mergesOf(["low low low lower lower", "newest newest"], 263)).toEqual([
      ["l", "o"],
      ["lo", "w"],
      ["Ġ", "low"],
      ["e", "r"],
      ["e", "s"],
      ["e", "w"],
    ]);
    expect(mergesOf(["ab ab", "cd cd"], 258)).toEqual([["a", "b"]]);
  });

  it("agrees with the textbook algorithm", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "1", "é", "\n"), maxLength: 60 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), (texts) => {
        expect(mergesOf(texts, 257 + 25)).toEqual(naiveMerges(texts, 25));
      }),
      { numRuns: 200 },
    );
  });

  it("numbers the vocabulary densely: end of text, all bytes, merges", () => {
    const document = trainByteLevelBpe(["the cat and the hat"], {
      vocabularySize: 260,
      endOfText: "<|endoftext|>",
      splitDigits: true,
    });
    const vocabulary = document.model.vocab as Record<string, number>;
    expect(Object.values(vocabulary).sort((a, b) => a - b)).toEqual(Array.from({ length: 260 }, (_, i) => i));
    expect(vocabulary["<|endoftext|>"]).toBe(0);
    for (const character of byteCharacters) expect(vocabulary[character]).toBeLessThan(257);
  });

  it("stops early when no pair occurs twice", () => {
    expect(mergesOf(["abcdef"], 400)).toEqual([]);
  });

  it("never joins digits when they are split", () => {
    const texts = ["12 12 12 12 345 345 345"];
    expect(mergesOf(texts, 300, true).flat().join("")).not.toMatch(/\d/);
    expect(mergesOf(texts, 300, false)).toContainEqual(["1", "2"]);
  });

  it("refuses a vocabulary without room for the bytes", () => {
    const train = (vocabularySize: number) => () => mergesOf([], vocabularySize);
    expect(train(256)).toThrow(/256 entries/);
    expect(train(300.5)).toThrow(/300.5 entries/);
    expect(train(257)).not.toThrow();
  });
});

/** Any code points (fast-check's own unit for them takes a minute to build). */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 20 })
  .map((points) => String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff)));

describe("words", () => {
  it("cuts as GPT-2 does", () => {
    expect(splitWords("I'll go  to\n\n12 places, ok?", false)).toEqual([
      "I",
      "'ll",
      " go",
      " ",
      " to",
      "\n",
      "\n",
      "12",
      " places",
      ",",
      " ok",
      "?",
    ]);
    expect(splitWords("has 128.5", true)).toEqual(["has", " ", "1", "2", "8", ".", "5"]);
  });

  it("joins back to the text, with every character in one word", () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, splitDigits) => {
        expect(splitWords(text, splitDigits).join("")).toBe(text);
      }),
    );
  });
});
