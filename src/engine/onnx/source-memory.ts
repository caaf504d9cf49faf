/**
 * What the decoder of an encoder-decoder student attends to while it writes: the keys and values of the prompts, computed in
 * the first pass and read in every later one. Rows as in KeyValueCache.
 */
import type { EncoderDecoderFamily } from "../../students/families/encoder-decoder.ts";
import { countingPositions } from "./batch.ts";
import { cacheNames } from "./cache.ts";
import { sourceFeeds } from "./pair-batch.ts";
import { dataOf, float32Tensor } from "./parameters.ts";
import { Tensor } from "./session.ts";

export class SourceMemory {
  /** Outputs of the first pass and inputs of the later ones. */
  private readonly names: readonly string[];
  private readonly feedsOfPrompts: Record<string, Tensor>;
  private readonly time: number;
  private readonly mask: Float32Array;
  private readonly rowShape: readonly number[];
  private memory: Float32Array[] = [];

  /** @param prompts one per row */
  constructor({ shape }: EncoderDecoderFamily, prompts: readonly (readonly number[])[]) {
    this.names = cacheNames(shape).map(({ name }) => `source.${name}`);
    this.feedsOfPrompts = sourceFeeds(prompts);
    this.time = this.feedsOfPrompts.sourcePositions!.size;
    this.mask = dataOf(this.feedsOfPrompts.sourceMask!);
    this.rowShape = [shape.heads, this.time, shape.headWidth];
  }

  /** Inputs of a first pass over rows [from, to), padded as all are. */
  promptFeeds(from: number, to: number): Record<string, Tensor> {
    const ids = this.feedsOfPrompts.sourceIds!.data as Int32Array;
    const [first, end] = [from * this.time, to * this.time];
    return {
      ...this.feedsOfPrompts,
      sourceIds: new Tensor("int32", ids.subarray(first, end), [to - from, this.time]),
      sourceMask: float32Tensor(this.mask.subarray(first, end), [to - from, 1, 1, this.time]),
    };
  }

  /** Memory for the results of a first pass over rows [from, to). */
  results(from: number, to: number): Record<string, Tensor> {
    const size = (to - from) * this.rowSize();
    const shape = [to - from, ...this.rowShape];
    return Object.fromEntries(this.names.map((name) => [name, float32Tensor(new Float32Array(size), shape)]));
  }

  /** Takes the keys and values over from the results of the first passes, which have read all rows in order. */
  take(passes: readonly Record<string, Tensor>[]): void {
    this.memory = this.names.map((name) => joined(passes.map((results) => dataOf(results[name]!))));
  }

  /** Row `from` takes the place of row `to`, whose sequence has ended. */
  moveRow(from: number, to: number): void {
    if (from === to) return;
    const size = this.rowSize();
    for (const memory of this.memory) memory.copyWithin(to * size, from * size, (from + 1) * size);
    this.mask.copyWithin(to * this.time, from * this.time, (from + 1) * this.time);
  }

  /** Inputs of a later pass over the first rows. @param total places of the cache that the longest row will have filled */
  feeds(rows: number, total: number): Record<string, Tensor> {
    const size = this.rowSize();
    const feeds: Record<string, Tensor> = {
      cachePositions: countingPositions(total),
      sourceMask: float32Tensor(this.mask.subarray(0, rows * this.time), [rows, 1, 1, this.time]),
    };
    this.names.forEach((name, i) => {
      feeds[name] = float32Tensor(this.memory[i]!.subarray(0, rows * size), [rows, ...this.rowShape]);
    });
    return feeds;
  }

  private rowSize(): number {
    return this.rowShape.reduce((product, length) => product * length, 1);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
