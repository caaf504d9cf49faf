/** Reductions and their inverse, expansion. */
import type { Graph, Value } from "../graph.ts";
import type { Dimension } from "../shape.ts";
import { resolveAxis, sameShape } from "../shape.ts";
import { divide, multiply } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { matmul } from "./matmul.ts";

function reducedShape(x: Value, axes: readonly number[], keepDimensions: boolean): Dimension[] {
  return x.shape.flatMap((dimension, i) => (axes.includes(i) ? (keepDimensions ? [1] : []) : [dimension]));
}

/** Sum over `axes` (default: all). Derivative: the gradient, expanded. */
export function reduceSum(x: Value, axes?: readonly number[], keepDimensions = false): Value {
  const resolved = (axes ?? x.shape.map((_, i) => i)).map((axis) => resolveAxis(axis, x.shape.length));
  if (resolved.length === 0) return x;
  if (x.dtype === "float32" && x.shape.length === 2 && resolved.join() === "0" && !keepDimensions) {
    return columnSums(x);
  }
  const shape = reducedShape(x, resolved, keepDimensions);
  return x.graph.apply(
    "ReduceSum",
    [x, x.graph.int64s(resolved)],
    { keepdims: keepDimensions ? 1 : 0 },
    [{ dtype: x.dtype, shape }],
    {
      derivative: ([gradient]) => {
        const kept = keepDimensions ? gradient! : unsqueeze(gradient!, resolved);
        return [expandLike(kept, x), undefined];
      },
    },
  )[0]!;
}

/**
 * Sums of a matrix's columns, as a product with a row of ones: onnxruntime's ReduceSum along the first axis takes one and a half to two and
 * a half times as long (docs/performance.md). Biases' gradients are such sums.
 */
function columnSums(x: Value): Value {
  return x.graph.composite(
    [x],
    () => reshape(matmul(rowOfOnes(x), x), [-1], [x.shape[1]!]),
    (gradient) => [expandLike(unsqueeze(gradient, [0]), x)],
  );
}

const rowsOfOnes = new WeakMap<Graph, Map<Dimension, Value>>();

/** Ones, [1, rows of x]; one for all matrices with as many rows. */
function rowOfOnes(x: Value): Value {
  const { graph } = x;
  const [rows] = x.shape as [Dimension];
  const known = rowsOfOnes.get(graph) ?? new Map<Dimension, Value>();
  rowsOfOnes.set(graph, known);
  let ones = known.get(rows);
  if (ones === undefined) {
    const count = graph.apply("Shape", [x], { start: 0, end: 1 }, [{ dtype: "int64", shape: [1] }])[0]!;
    const shape = graph.apply("Concat", [graph.int64s([1]), count], { axis: 0 }, [
      { dtype: "int64", shape: [2] },
    ])[0]!;
    ones = graph.apply("Expand", [graph.scalar(1), shape], {}, [{ dtype: "float32", shape: [1, rows] }])[0]!;
    known.set(rows, ones);
  }
  return ones;
}

/** Mean over one axis of fixed size. */
export function reduceMean(x: Value, axis: number, keepDimensions = false): Value {
  const size = x.shape[resolveAxis(axis, x.shape.length)]!;
  if (typeof size !== "number") throw new RangeError("the mean needs an axis of fixed size");
  const sum = reduceSum(x, [axis], keepDimensions);
  return divide(sum, size);
}

/** Sum of the squares of all elements, a scalar. */
export function sumOfSquares(x: Value): Value {
  return x.graph.apply("ReduceSumSquare", [x], { keepdims: 0 }, [{ dtype: x.dtype, shape: [] }], {
    derivative: ([gradient]) => [multiply(multiply(x, 2), gradient!)],
  })[0]!;
}

/** Largest element along the last axis, which stays with size 1. Not differentiable: used to keep exponentials in range. */
export function reduceMaxLast(x: Value): Value {
  return x.graph.apply("ReduceMax", [x, x.graph.int64s([-1])], { keepdims: 1 }, [
    { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] },
  ])[0]!;
}

/** Index of the largest element along the last axis (the first of equals), int64. Not differentiable. */
export function argmaxLast(x: Value): Value {
  return x.graph.apply("ArgMax", [x], { axis: -1, keepdims: 0, select_last_index: 0 }, [
    { dtype: "int64", shape: x.shape.slice(0, -1) },
  ])[0]!;
}

/** Inserts axes of size 1; `axes` are their places in the result. */
export function unsqueeze(x: Value, axes: readonly number[]): Value {
  const shape: Dimension[] = [...x.shape];
  const resolved = axes.map((axis) => resolveAxis(axis, x.shape.length + axes.length));
  for (const axis of [...resolved].sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return x.graph.apply("Unsqueeze", [x, x.graph.int64s(resolved)], {}, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => [reshapeLike(gradient!, x), undefined],
  })[0]!;
}

/** Broadcasts x to the shape of `like`. */
export function expandLike(x: Value, like: Value): Value {
  if (sameShape(x.shape, like.shape)) return x;
  const target = x.graph.apply("Shape", [like], {}, [{ dtype: "int64", shape: [like.shape.length] }])[0]!;
  return x.graph.apply("Expand", [x, target], {}, [{ dtype: x.dtype, shape: like.shape }], {
    derivative: ([gradient]) => {
      const axes = x.shape.flatMap((dimension, i) =>
        dimension === 1 && like.shape[i + like.shape.length - x.shape.length] !== 1
          ? [i + like.shape.length - x.shape.length]
          : [],
      );
      const lead = like.shape.length - x.shape.length;
      const all = [...Array(lead).keys(), ...axes];
      return [reshapeLike(all.length === 0 ? gradient! : reduceSum(gradient!, all), x), undefined];
    },
  })[0]!;
}

/** Gives x the shape of `like`; both hold the same elements in the same order. */
export function reshapeLike(x: Value, like: Value): Value {
  if (sameShape(x.shape, like.shape)) return x;
  const graph = x.graph;
  // With at most one unknown dimension the target is a constant; else it is read off `like` at run time.
  const unknown = like.shape.filter((dimension) => typeof dimension !== "number").length;
  const target =
    unknown <= 1
      ? graph.int64s(like.shape.map((dimension) => (typeof dimension === "number" ? dimension : -1)))
      : graph.apply("Shape", [like], {}, [{ dtype: "int64", shape: [like.shape.length] }])[0]!;
  return graph.apply("Reshape", [x, target], {}, [{ dtype: x.dtype, shape: like.shape }], {
    derivative: ([gradient]) => [reshapeLike(gradient!, x), undefined],
  })[0]!;
}
