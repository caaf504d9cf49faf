/** Operators that move elements without changing them. */
import type { Value } from "../graph.ts";
import type { Dimension, Shape } from "../shape.ts";
import { formatShape, resolveAxis } from "../shape.ts";
import { cast } from "./elementwise.ts";
import { expandLike, reshapeLike, unsqueeze } from "./reduce.ts";

/**
 * Reshape. `pattern` follows ONNX: a number, 0 (copy that input dimension) or one -1 (inferred); `shape` is the symbolic
 * result that the pattern gives.
 */
export function reshape(x: Value, pattern: readonly number[], shape: Shape): Value {
  if (pattern.length !== shape.length) {
    throw new RangeError(`pattern ${formatShape(pattern)} does not describe ${formatShape(shape)}`);
  }
  return x.graph.apply("Reshape", [x, x.graph.int64s(pattern)], {}, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => [reshapeLike(gradient!, x), undefined],
  })[0]!;
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  const shape = permutation.map((axis) => x.shape[axis]!);
  const inverse = permutation.map((_, i) => permutation.indexOf(i));
  return x.graph.apply("Transpose", [x], { perm: { ints: permutation } }, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => [transpose(gradient!, inverse)],
  })[0]!;
}

/** Splits an axis of fixed size into parts of the given sizes. Every part must take part in the loss or none. */
export function split(x: Value, sizes: readonly number[], axis: number): Value[] {
  const resolved = resolveAxis(axis, x.shape.length);
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[resolved]) {
    throw new RangeError(
      `parts of ${formatShape(sizes)} do not make up axis ${axis} of ${formatShape(x.shape)}`,
    );
  }
  return x.graph.apply(
    "Split",
    [x, x.graph.int64s(sizes)],
    { axis: resolved },
    sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((d, i) => (i === resolved ? size : d)) })),
    {
      derivative: (gradients) => {
        const parts = gradients.filter((part) => part !== undefined);
        if (parts.length !== sizes.length) throw new Error("split: a part has no gradient");
        return [concatenate(parts, resolved), undefined];
      },
    },
  );
}

/** Joins along an axis whose size is fixed in every part. */
export function concatenate(parts: readonly Value[], axis: number): Value {
  const first = parts[0];
  if (first === undefined) throw new RangeError("nothing to concatenate");
  const resolved = resolveAxis(axis, first.shape.length);
  const sizes = parts.map((part) => {
    const size = part.shape[resolved];
    if (typeof size !== "number") throw new RangeError("concatenation needs an axis of fixed size");
    const fits = first.shape.every((dimension, i) => i === resolved || dimension === part.shape[i]);
    if (part.shape.length !== first.shape.length || !fits) {
      throw new RangeError(
        `${formatShape(first.shape)} and ${formatShape(part.shape)} do not join along axis ${axis}`,
      );
    }
    return size;
  });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const shape: Dimension[] = first.shape.map((d, i) => (i === resolved ? total : d));
  return first.graph.apply("Concat", parts, { axis: resolved }, [{ dtype: first.dtype, shape }], {
    derivative: ([gradient]) => split(gradient!, sizes, resolved),
  })[0]!;
}

/**
 * Rows of `table` [rows, …] by `indices` (int32, any shape): [...indices, …].
 * Derivative: the rows' gradients are added into a zero table, or into the gradient the table has already (that of a tied
 * head). `unique`: the indices are known to differ.
 */
export function gather(table: Value, indices: Value, options: { unique?: boolean } = {}): Value {
  const shape = [...indices.shape, ...table.shape.slice(1)];
  const unique = options.unique ?? false;
  return table.graph.apply("Gather", [table, indices], { axis: 0 }, [{ dtype: table.dtype, shape }], {
    derivative: ([gradient]) => [addRows(zerosLike(table), indices, gradient!, unique), undefined],
    // ScatterND replaces rows, so a sum that is there already cannot go through it.
    ...(unique
      ? {}
      : {
          accumulate: (sum: Value, [gradient]: readonly (Value | undefined)[]) =>
            addRows(sum, indices, gradient!, false),
        }),
  })[0]!;
}

function zerosLike(table: Value): Value {
  const graph = table.graph;
  const shape = graph.apply("Shape", [table], {}, [{ dtype: "int64", shape: [table.shape.length] }])[0]!;
  return graph.apply("ConstantOfShape", [shape], {}, [{ dtype: "float32", shape: table.shape }])[0]!;
}

/**
 * `table` with `updates` [...indices, …] added at the rows `indices`; with `unique` they replace the rows, which must be zero.
 * Not differentiable. ScatterND would be the natural operator, but onnxruntime adds duplicate rows from several threads
 * without locks and loses some (measured with 1.30: 4 % of the sum); ScatterElements is exact and deterministic.
 */
function addRows(table: Value, indices: Value, updates: Value, unique: boolean): Value {
  const graph = table.graph;
  const width = table.shape[1];
  if (table.shape.length !== 2 || typeof width !== "number")
    throw new RangeError("gather needs a matrix of fixed width");
  // A name stands for one size in the whole graph, so the number of rows is named after the indices.
  const count = indices.shape.length === 1 ? indices.shape[0]! : indices.shape.join("*");
  const rows = reshape(updates, [-1, width], [count, width]);
  const positions = reshape(cast(indices, "int64"), [-1, 1], [count, 1]);
  const result = [{ dtype: table.dtype, shape: table.shape }];
  if (unique) return graph.apply("ScatterND", [table, positions, rows], {}, result)[0]!;
  const elements = expandLike(positions, rows);
  return graph.apply("ScatterElements", [table, elements, rows], { axis: 0, reduction: "add" }, result)[0]!;
}

/** `x[i, columns[i]]` for a matrix x and int32 columns [rows]; [rows]. Not differentiable: see `crossEntropy`. */
export function gatherColumns(x: Value, columns: Value): Value {
  const index = unsqueeze(cast(columns, "int64"), [1]);
  const picked = x.graph.apply("GatherElements", [x, index], { axis: 1 }, [
    { dtype: x.dtype, shape: [x.shape[0]!, 1] },
  ])[0]!;
  return reshape(picked, [-1], [x.shape[0]!]);
}

/** x with `updates` [rows, 1] added at `x[i, columns[i]]`. Not differentiable. */
export function addAtColumns(x: Value, columns: Value, updates: Value): Value {
  const index = unsqueeze(cast(columns, "int64"), [1]);
  return x.graph.apply("ScatterElements", [x, index, updates], { axis: 1, reduction: "add" }, [
    { dtype: x.dtype, shape: x.shape },
  ])[0]!;
}

/** A matrix x with `updates` [rows, c] added at the columns `columns` (int32 [c], all different). Both are differentiated. */
export function addColumns(x: Value, columns: Value, updates: Value): Value {
  const index = expandLike(unsqueeze(cast(columns, "int64"), [0]), updates);
  return x.graph.apply(
    "ScatterElements",
    [x, index, updates],
    { axis: 1, reduction: "add" },
    [{ dtype: x.dtype, shape: x.shape }],
    { derivative: ([gradient]) => [gradient!, undefined, selectColumns(gradient!, columns)] },
  )[0]!;
}

/** The columns `columns` (int32 [c]) of a matrix x [rows, …]: [rows, c]. Not differentiable. */
export function selectColumns(x: Value, columns: Value): Value {
  return x.graph.apply("Gather", [x, columns], { axis: 1 }, [
    { dtype: x.dtype, shape: [x.shape[0]!, columns.shape[0]!] },
  ])[0]!;
}
