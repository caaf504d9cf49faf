/** The two ways to attend: over the whole sequence for training and scoring, over a cache for decoding. */
import type { Graph, Value } from "../../graph/graph.ts";
import { reshape, transpose } from "../../graph/operators/layout.ts";
import { attention } from "../../graph/operators/neural.ts";
import type { FamilyShape } from "../../students/families/family.ts";

/** Attention over whole sequences [batch, time] under an additive mask [time, time]. */
export function fullAttention(shape: FamilyShape, ids: Value, mask: Value) {
  const [batch, time] = ids.shape as [string, string];
  const { heads, headWidth } = shape;
  if (shape.keyValueHeads !== heads) throw new Error("grouped-query attention is not built for training yet");
  // The reshape pattern needs one known dimension of [batch, time]; it is read off the ids at run time.
  const graph = ids.graph;
  const idShape = graph.apply("Shape", [ids], {}, [{ dtype: "int64", shape: [2] }])[0]!;
  const headShape = graph.apply("Concat", [idShape, graph.int64s([heads, headWidth])], { axis: 0 }, [
    { dtype: "int64", shape: [4] },
  ])[0]!;
  const toHeads = (x: Value): Value =>
    transpose(reshapeTo(x, headShape, [batch, time, heads, headWidth]), [0, 2, 1, 3]);
  return (_layer: number, q: Value, k: Value, v: Value): Value => {
    const product = attention(toHeads(q), toHeads(k), toHeads(v), mask, 1 / Math.sqrt(headWidth));
    return reshape(transpose(product, [0, 2, 1, 3]), [-1, heads * headWidth], ["tokens", heads * headWidth]);
  };
}

function reshapeTo(x: Value, target: Value, shape: readonly (number | string)[]): Value {
  const [width] = x.shape.slice(-1);
  return x.graph.apply("Reshape", [x, target], {}, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => [reshape(gradient!, [-1, width as number], x.shape), undefined],
  })[0]!;
}

export interface CacheValues {
  pastKeys: Value[];
  pastValues: Value[];
  /** Tokens of each row that are valid after this call, minus one; int32 [batch]. */
  lastPositions: Value;
  /** Longest row after this call; int32 scalar. */
  totalLength: Value;
}

/** Head width in the cache: GroupQueryAttention takes multiples of 8 only; narrower heads are filled up with zeros. */
export function cacheHeadWidth(shape: FamilyShape): number {
  return Math.ceil(shape.headWidth / 8) * 8;
}

/** Inputs of the cache: [batch, heads, capacity, `cacheHeadWidth`] per layer for keys and values. */
export function cacheInputs(graph: Graph, shape: FamilyShape): CacheValues {
  const cache = ["batch", shape.keyValueHeads, "capacity", cacheHeadWidth(shape)];
  const layers = [...Array(shape.layers).keys()];
  return {
    pastKeys: layers.map((layer) => graph.input(`past.${layer}.key`, "float32", cache)),
    pastValues: layers.map((layer) => graph.input(`past.${layer}.value`, "float32", cache)),
    lastPositions: graph.input("lastPositions", "int32", ["batch"]),
    totalLength: graph.input("totalLength", "int32", [1]),
  };
}

/**
 * Attention of new tokens over the cache with ONNX Runtime's GroupQueryAttention. When the caller binds a past and its
 * present to the same memory, new keys and values are written in place and nothing is copied.
 */
export function cachedAttention(shape: FamilyShape, ids: Value, cache: CacheValues) {
  const graph = ids.graph;
  const { heads, keyValueHeads, headWidth } = shape;
  const idShape = graph.apply("Shape", [ids], {}, [{ dtype: "int64", shape: [2] }])[0]!;
  const [batch, time] = ids.shape as [string, string];
  const paddedWidth = cacheHeadWidth(shape);
  const toShape = (x: Value, ...sizes: number[]): Value => {
    const target = graph.apply("Concat", [idShape, graph.int64s(sizes)], { axis: 0 }, [
      { dtype: "int64", shape: [2 + sizes.length] },
    ])[0]!;
    return reshapeTo(x, target, [batch, time, ...sizes]);
  };
  const rows = (x: Value, count: number): Value => {
    if (paddedWidth === headWidth) return toShape(x, count * headWidth);
    // Zeros add nothing to q · k, and the zero columns of v are cut off again below.
    const [padded] = graph.apply(
      "Pad",
      [toShape(x, count, headWidth), graph.int64s([0, 0, 0, 0, 0, 0, 0, paddedWidth - headWidth])],
      {},
      [{ dtype: "float32", shape: [batch, time, count, paddedWidth] }],
    );
    return toShape(padded!, count * paddedWidth);
  };
  const unpadded = (x: Value): Value => {
    if (paddedWidth === headWidth) return x;
    return graph.apply(
      "Slice",
      [toShape(x, heads, paddedWidth), graph.int64s([0]), graph.int64s([headWidth]), graph.int64s([3])],
      {},
      [{ dtype: "float32", shape: [batch, time, heads, headWidth] }],
    )[0]!;
  };
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const cacheShape = cache.pastKeys[layer]!.shape;
    const [output, presentKey, presentValue] = graph.apply(
      "GroupQueryAttention",
      [
        rows(q, heads),
        rows(k, keyValueHeads),
        rows(v, keyValueHeads),
        cache.pastKeys[layer],
        cache.pastValues[layer],
        cache.lastPositions,
        cache.totalLength,
      ],
      { num_heads: heads, kv_num_heads: keyValueHeads, scale: { float: 1 / Math.sqrt(headWidth) } },
      [
        { dtype: "float32", shape: [batch, time, heads * paddedWidth] },
        { dtype: "float32", shape: cacheShape },
        { dtype: "float32", shape: cacheShape },
      ],
      {
        domain: "com.microsoft",
        names: [`attended.${layer}`, `present.${layer}.key`, `present.${layer}.value`],
      },
    );
    graph.output(presentKey!);
    graph.output(presentValue!);
    return reshape(unpadded(output!), [-1, heads * headWidth], ["tokens", heads * headWidth]);
  };
}
