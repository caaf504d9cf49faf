import { describe, expect, it } from "vitest";
import { resizeEmbedding } from "../../src/students/resize-embedding.ts";

const old = Float32Array.of(1, 10, 3, 30, 5, 50);

describe("resized embeddings", () => {
  it("keep the old rows and start new ones near their mean", () => {
    const resized = resizeEmbedding(old, 3, 403, 2, 5);
    expect(resized.subarray(0, 6)).toEqual(old);
    const column = (index: number) => Array.from(resized.subarray(6)).filter((_, i) => i % 2 === index);
    // Column deviations are √(8/3) and 10 times that; noise is 2 % of them.
    for (const [index, scale] of [
      [0, 1],
      [1, 10],
    ] as const) {
      const values = column(index).map((value) => (value / scale - 3) / Math.sqrt(8 / 3));
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      expect(Math.abs(deviation - 0.02)).toBeLessThan(0.004);
      expect(new Set(values).size).toBeGreaterThan(390);
    }
    expect(resizeEmbedding(old, 3, 403, 2, 5)).toEqual(resized);
    expect(resizeEmbedding(old, 3, 403, 2, 6)).not.toEqual(resized);
  });

  it("drop rows above the new size", () => {
    expect(resizeEmbedding(old, 3, 2, 2, 1)).toEqual(Float32Array.of(1, 10, 3, 30));
    expect(resizeEmbedding(old, 3, 3, 2, 1)).toEqual(old);
  });

  it("refuse values of another shape", () => {
    expect(() => resizeEmbedding(old, 2, 4, 2, 1)).toThrow(/not \[2, 2\]/);
    expect(() => resizeEmbedding(new Float32Array(0), 0, 4, 2, 1)).toThrow(/not \[0, 2\]/);
  });
});
