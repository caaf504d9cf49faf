/**
 * The splits of Fine-tune-CoT by the rule they were made by: where the authors of a benchmark give no split, 70 % of the rows
 * are training rows, the first ones of NumPy's permutation with seed 0; a training file that is too large is sampled the same
 * way. Row numbers count from 0 in the order of the published file.
 */
import { numpyPermutation } from "./numpy-random.ts";

const trainShare = 0.7;
const splitSeed = 0;

/** Row numbers, rising. */
export function publishedSplit(rows: number): { train: number[]; test: number[] } {
  const order = numpyPermutation(splitSeed, rows);
  const count = roundHalfToEven(rows * trainShare);
  return { train: order.slice(0, count).sort(ascending), test: order.slice(count).sort(ascending) };
}

/** Row numbers of a sample of a training file, rising; all of them where it is no larger. */
export function publishedSample(rows: number, count: number): number[] {
  return numpyPermutation(splitSeed, rows).slice(0, count).sort(ascending);
}

/** Python's `round`: 276.5 is 276. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

const ascending = (a: number, b: number): number => a - b;
