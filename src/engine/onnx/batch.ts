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
  /** First supervised index of each row, and the end: [rows + 1]. */
  offsets: number[];
}

export function sequenceLength(sequence: TokenSequence): number {
  return sequence.prompt.length + sequence.context.length + sequence.target.length;
}

/** @throws RangeError for a sequence that gives or asks for nothing */
export function checkSequence(given: number, targets: number, index: number): void {
  if (given === 0 || targets === 0)
    throw new RangeError(`sequence ${index} needs at least one given and one target token`);
}

/** @param after also predict from the last target token (its target is a dummy 0) */
export function denseBatch(
  sequences: readonly TokenSequence[],
  options: { after?: boolean } = {},
): SequenceBatch {
  const after = options.after ? 1 : 0;
  // Without `after` the last token predicts nothing, so it need not be read.
  const lengths = sequences.map((sequence) => sequenceLength(sequence) - 1 + after);
  const rows = sequences.length;
  const time = Math.max(...lengths);
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
    after,
  );
  return {
    feeds: {
      ids: new Tensor("int32", ids, [rows, time]),
      positions: countingPositions(time),
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
 * Which hidden states predict which tokens.
 * @param first flat index (row · time + position) of the hidden state that predicts a sequence's first target token
 */
export function supervision(
  sequences: readonly TokenSequence[],
  first: (sequence: TokenSequence, row: number) => number,
  after: number,
): { supervised: Tensor; targets: Tensor; offsets: number[] } {
  const count = sequences.reduce((sum, sequence) => sum + sequence.target.length + after, 0);
  const supervised = new Int32Array(count);
  const targets = new Int32Array(count);
  const offsets = [0];
  let next = 0;
  sequences.forEach((sequence, row) => {
    for (let i = 0; i < sequence.target.length + after; i++) {
      supervised[next] = first(sequence, row) + i;
      targets[next++] = sequence.target[i] ?? 0;
    }
    offsets.push(next);
  });
  return {
    supervised: new Tensor("int32", supervised, [count]),
    targets: new Tensor("int32", targets, [count]),
    offsets,
  };
}

/** first, first + 1, …: int32 [time]. */
export function countingPositions(time: number, first = 0): Tensor {
  return new Tensor(
    "int32",
    Int32Array.from({ length: time }, (_, i) => first + i),
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
