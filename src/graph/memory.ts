/**
 * What a graph needs while it runs, without running it: operations in their order, each result alive from the operation that
 * makes it to the last one that reads it. Inputs, constants and outputs are not counted: they are the caller's (for outputs see
 * src/engine/onnx/in-place.ts).
 */
import type { Graph, Operation, Value } from "./graph.ts";
import { neededOperations } from "./serialize.ts";
import type { DataType, Dimension } from "./shape.ts";

/** Sizes of the symbolic dimensions of one run. */
export type DimensionSizes = Readonly<Record<string, number>>;

const bytesPerElement: Record<DataType, number> = { float32: 4, int32: 4, int64: 8, bool: 1 };
/** The result is another view of input 0. */
const views = new Set(["Reshape", "Unsqueeze", "Squeeze", "Identity"]);
/** onnxruntime writes the result over an input of the same size that nobody reads afterwards. */
const inPlace = new Set(["Add", "Sub", "Mul", "Div", "Exp", "Neg", "Sqrt", "Sigmoid", "HardSigmoid", "Relu"]);

/** Largest number of bytes of results alive at once. @throws RangeError for a dimension without a size */
export function peakResultBytes(graph: Graph, sizes: DimensionSizes): number {
  const operations = neededOperations(graph);
  const results = new Set(graph.outputs);
  const buffers = new Buffers(operations);
  let alive = 0;
  let peak = 0;
  operations.forEach((operation, position) => {
    for (const output of operation.outputs) {
      const bytes = bytesOf(output, sizes);
      const reused = results.has(output) ? outside() : buffers.reusable(operation, position, bytes, sizes);
      if (buffers.define(output, reused, bytes)) alive += bytes;
    }
    peak = Math.max(peak, alive);
    alive -= buffers.release(position);
  });
  return peak;
}

/** "a*b" is the product of both: see `gather`. "a/16" is a part of one, "a*16" a multiple: see blocks/forms.ts. */
export function sizeOf(dimension: Dimension, sizes: DimensionSizes): number {
  if (typeof dimension === "number") return dimension;
  const [whole, divisor = "1"] = dimension.split("/") as [string, string?];
  const product = whole.split("*").reduce((sum, name) => {
    const size = sizes[name] ?? Number(name);
    if (Number.isNaN(size)) throw new RangeError(`dimension "${name}" has no size`);
    return sum * size;
  }, 1);
  return product / Number(divisor);
}

function bytesOf({ dtype, shape }: Value, sizes: DimensionSizes): number {
  return shape.reduce<number>(
    (product, dimension) => product * sizeOf(dimension, sizes),
    bytesPerElement[dtype],
  );
}

interface Buffer {
  bytes: number;
  /** Position of the last operation that reads it through any of its names. */
  lastRead: number;
  /** The caller's: inputs, constants and outputs. */
  isOutside: boolean;
}

/** Which memory each value lies in. */
class Buffers {
  private readonly of = new Map<Value, Buffer>();
  private readonly lastReads = new Map<Value, number>();
  private readonly ending = new Map<number, Set<Buffer>>();

  constructor(operations: readonly Operation[]) {
    operations.forEach(({ inputs, outputs }, position) => {
      for (const input of inputs) if (input !== undefined) this.lastReads.set(input, position);
      // A result that nobody reads is freed right after it is made.
      for (const output of outputs) this.lastReads.set(output, position);
    });
  }

  /** The buffer of an input that the operation's result may replace or be a view of. */
  reusable(operation: Operation, position: number, bytes: number, sizes: DimensionSizes): Buffer | undefined {
    if (views.has(operation.type)) return this.of.get(operation.inputs[0]!) ?? outside();
    // A convolution over blocks may write over what it adds to.
    const isSum = operation.type === "Conv";
    if (!isSum && !inPlace.has(operation.type)) return undefined;
    for (const input of isSum ? operation.inputs.slice(3) : operation.inputs.slice(0, 2)) {
      const buffer = input === undefined ? undefined : this.of.get(input);
      if (buffer === undefined || buffer.isOutside || buffer.lastRead !== position) continue;
      if (buffer.bytes === bytes && bytesOf(input!, sizes) === bytes) return buffer;
    }
    return undefined;
  }

  /** @returns whether the value takes memory of its own */
  define(value: Value, reused: Buffer | undefined, bytes: number): boolean {
    const buffer = reused ?? { bytes, lastRead: -1, isOutside: false };
    this.of.set(value, buffer);
    if (buffer.isOutside) return false;
    this.ending.get(buffer.lastRead)?.delete(buffer);
    buffer.lastRead = Math.max(buffer.lastRead, this.lastReads.get(value)!);
    const ending = this.ending.get(buffer.lastRead) ?? new Set();
    this.ending.set(buffer.lastRead, ending.add(buffer));
    return reused === undefined;
  }

  /** Bytes that are free once the operation at `position` is done. */
  release(position: number): number {
    return [...(this.ending.get(position) ?? [])].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

const outside = (): Buffer => ({ bytes: 0, lastRead: -1, isOutside: true });
