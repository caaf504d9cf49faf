/** Keys and values of the tokens read so far, in plain memory: [rows, heads, capacity, head width in the cache] per layer. */
import type { FamilyShape } from "../../students/families/family.ts";
import { cachedHeadWidth } from "./attention.ts";
import { dataOf, float32Tensor } from "./parameters.ts";
import { Tensor } from "./session.ts";

/** Places added when the cache is full: a compromise between copying on growth and attending over empty places. */
export const cacheBlock = 64;

/** Names of the caches as the graphs have them: `<layer>.key`, `<layer>.value`. */
export function cacheNames(shape: Pick<FamilyShape, "layers">): { name: string; index: number }[] {
  return Array.from({ length: shape.layers * 2 }, (_, index) => ({
    name: `${Math.floor(index / 2)}.${index % 2 === 0 ? "key" : "value"}`,
    index,
  }));
}

/** Arrays by name, for keys and values of one pass after the other. */
export type Scratch = Map<string, Float32Array>;

/** Where the keys and values of the tokens that a pass reads come: [rows, key-value heads, time, head width] each. @param ids [rows, time] */
export function newTensors(
  ids: Tensor,
  { layers, keyValueHeads: heads, headWidth }: FamilyShape,
  scratch: Scratch,
): Record<string, Tensor> {
  const [rows, time] = ids.dims as readonly [number, number];
  const size = rows * heads * time * headWidth;
  return Object.fromEntries(
    cacheNames({ layers }).map(({ name }) => {
      const data = scratchArray(scratch, `new.${name}`, size);
      return [`new.${name}`, float32Tensor(data, [rows, heads, time, headWidth])];
    }),
  );
}

/** The first `size` numbers of the array of this name; a larger one where it is too small. */
export function scratchArray(scratch: Scratch, name: string, size: number): Float32Array {
  let data = scratch.get(name);
  if (data === undefined || data.length < size) {
    data = new Float32Array(size);
    scratch.set(name, data);
  }
  return data.subarray(0, size);
}

export class KeyValueCache {
  private readonly shape: FamilyShape;
  private readonly names: string[];
  /** Places per row. */
  capacity: number;
  private caches: Float32Array[];
  private readonly rows: number;
  /** Numbers of a head at a place. */
  private readonly width: number;

  constructor(shape: FamilyShape, rows: number, capacity: number) {
    this.shape = shape;
    this.rows = rows;
    this.width = cachedHeadWidth(shape);
    this.names = cacheNames(shape).map(({ name }) => name);
    this.capacity = Math.min(shape.contextLength, capacity);
    this.caches = this.names.map(() => this.allocate(this.capacity));
  }

  /** Makes room for `length` tokens per row. */
  reserve(length: number): void {
    if (length <= this.capacity) return;
    const { keyValueHeads, contextLength } = this.shape;
    const { width } = this;
    const capacity = Math.min(contextLength, length + cacheBlock);
    this.caches = this.caches.map((old) => {
      const grown = this.allocate(capacity);
      for (let block = 0; block < this.rows * keyValueHeads; block++) {
        const from = block * this.capacity * width;
        grown.set(old.subarray(from, from + this.capacity * width), block * capacity * width);
      }
      return grown;
    });
    this.capacity = capacity;
  }

  /**
   * Takes keys and values over: the first `count` tokens of row `source` of the results, to the places from `position` on of cache row `row`.
   * @param results `new.<layer>.key|value`: [rows, key-value heads, time, head width]
   */
  write(
    results: Record<string, Tensor>,
    { source, count, row, position }: Record<"source" | "count" | "row" | "position", number>,
  ): void {
    const { headWidth, keyValueHeads } = this.shape;
    const { width, capacity } = this;
    this.names.forEach((name, i) => {
      const tensor = results[`new.${name}`]!;
      const [data, time] = [dataOf(tensor), tensor.dims[2]!];
      for (let head = 0; head < keyValueHeads; head++) {
        const from = (source * keyValueHeads + head) * time * headWidth;
        const to = ((row * keyValueHeads + head) * capacity + position) * width;
        if (width === headWidth) this.caches[i]!.set(data.subarray(from, from + count * width), to);
        else
          for (let t = 0; t < count; t++) {
            const start = from + t * headWidth;
            this.caches[i]!.set(data.subarray(start, start + headWidth), to + t * width);
          }
      }
    });
  }

  /** Row `from` takes the place of row `to`, whose sequence has ended. */
  moveRow(from: number, to: number): void {
    if (from === to) return;
    const size = this.shape.keyValueHeads * this.capacity * this.width;
    for (const cache of this.caches) cache.copyWithin(to * size, from * size, (from + 1) * size);
  }

  /**
   * Inputs of a pass that adds a token to each of the first rows, and the memory of its results, which is that of the cache.
   * @param lengths filled places per row
   */
  tensors(lengths: readonly number[]): { feeds: Record<string, Tensor>; into: Record<string, Tensor> } {
    const rows = lengths.length;
    const places = [rows, this.shape.keyValueHeads, this.capacity, this.width];
    const size = places.reduce((product, length) => product * length, 1);
    const feeds: Record<string, Tensor> = {
      pastLengths: new Tensor("int32", Int32Array.from(lengths), [rows]),
      total: new Tensor("int32", Int32Array.of(Math.max(...lengths) + 1), []),
    };
    const into: Record<string, Tensor> = {};
    this.names.forEach((name, i) => {
      const tensor = float32Tensor(this.caches[i]!.subarray(0, size), places);
      feeds[`past.${name}`] = tensor;
      into[`present.${name}`] = tensor;
    });
    return { feeds, into };
  }

  private allocate(capacity: number): Float32Array {
    return new Float32Array(this.rows * this.shape.keyValueHeads * capacity * this.width);
  }
}
