/** Token sequences to the dense inputs of a forward pass: right-padded ids and the positions that are supervised. */
import type { TokenSequence } from "../engine.ts";
import { Tensor } from "./session.ts";

/** A batch as the graphs read it, whatever the family. */
export interface SequenceBatch {
  /** Inputs of the forward pass by name, `supervised` and `targets` among them. */
  feeds: Record<string, Tensor>;
  /** Tokens read, without padding. */
  tokens: number;
  /** Tokens computed, padding included. */
  paddedTokens: number;
  /** First supervised index of each row, and the end: [rows + 1]. Supervised indices after the end are padding. */
  offsets: number[];
}

export interface BatchOptions {
  /** Also predict from the last target token (its target is a dummy 0). */
  after?: boolean;
  /** Padded tokens and supervised indices are multiples of this many. */
  multiple?: number;
}

/** The least time of at least this many positions with which rows of it have a multiple of so many tokens in all. */
export function paddedTime(time: number, rows: number, multiple = 1): number {
  let step = multiple;
  while (step % 2 === 0 && (rows * step) % (2 * multiple) === 0) step /= 2;
  return Math.ceil(time / step) * step;
}

export function sequenceLength(sequence: TokenSequence): number {
  return sequence.prompt.length + sequence.context.length + sequence.target.length;
}

/** @throws RangeError for a sequence that gives or asks for nothing */
export function checkSequence(given: number, targets: number, index: number): void {
  if (given === 0 || targets === 0)
    throw new RangeError(`sequence ${index} needs at least one given and one target token`);
}

export function denseBatch(sequences: readonly TokenSequence[], options: BatchOptions = {}): SequenceBatch {
  const after = options.after ? 1 : 0;
  // Without `after` the last token predicts nothing, so it need not be read.
  const lengths = sequences.map((sequence) => sequenceLength(sequence) - 1 + after);
  const rows = sequences.length;
  const longest = Math.max(...lengths);
  const time = paddedTime(longest, rows, options.multiple);
  const ids = new Int32Array(rows * time);
  sequences.forEach((sequence, row) => {
    const given = sequence.prompt.length + sequence.context.length;
    checkSequence(given, sequence.target.length, row);
    let column = row * time;
    const end = column + lengths[row]!;
    for (const part of [sequence.prompt, sequence.context, sequence.target]) {
      for (const id of part) if (column < end) ids[column++] = id;
    }
  });
  const { supervised, targets, offsets } = supervision(
    sequences,
    (sequence, row) => row * time + sequence.prompt.length + sequence.context.length - 1,
    options,
  );
  return {
    feeds: {
      ids: new Tensor("int32", ids, [rows, time]),
      positions: countingPositions(time, 0, longest - 1),
      mask: causalMask(time),
      supervised,
      targets,
    },
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    paddedTokens: rows * time,
    offsets,
  };
}

/**
 * Which hidden states predict which tokens. Padding is of states that predict nothing, with target 0.
 * @param first flat index (row · time + position) of the hidden state that predicts a sequence's first target token
 */
export function supervision(
  sequences: readonly TokenSequence[],
  first: (sequence: TokenSequence, row: number) => number,
  { after = false, multiple = 1 }: BatchOptions,
): { supervised: Tensor; targets: Tensor; offsets: number[] } {
  const more = after ? 1 : 0;
  const count = sequences.reduce((sum, sequence) => sum + sequence.target.length + more, 0);
  const padded = Math.ceil(count / multiple) * multiple;
  const supervised = new Int32Array(padded);
  const targets = new Int32Array(padded);
  const offsets = [0];
  let next = 0;
  sequences.forEach((sequence, row) => {
    for (let i = 0; i < sequence.target.length + more; i++) {
      supervised[next] = first(sequence, row) + i;
      targets[next++] = sequence.target[i] ?? 0;
    }
    offsets.push(next);
  });
  const taken = new Set(supervised.subarray(0, padded > count ? count : 0));
  for (let index = 0; next < padded; index++) if (!taken.has(index)) supervised[next++] = index;
  return {
    supervised: new Tensor("int32", supervised, [padded]),
    targets: new Tensor("int32", targets, [padded]),
    offsets,
  };
}

/** first, first + 1, …, and no further than `last`, which padding stays at: int32 [time]. */
export function countingPositions(time: number, first = 0, last = Number.POSITIVE_INFINITY): Tensor {
  return new Tensor(
    "int32",
    Int32Array.from({ length: time }, (_, i) => Math.min(first + i, last)),
    [time],
  );
}

/** Masks that were made already, up to 64 MB of them. */
const masks = new Map<string, Tensor>();
const mostMaskElements = 16e6;
let maskElements = 0;

/**
 * 0 where a position may look, −1e9 where it may not: [time, before + time]. Right padding needs no mask of its own.
 * @param before positions before the first one, at which all may look
 */
export function causalMask(time: number, before = 0): Tensor {
  const key = `${time}/${before}`;
  let mask = masks.get(key);
  if (mask === undefined) {
    const width = before + time;
    const data = new Float32Array(time * width);
    for (let row = 0; row < time; row++) data.fill(-1e9, row * width + before + row + 1, (row + 1) * width);
    mask = new Tensor("float32", data, [time, width]);
    maskElements += data.length;
    if (maskElements > mostMaskElements) {
      masks.clear();
      maskElements = data.length;
    }
    if (data.length <= mostMaskElements) masks.set(key, mask);
    else maskElements = 0;
  }
  return mask;
}

/** Groups indices of sequences into batches of similar length whose padded size stays within `maxTokens`. */
export function lengthBatches(lengths: readonly number[], maxTokens: number): number[][] {
  const order = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const batches: number[][] = [];
  let current: number[] = [];
  for (const index of order) {
    if (current.length > 0 && (current.length + 1) * lengths[index]! > maxTokens) {
      batches.push(current);
      current = [];
    }
    current.push(index);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}
