/**
 * Readings: the keys and values that a student has made of a sequence, kept so that sequences that begin alike go on from there. Skip
 * probing takes one chunk after another out of a text: what stands before it has been read, only what follows is read again.
 */
import type { FamilyShape } from "../../students/families/family.ts";
import type { Reading, TokenSequence } from "../engine.ts";
import { checkSequence, type SequenceBatch, supervision } from "./batch.ts";
import { cacheNames, type Scratch, scratchArray } from "./cache.ts";
import { dataOf, float32Tensor } from "./parameters.ts";
import { Tensor } from "./session.ts";

/** Keys and values of the tokens `from` … `to - 1`. */
interface Part {
  from: number;
  to: number;
  /** Tokens that the caches hold, from `from` on: at least those up to `to`. */
  stored: number;
  /** In the order of `cacheNames`: [2 · layers, key-value heads, stored, head width]. */
  caches: Float32Array;
}

export class KeptReading implements Reading {
  readonly tokens: readonly number[];
  /** Of the weights that made it. */
  readonly version: number;
  readonly parts: readonly Part[];

  constructor(tokens: readonly number[], version: number, parts: readonly Part[]) {
    this.tokens = tokens;
    this.version = version;
    this.parts = parts;
  }

  get length(): number {
    return this.tokens.length;
  }

  /** The parts of the first `length` tokens; what they share is not copied. */
  beginning(length: number): Part[] {
    return this.parts
      .filter(({ from }) => from < length)
      .map((part) => ({ ...part, to: Math.min(part.to, length) }));
  }
}

export function readingBytesPerToken({ layers, keyValueHeads, headWidth }: FamilyShape): number {
  return 2 * layers * keyValueHeads * headWidth * Float32Array.BYTES_PER_ELEMENT;
}

/** A sequence of which the first tokens have been read. */
export interface Continued {
  sequence: TokenSequence;
  tokens: number[];
  /** Tokens that need not be read again. The last given one always is: it predicts the first target token. */
  known: number;
  earlier: readonly Part[];
}

/** @param reading what to go on from; one of other weights is left aside */
export function continueFrom(
  sequence: TokenSequence,
  index: number,
  reading: Reading | undefined,
  version: number,
): Continued {
  const { prompt, context, target } = sequence;
  const given = prompt.length + context.length;
  checkSequence(given, target.length, index);
  const tokens = [...prompt, ...context, ...target];
  if (!(reading instanceof KeptReading) || reading.version !== version)
    return { sequence, tokens, known: 0, earlier: [] };
  let known = 0;
  while (known < given - 1 && tokens[known] === reading.tokens[known]) known++;
  return { sequence, tokens, known, earlier: reading.beginning(known) };
}

/** Tokens read before may take the memory of so many to be read. */
const earlierPerToken = 2;

/** Indices in batches of similar length: of what is to be read, then of what has been. */
export function continuedBatches(rows: readonly Continued[], maxTokens: number): number[][] {
  const own = ({ tokens, known }: Continued): number => tokens.length - known;
  const order = [...rows.keys()].sort(
    (a, b) => own(rows[a]!) - own(rows[b]!) || rows[a]!.known - rows[b]!.known || a - b,
  );
  const batches: number[][] = [];
  let current: number[] = [];
  let longest = 0;
  for (const index of order) {
    const row = rows[index]!;
    longest = Math.max(longest, row.known);
    const count = current.length + 1;
    const fits = count * own(row) <= maxTokens && count * longest <= earlierPerToken * maxTokens;
    if (current.length > 0 && !fits) {
      batches.push(current);
      current = [];
      longest = row.known;
    }
    current.push(index);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** The batch as the graph of layout "continued" reads it; both kinds of tokens are right-padded. */
export function continuedBatch(
  rows: readonly Continued[],
  shape: FamilyShape,
  scratch: Scratch,
): SequenceBatch {
  const count = rows.length;
  const time = Math.max(...rows.map(({ tokens, known }) => tokens.length - known));
  const before = Math.max(...rows.map(({ known }) => known));
  const all = before + time;
  const ids = new Int32Array(count * time);
  const positions = new Int32Array(count * time);
  const mask = new Float32Array(count * time * all).fill(-1e9);
  rows.forEach(({ tokens, known }, row) => {
    for (let t = 0; t < time; t++) {
      ids[row * time + t] = tokens[known + t] ?? 0;
      // Padding has a position too, and it must be one that the student knows.
      positions[row * time + t] = Math.min(known + t, tokens.length - 1);
      const start = (row * time + t) * all;
      mask.fill(0, start, start + known);
      mask.fill(0, start + before, start + before + t + 1);
    }
  });
  const { supervised, targets, offsets } = supervision(
    rows.map(({ sequence }) => sequence),
    ({ prompt, context }, row) => row * time + prompt.length + context.length - 1 - rows[row]!.known,
    { after: true },
  );
  return {
    feeds: {
      ids: new Tensor("int32", ids, [count, time]),
      positions: new Tensor("int32", positions, [count, time]),
      mask: float32Tensor(mask, [count, 1, time, all]),
      supervised,
      targets,
      ...earlierTensors(rows, before, shape, scratch),
    },
    tokens: rows.reduce((sum, { tokens, known }) => sum + tokens.length - known, 0),
    paddedTokens: count * time,
    offsets,
  };
}

/** Keys and values of what the rows have read: [rows, key-value heads, before, head width] each. Behind a row's tokens anything may stand. */
function earlierTensors(
  rows: readonly Continued[],
  before: number,
  shape: FamilyShape,
  scratch: Scratch,
): Record<string, Tensor> {
  const { keyValueHeads: heads, headWidth } = shape;
  const size = rows.length * heads * before * headWidth;
  const feeds: Record<string, Tensor> = {};
  for (const { name, index } of cacheNames(shape)) {
    const data = scratchArray(scratch, `past.${name}`, size);
    for (const [row, { earlier }] of rows.entries()) {
      for (const { from, to, stored, caches } of earlier) {
        for (let head = 0; head < heads; head++) {
          const start = (index * heads + head) * stored * headWidth;
          const part = caches.subarray(start, start + (to - from) * headWidth);
          data.set(part, ((row * heads + head) * before + from) * headWidth);
        }
      }
    }
    feeds[`past.${name}`] = float32Tensor(data, [rows.length, heads, before, headWidth]);
  }
  return feeds;
}

/** The readings of a batch's rows, once its results are there. */
export function keepReadings(
  rows: readonly Continued[],
  results: Record<string, Tensor>,
  shape: FamilyShape,
  version: number,
): KeptReading[] {
  const { keyValueHeads: heads, headWidth } = shape;
  const fresh = cacheNames(shape).map(({ name }) => dataOf(results[`new.${name}`]!));
  const time = fresh[0]!.length / (rows.length * heads * headWidth);
  return rows.map(({ tokens, known, earlier }, row) => {
    const stored = tokens.length - known;
    const caches = new Float32Array(fresh.length * heads * stored * headWidth);
    fresh.forEach((data, index) => {
      for (let head = 0; head < heads; head++) {
        const start = (row * heads + head) * time * headWidth;
        const part = data.subarray(start, start + stored * headWidth);
        caches.set(part, (index * heads + head) * stored * headWidth);
      }
    });
    const own = { from: known, to: tokens.length, stored, caches };
    return new KeptReading(tokens, version, [...earlier, own]);
  });
}
