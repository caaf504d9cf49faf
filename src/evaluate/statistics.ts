/** The few statistics the results need: intervals for accuracies, means over seeds, a paired test between two methods. */
import { inputError } from "../util/errors.ts";

/** √(p(1-p)/n), the standard error of a proportion. */
export function proportionStandardError(successes: number, n: number): number {
  checkCounts(successes, n);
  const p = successes / n;
  return Math.sqrt((p * (1 - p)) / n);
}

/**
 * Wilson's score interval of a proportion (Wilson 1927); within [0, 1] and sound for small n and for accuracies near 0 or 1.
 * @param z standard normal quantile; 1.96 for 95 %
 */
export function wilsonInterval(successes: number, n: number, z = 1.96): [number, number] {
  checkCounts(successes, n);
  const p = successes / n;
  const zz = z * z;
  const centre = (p + zz / (2 * n)) / (1 + zz / n);
  const half = (z / (1 + zz / n)) * Math.sqrt((p * (1 - p)) / n + zz / (4 * n * n));
  // The bounds at 0 and n successes are exactly 0 and 1; rounding must not move them.
  return [successes === 0 ? 0 : Math.max(0, centre - half), successes === n ? 1 : Math.min(1, centre + half)];
}

export interface MeanAndStandardError {
  mean: number;
  /** Sample standard deviation (n - 1) over √n; absent for a single value, which says nothing of its spread. */
  standardError?: number;
}

export function meanAndStandardError(values: readonly number[]): MeanAndStandardError {
  checkSome(values);
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (n - 1) / n) };
}

/**
 * McNemar's exact test: are two methods equally often the only one that is right? Two-sided binomial test of `b` against
 * `c` at ½.
 * @param b problems that only the first method gets right
 * @param c problems that only the second gets right
 * @returns the p-value; 1 if the methods never differ
 */
export function mcNemarExact(b: number, c: number): number {
  for (const count of [b, c]) {
    if (!(Number.isInteger(count) && count >= 0))
      throw inputError(`${count} is not a number of problems (a whole number of at least 0).`);
  }
  const n = b + c;
  const fewer = Math.min(b, c);
  // P(X ≤ fewer) for X ~ Binomial(n, ½): the largest term in logarithms, since 2^-n underflows, then downwards by ratios.
  let logTerm = -n * Math.LN2;
  for (let i = 1; i <= fewer; i++) logTerm += Math.log((n - fewer + i) / i);
  let relativeSum = 0;
  let relativeTerm = 1;
  for (let k = fewer; k >= 0 && relativeTerm > 0; k--) {
    relativeSum += relativeTerm;
    relativeTerm *= k / (n - k + 1);
  }
  return Math.min(1, 2 * Math.exp(logTerm) * relativeSum);
}

/** Linear interpolation between order statistics (numpy's default). @param q in [0, 1] */
export function quantile(values: readonly number[], q: number): number {
  checkSome(values);
  if (!(q >= 0 && q <= 1)) throw inputError(`${q} is not a quantile; it must lie between 0 and 1.`);
  const sorted = [...values].sort((x, y) => x - y);
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function checkSome(values: readonly number[]): void {
  if (values.length === 0) throw inputError("A statistic of no values was asked for.");
}

function checkCounts(successes: number, n: number): void {
  if (!(Number.isInteger(successes) && Number.isInteger(n) && successes >= 0 && n >= 1 && successes <= n))
    throw inputError(`${successes} of ${n} is not a proportion: expected 0 ≤ successes ≤ n and n ≥ 1.`);
}
