import { describe, expect, it } from "vitest";
import { growEmbedding } from "../../src/students/grow-embedding.ts";

const old = Float32Array.of(1, 10, 3, 30, 5, 50);

describe("grown embeddings", () => {
  it("keep the old rows and start new ones near their mean", () => {
    const grown = growEmbedding(old, 3, 403, 2, 5);
    expect(grown.subarray(0, 6)).toEqual(old);
    const column = (index: number) => Array.from(grown.subarray(6)).filter((_, i) => i % 2 === index);
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
    expect(growEmbedding(old, 3, 403, 2, 5)).toEqual(grown);
    expect(growEmbedding(old, 3, 403, 2, 6)).not.toEqual(grown);
  });

  it("stay as they are at the same size, and never lose rows", () => {
    expect(growEmbedding(old, 3, 3, 2, 1)).toEqual(old);
    expect(() => growEmbedding(old, 3, 2, 2, 1)).toThrow(/3 rows cannot keep them in 2/);
  });

  it("refuse values of another shape", () => {
    expect(() => growEmbedding(old, 2, 4, 2, 1)).toThrow(/not \[2, 2\]/);
    expect(() => growEmbedding(new Float32Array(0), 0, 4, 2, 1)).toThrow(/not \[0, 2\]/);
  });
});
