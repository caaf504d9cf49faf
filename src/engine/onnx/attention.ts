/** The two ways to attend: over the whole sequence for training and scoring, over a cache for decoding. */
import type { Graph, Value } from "../../graph/graph.ts";
import { concatenate, reshape, split, transpose } from "../../graph/operators/layout.ts";
import { attention } from "../../graph/operators/neural.ts";
import { unsqueeze } from "../../graph/operators/reduce.ts";
import type { Dimension } from "../../graph/shape.ts";
import type { FamilyShape } from "../../students/families/family.ts";

/**
 * Puts the heads of x [tokens, heads · head width] side by side: [batch, heads, time, head width].
 * @param ids [batch, time], the tokens of x
 */
export function headLayout({ heads, headWidth }: FamilyShape, ids: Value): (x: Value) => Value {
  const [batch, time] = ids.shape as [string, string];
  // The reshape pattern needs one known dimension of [batch, time]; it is read off the ids at run time.
  const graph = ids.graph;
  const idShape = graph.apply("Shape", [ids], {}, [{ dtype: "int64", shape: [2] }])[0]!;
  const headShape = graph.apply("Concat", [idShape, graph.int64s([heads, headWidth])], { axis: 0 }, [
    { dtype: "int64", shape: [4] },
  ])[0]!;
  return (x) => transpose(reshapeTo(x, headShape, [batch, time, heads, headWidth]), [0, 2, 1, 3]);
}

/** The way back: [batch, heads, time, head width] to [tokens, heads · head width]. @param tokens name of the first axis */
export function joinHeads({ heads, headWidth }: FamilyShape, x: Value, tokens: Dimension): Value {
  return reshape(transpose(x, [0, 2, 1, 3]), [-1, heads * headWidth], [tokens, heads * headWidth]);
}

/**
 * Attention over whole sequences [batch, time] under an additive mask, broadcast to [batch, heads, time, time].
 * @param options.scale what scores are multiplied by; default: 1 / √(head width)
 */
export function fullAttention(shape: FamilyShape, ids: Value, mask: Value, options: { scale?: number } = {}) {
  const toHeads = headLayout(shape, ids);
  const scale = options.scale ?? 1 / Math.sqrt(shape.headWidth);
  return (_layer: number, q: Value, k: Value, v: Value): Value => {
    const [keys, values] = [perQueryHead(shape, k), perQueryHead(shape, v)];
    const product = attention(toHeads(q), toHeads(keys), toHeads(values), mask, scale);
    return joinHeads(shape, product, q.shape[0]!);
  };
}

/** As `fullAttention`, with the new keys and values as outputs. */
export function keptAttention(
  shape: FamilyShape,
  ids: Value,
  mask: Value,
  options: { scale?: number } = {},
): ReturnType<typeof fullAttention> {
  const attend = fullAttention(shape, ids, mask, options);
  const toKeyValueHeads = headLayout({ ...shape, heads: shape.keyValueHeads }, ids);
  return (layer, q, k, v) => {
    outputNewKeys(ids.graph, layer, toKeyValueHeads(k), toKeyValueHeads(v));
    return attend(layer, q, k, v);
  };
}

/** Inputs for the keys and values of each layer: `<name>.<layer>.key`, `<name>.<layer>.value`. */
function keyValueInputs(graph: Graph, name: string, layers: number, shape: readonly Dimension[]) {
  const inputs = (part: string): Value[] =>
    Array.from({ length: layers }, (_, layer) => graph.input(`${name}.${layer}.${part}`, "float32", shape));
  return { keys: inputs("key"), values: inputs("value") };
}

/** Keys and values that each row has from tokens read before: [batch, key-value heads, before, head width] per layer. */
export function earlierInputs(graph: Graph, { layers, keyValueHeads, headWidth }: FamilyShape) {
  return keyValueInputs(graph, "past", layers, ["batch", keyValueHeads, "before", headWidth]);
}

/**
 * Attention of the tokens [batch, time] that follow what each row has read before: over that and themselves.
 * @param mask [batch, 1, time, before and time], additive
 * @param keep the new keys and values are outputs, [batch, key-value heads, time, head width]
 */
export function continuedAttention(
  shape: FamilyShape,
  ids: Value,
  earlier: ReturnType<typeof earlierInputs>,
  mask: Value,
  keep: boolean,
) {
  const { graph } = ids;
  const { keyValueHeads, headWidth } = shape;
  const toHeads = headLayout(shape, ids);
  const toKeyValueHeads = headLayout({ ...shape, heads: keyValueHeads }, ids);
  const [batch] = ids.shape as [string];
  const all = [batch, keyValueHeads, "all", headWidth];
  const join = (before: Value, own: Value): Value =>
    perQueryHeadOf(
      shape,
      graph.apply("Concat", [before, own], { axis: 2 }, [{ dtype: "float32", shape: all }])[0]!,
    );
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const [key, value] = [toKeyValueHeads(k), toKeyValueHeads(v)];
    if (keep) outputNewKeys(graph, layer, key, value);
    const [keys, values] = [join(earlier.keys[layer]!, key), join(earlier.values[layer]!, value)];
    const product = attention(toHeads(q), keys, values, mask, 1 / Math.sqrt(headWidth));
    return joinHeads(shape, product, q.shape[0]!);
  };
}

/** Keys and values of tokens that every row begins with, read before: [1, key-value heads, prefix, head width] per layer. */
export function prefixInputs(graph: Graph, { layers, keyValueHeads, headWidth }: FamilyShape) {
  return keyValueInputs(graph, "prefix", layers, [1, keyValueHeads, "prefix", headWidth]);
}

/**
 * Attention of the tokens [batch, time] that follow a prefix which all rows share: over the prefix and themselves.
 * @param mask [time, prefix and time], additive
 */
export function prefixedAttention(
  shape: FamilyShape,
  ids: Value,
  prefix: ReturnType<typeof prefixInputs>,
  mask: Value,
) {
  const { graph } = ids;
  const { keyValueHeads, headWidth } = shape;
  const [batch] = ids.shape as [string];
  const toHeads = headLayout(shape, ids);
  const toKeyValueHeads = headLayout({ ...shape, heads: keyValueHeads }, ids);
  const idShape = graph.apply("Shape", [ids], { end: 1 }, [{ dtype: "int64", shape: [1] }])[0]!;
  const everyRow = graph.apply("Concat", [idShape, graph.int64s([1, 1, 1])], { axis: 0 }, [
    { dtype: "int64", shape: [4] },
  ])[0]!;
  const afterPrefix = (before: Value, own: Value): Value => {
    const rows = graph.apply("Expand", [before, everyRow], {}, [
      { dtype: "float32", shape: [batch, keyValueHeads, "prefix", headWidth] },
    ])[0]!;
    const [all] = graph.apply("Concat", [rows, own], { axis: 2 }, [
      { dtype: "float32", shape: [batch, keyValueHeads, "all", headWidth] },
    ]);
    return perQueryHeadOf(shape, all!);
  };
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const [key, value] = [toKeyValueHeads(k), toKeyValueHeads(v)];
    outputNewKeys(graph, layer, key, value);
    const [keys, values] = [afterPrefix(prefix.keys[layer]!, key), afterPrefix(prefix.values[layer]!, value)];
    const product = attention(toHeads(q), keys, values, mask, 1 / Math.sqrt(headWidth));
    return joinHeads(shape, product, q.shape[0]!);
  };
}

/** Grouped-query attention (Ainslie et al. 2023): each key-value head once for every query head that reads it. */
function perQueryHead({ heads, keyValueHeads, headWidth }: FamilyShape, x: Value): Value {
  const groups = heads / keyValueHeads;
  if (groups === 1) return x;
  const rows = x.shape[0]!;
  const one = reshape(x, [-1, keyValueHeads, 1, headWidth], [rows, keyValueHeads, 1, headWidth]);
  const repeated = concatenate(Array<Value>(groups).fill(one), 2);
  return reshape(repeated, [-1, heads * headWidth], [rows, heads * headWidth]);
}

/** The same for heads that stand side by side already: [batch, key-value heads, time, head width]. */
function perQueryHeadOf({ heads, keyValueHeads, headWidth }: FamilyShape, x: Value): Value {
  const groups = heads / keyValueHeads;
  if (groups === 1) return x;
  const [batch, , time] = x.shape;
  const repeated = concatenate(Array<Value>(groups).fill(unsqueeze(x, [2])), 2);
  return reshape(repeated, [0, heads, -1, headWidth], [batch!, heads, time!, headWidth]);
}

/** Reshape to a shape that is known at run time; `shape` says what it is symbolically. */
export function reshapeTo(x: Value, target: Value, shape: readonly (number | string)[]): Value {
  const [width] = x.shape.slice(-1);
  return x.graph.apply("Reshape", [x, target], {}, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => [reshape(gradient!, [-1, width as number], x.shape), undefined],
  })[0]!;
}

/** Inputs of the cache, [batch, key-value heads, capacity, head width in the cache] per layer, and how far it is filled. */
interface CacheValues {
  keys: Value[];
  values: Value[];
  /** Tokens that each row has in the cache: int32 [batch]. */
  lengths: Value;
  /** Of the longest row, the new token included: int32 scalar. */
  total: Value;
}

export function cacheInputs(graph: Graph, shape: FamilyShape): CacheValues {
  const places = ["batch", shape.keyValueHeads, "capacity", cachedHeadWidth(shape)];
  return {
    ...keyValueInputs(graph, "past", shape.layers, places),
    lengths: graph.input("pastLengths", "int32", ["batch"]),
    total: graph.input("total", "int32", []),
  };
}

/** GroupQueryAttention takes heads of a multiple of 8; narrower ones are filled up with zeros, which change no product. */
export function cachedHeadWidth({ headWidth }: Pick<FamilyShape, "headWidth">): number {
  return Math.ceil(headWidth / 8) * 8;
}

/** Marks a layer's new keys and values as outputs, for the caller to keep: [batch, key-value heads, time, head width]. */
function outputNewKeys(graph: Graph, layer: number, k: Value, v: Value): void {
  graph.output(k, `new.${layer}.key`);
  graph.output(v, `new.${layer}.value`);
}

/**
 * Attention of one new token per row over the cache and itself. The new key and value go into the cache: the outputs `present.<layer>.key` and
 * `present.<layer>.value` are to be given the memory of the inputs, which GroupQueryAttention then changes in place.
 * @param options.bias added to the scores: [batch, heads, 1, total]
 */
export function cachedAttention(
  shape: FamilyShape,
  ids: Value,
  cache: CacheValues,
  options: { scale?: number; bias?: Value } = {},
) {
  const graph = ids.graph;
  const { heads, keyValueHeads, headWidth } = shape;
  const [batch] = ids.shape as [string];
  const scale = options.scale ?? 1 / Math.sqrt(headWidth);
  const width = cachedHeadWidth(shape);
  const toRows = (x: Value, count: number): Value =>
    reshape(fillUp(x, count, headWidth, width), [-1, 1, count * width], [batch, 1, count * width]);
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const inputs = [toRows(q, heads), toRows(k, keyValueHeads), toRows(v, keyValueHeads)];
    inputs.push(cache.keys[layer]!, cache.values[layer]!, cache.lengths, cache.total);
    // Between them: tables of rotary positions and the positions themselves.
    const bias = options.bias === undefined ? [] : [undefined, undefined, undefined, options.bias];
    const [output, key, value] = graph.apply(
      "GroupQueryAttention",
      [...inputs, ...bias],
      { num_heads: heads, kv_num_heads: keyValueHeads, scale: { float: scale } },
      [inputs[0]!, cache.keys[layer]!, cache.values[layer]!].map(({ dtype, shape }) => ({ dtype, shape })),
      { domain: "com.microsoft" },
    ) as [Value, Value, Value];
    graph.output(key, `present.${layer}.key`);
    graph.output(value, `present.${layer}.value`);
    const rows = reshape(output, [-1, heads, width], ["tokens", heads, width]);
    const own = width === headWidth ? rows : split(rows, [headWidth, width - headWidth], 2)[0]!;
    return reshape(own, [-1, heads * headWidth], ["tokens", heads * headWidth]);
  };
}

/** Heads side by side, [tokens, heads · from], each with zeros at its end: [tokens, heads · to]. */
function fillUp(x: Value, heads: number, from: number, to: number): Value {
  if (from === to) return x;
  const { graph } = x;
  const [tokens] = x.shape as [Dimension];
  const rows = reshape(x, [-1, heads, from], [tokens, heads, from]);
  const filled = graph.apply("Pad", [rows, graph.int64s([0, 0, 0, 0, 0, to - from])], {}, [
    { dtype: "float32", shape: [tokens, heads, to] },
  ])[0]!;
  return reshape(filled, [-1, heads * to], [tokens, heads * to]);
}
