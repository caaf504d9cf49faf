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

/** Keys and values by layer: [batch, key-value heads, their time, head width] each. */
interface KeysAndValues {
  keys: readonly Value[];
  values: readonly Value[];
}

interface FullAttention {
  /** What scores are multiplied by; default: 1 / √(head width). */
  scale?: number;
  /** New keys and values are outputs, `new.<layer>.key|value`: [batch, key-value heads, time, head width]. */
  keep?: boolean;
  /** What was read before the tokens: they look at that too, and the mask begins with it. */
  before?: KeysAndValues;
}

/**
 * Attention over whole sequences [batch, time].
 * @param mask additive, broadcast to [batch, heads, time, time of the keys]
 */
export function fullAttention(shape: FamilyShape, ids: Value, mask: Value, options: FullAttention = {}) {
  const { graph } = ids;
  const { heads, keyValueHeads, headWidth } = shape;
  const { scale = 1 / Math.sqrt(headWidth), keep = false, before } = options;
  const [batch] = ids.shape as [string];
  const toHeads = headLayout(shape, ids);
  const toKeyValueHeads =
    keyValueHeads === heads ? toHeads : headLayout({ ...shape, heads: keyValueHeads }, ids);
  const join = (earlier: Value | undefined, own: Value): Value =>
    earlier === undefined
      ? own
      : graph.apply("Concat", [earlier, own], { axis: 2 }, [
          { dtype: "float32", shape: [batch, keyValueHeads, "all", headWidth] },
        ])[0]!;
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const [key, value] = [toKeyValueHeads(k), toKeyValueHeads(v)];
    if (keep) {
      graph.output(key, `new.${layer}.key`);
      graph.output(value, `new.${layer}.value`);
    }
    const keys = perQueryHead(shape, join(before?.keys[layer], key));
    const values = perQueryHead(shape, join(before?.values[layer], value));
    return joinHeads(shape, attention(toHeads(q), keys, values, mask, scale), q.shape[0]!);
  };
}

/** Inputs for the keys and values of each layer: `<name>.<layer>.key`, `<name>.<layer>.value`. */
function keyValueInputs(graph: Graph, name: string, layers: number, shape: readonly Dimension[]) {
  const inputs = (part: string): Value[] =>
    Array.from({ length: layers }, (_, layer) => graph.input(`${name}.${layer}.${part}`, "float32", shape));
  return { keys: inputs("key"), values: inputs("value") };
}

/**
 * Attention of the tokens [batch, time] that follow what each row has read before, the inputs `past.<layer>.key|value`: over that and
 * themselves.
 * @param mask [batch, 1, time, before and time], additive
 */
export function continuedAttention(shape: FamilyShape, ids: Value, mask: Value, keep: boolean) {
  const { layers, keyValueHeads, headWidth } = shape;
  const places = ["batch", keyValueHeads, "before", headWidth];
  const before = keyValueInputs(ids.graph, "past", layers, places);
  return fullAttention(shape, ids, mask, { keep, before });
}

/**
 * Attention of the tokens [batch, time] that follow a prefix which all rows share, the inputs `prefix.<layer>.key|value`: over the prefix
 * and themselves. The new keys and values are outputs.
 * @param mask [time, prefix and time], additive
 */
export function prefixedAttention(shape: FamilyShape, ids: Value, mask: Value) {
  const { graph } = ids;
  const { layers, keyValueHeads, headWidth } = shape;
  const [batch] = ids.shape as [string];
  const prefix = keyValueInputs(graph, "prefix", layers, [1, keyValueHeads, "prefix", headWidth]);
  const idShape = graph.apply("Shape", [ids], { end: 1 }, [{ dtype: "int64", shape: [1] }])[0]!;
  const everyRow = graph.apply("Concat", [idShape, graph.int64s([1, 1, 1])], { axis: 0 }, [
    { dtype: "int64", shape: [4] },
  ])[0]!;
  const inEveryRow = (one: Value): Value =>
    graph.apply("Expand", [one, everyRow], {}, [
      { dtype: "float32", shape: [batch, keyValueHeads, "prefix", headWidth] },
    ])[0]!;
  const before = { keys: prefix.keys.map(inEveryRow), values: prefix.values.map(inEveryRow) };
  return fullAttention(shape, ids, mask, { keep: true, before });
}

/**
 * Grouped-query attention (Ainslie et al. 2023): each key-value head of [batch, key-value heads, time, head width] once for every query
 * head that reads it.
 */
function perQueryHead({ heads, keyValueHeads, headWidth }: FamilyShape, x: Value): Value {
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

/** The cache: [batch, key-value heads, capacity, head width in the cache] per layer, and how far it is filled. */
interface CacheValues extends KeysAndValues {
  /** Tokens that each row has in the cache: int32 [batch]. */
  lengths: Value;
  /** Of the longest row, the new token included: int32 scalar. */
  total: Value;
}

/** It as inputs: `past.<layer>.key|value`, `pastLengths`, `total`. */
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
