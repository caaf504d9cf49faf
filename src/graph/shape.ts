/** Shapes with symbolic dimensions: a number is fixed, a name ("batch") is equal to itself and unknown until run time. */

export type DataType = "float32" | "int32" | "int64" | "bool";
export type Dimension = number | string;
export type Shape = readonly Dimension[];

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** NumPy broadcasting. A symbolic dimension only matches itself or 1. @throws RangeError */
export function broadcastShapes(a: Shape, b: Shape): Dimension[] {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let i = 0; i < rank; i++) {
    const da = a[i - rank + a.length] ?? 1;
    const db = b[i - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1) {
      throw new RangeError(`shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    result.push(da === 1 ? db : da);
  }
  return result;
}

/** Axes of `from` that must be summed to get back to `to`, which was broadcast to it. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const lead = from.length - to.length;
  return from.flatMap((dimension, i) => {
    const target = i < lead ? undefined : to[i - lead];
    return target === undefined || (target === 1 && dimension !== 1) ? [i] : [];
  });
}

/** Number of elements of a fixed shape. @throws RangeError if a dimension is symbolic */
export function elementCount(shape: Shape): number {
  return shape.reduce<number>((product, dimension) => {
    if (typeof dimension !== "number") throw new RangeError(`${formatShape(shape)} has no fixed size`);
    return product * dimension;
  }, 1);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** A negative axis counts from the end. @throws RangeError */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= rank) {
    throw new RangeError(`axis ${axis} is outside rank ${rank}`);
  }
  return resolved;
}
