import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  mcNemarExact,
  meanAndStandardError,
  median,
  proportionStandardError,
  quantile,
  wilsonInterval,
} from "../../src/evaluate/statistics.ts";

const close = (actual: number, expected: number, tolerance: number) =>
  expect(Math.abs(actual - expected), `${actual} against ${expected}`).toBeLessThanOrEqual(tolerance);

describe("wilsonInterval", () => {
  it("equals scipy.stats.binomtest(k, n).proportion_ci(0.95, 'wilson')", () => {
    const z95 = 1.959963984540054;
    for (const [k, n, low, high] of [
      [50, 100, 0.4038315303659956, 0.5961684696340044],
      [0, 20, 0, 0.16112515805281935],
      [95, 100, 0.8882495307680809, 0.978456320845632],
      [3, 7, 0.1582198552514697, 0.7495416354723428],
    ] as const) {
      const interval = wilsonInterval(k, n, z95);
      close(interval[0], low, 1e-12);
      close(interval[1], high, 1e-12);
    }
  });

  it("holds the proportion, stays within [0, 1], and mirrors", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(5000), (n, raw) => {
        const k = Math.min(raw, n);
        const [low, high] = wilsonInterval(k, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low <= k / n && k / n <= high).toBe(true);
        const [mirrorLow] = wilsonInterval(n - k, n);
        close(mirrorLow, 1 - high, 1e-12);
      }),
    );
  });

  it("refuses what is not a proportion", () => {
    expect(() => wilsonInterval(1, 0)).toThrow(/1 of 0/);
    expect(() => wilsonInterval(5, 4)).toThrow(/5 of 4/);
    expect(() => proportionStandardError(0.5, 4)).toThrow(/0.5 of 4/);
  });
});

describe("standard errors", () => {
  it("of a proportion is √(p(1-p)/n)", () => {
    expect(proportionStandardError(50, 100)).toBe(0.05);
    expect(proportionStandardError(100, 100)).toBe(0);
  });
  it("of a mean uses n - 1; numpy: std([2, 4, 4, 4, 5, 5, 7, 9], ddof=1) / sqrt(8) = 0.7559289460184544", () => {
    const { mean, standardError } = meanAndStandardError([2, 4, 4, 4, 5, 5, 7, 9]);
    expect(mean).toBe(5);
    close(standardError!, 0.7559289460184544, 1e-15);
    expect(meanAndStandardError([3])).toEqual({ mean: 3 });
    expect(() => meanAndStandardError([])).toThrow(/no values/);
  });
});

describe("mcNemarExact", () => {
  it("equals scipy.stats.binomtest(b, b + c, 0.5).pvalue", () => {
    for (const [b, c, p] of [
      [10, 3, 0.09228515625],
      [0, 5, 0.0625],
      [7, 7, 1],
      [25, 40, 0.08168153394154003],
      [120, 80, 0.005685155996750306],
      [5100, 4900, 0.04658552770494645],
    ] as const) {
      close(mcNemarExact(b, c) / p, 1, 1e-9);
      expect(mcNemarExact(c, b)).toBe(mcNemarExact(b, c));
    }
  });
  it("is stable at the ends", () => {
    expect(mcNemarExact(0, 0)).toBe(1);
    expect(mcNemarExact(9000, 1000)).toBeLessThan(1e-300);
    expect(mcNemarExact(10_000, 0)).toBe(0);
    expect(mcNemarExact(5000, 5000)).toBe(1);
    close(mcNemarExact(0, 60), 2 ** -59, 1e-30);
  });
  it("refuses what is not a count", () => {
    expect(() => mcNemarExact(-1, 2)).toThrow(/-1 is not a number of problems/);
    expect(() => mcNemarExact(1, 2.5)).toThrow(/2.5 is not/);
  });
});

describe("quantile", () => {
  it("interpolates as numpy.quantile does", () => {
    const values = [9, 1, 4, 7];
    // numpy.quantile([9, 1, 4, 7], [0, .1, .25, .5, .9, 1]) = [1, 1.9, 3.25, 5.5, 8.4, 9]
    for (const [q, expected] of [
      [0, 1],
      [0.1, 1.9],
      [0.25, 3.25],
      [0.5, 5.5],
      [0.9, 8.4],
      [1, 9],
    ] as const)
      close(quantile(values, q), expected, 1e-12);
    expect(values).toEqual([9, 1, 4, 7]);
    expect(median([3, 1, 2])).toBe(2);
    expect(() => median([])).toThrow(/no values/);
    expect(() => quantile([1], 1.5)).toThrow(/1.5 is not a quantile/);
  });
});
