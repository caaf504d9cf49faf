import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../src/util/nearest.ts";

describe("nearest", () => {
  it.each([
    ["learningrate", "learningRate"],
    ["learnigRate", "learningRate"],
    ["chunks", "chunk"],
    ["sede", "seed"],
    ["colour", undefined],
  ])("%s means %s", (word, meant) => {
    expect(nearest(word, ["learningRate", "chunk", "seed", "threads"])).toBe(meant);
  });

  it("counts edits exactly", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("abcd", "acbd")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
  });

  it("is symmetric, zero only for equal words and at most the longer length", () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
