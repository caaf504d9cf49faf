/** The two ways to attend: over the whole sequence for training and scoring, over a cache for decoding. */
import type { Graph, Value } from "../../graph/graph.ts";
import { add, divide, exponential, maximum, multiply, subtract } from "../../graph/operators/elementwise.ts";
import { concatenate, reshape, transpose } from "../../graph/operators/layout.ts";
import { matmul } from "../../graph/operators/matmul.ts";
import { aboveFloor, attention } from "../../graph/operators/neural.ts";
import { reduceMaxLast, reduceSum, unsqueeze } from "../../graph/operators/reduce.ts";
import type { Dimension } from "../../graph/shape.ts";
import type { FamilyShape } from "../../students/families/family.ts";

/** What attention adds to the plain form, for families that have it. */
export interface ScoreOptions {
  /** What scores are multiplied by; default: 1 / √(head width). */
  scale?: number;
  /** Added to a token's score of itself where the cache does not hold it yet: [heads, 1, 1]. */
  selfBias?: Value;
}

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

/** Attention over whole sequences [batch, time] under an additive mask, broadcast to [batch, heads, time, time]. */
export function fullAttention(shape: FamilyShape, ids: Value, mask: Value, options: ScoreOptions = {}) {
  const toHeads = headLayout(shape, ids);
  const scale = options.scale ?? 1 / Math.sqrt(shape.headWidth);
  return (_layer: number, q: Value, k: Value, v: Value): Value => {
    const [keys, values] = [perQueryHead(shape, k), perQueryHead(shape, v)];
    const product = attention(toHeads(q), toHeads(keys), toHeads(values), mask, scale);
    return joinHeads(shape, product, q.shape[0]!);
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

/** Keys and values of tokens that every row begins with, read before: [prefix, key-value heads · head width] per layer. */
export function prefixInputs(graph: Graph, { layers, keyValueHeads, headWidth }: FamilyShape) {
  return keyValueInputs(graph, "prefix", layers, ["prefix", keyValueHeads * headWidth]);
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
  const { heads, headWidth } = shape;
  const [batch] = ids.shape as [string];
  const toHeads = headLayout(shape, ids);
  const idShape = graph.apply("Shape", [ids], { end: 1 }, [{ dtype: "int64", shape: [1] }])[0]!;
  const everyRow = graph.apply("Concat", [idShape, graph.int64s([1, 1, 1])], { axis: 0 }, [
    { dtype: "int64", shape: [4] },
  ])[0]!;
  const afterPrefix = (before: Value, own: Value): Value => {
    const split = reshape(
      perQueryHead(shape, before),
      [1, -1, heads, headWidth],
      [1, "prefix", heads, headWidth],
    );
    const rows = graph.apply("Expand", [transpose(split, [0, 2, 1, 3]), everyRow], {}, [
      { dtype: "float32", shape: [batch, heads, "prefix", headWidth] },
    ])[0]!;
    return graph.apply("Concat", [rows, toHeads(perQueryHead(shape, own))], { axis: 2 }, [
      { dtype: "float32", shape: [batch, heads, "all", headWidth] },
    ])[0]!;
  };
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    outputNewKeys(graph, layer, k, v);
    const [keys, values] = [afterPrefix(prefix.keys[layer]!, k), afterPrefix(prefix.values[layer]!, v)];
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

/** Inputs of the cache: keys and values per layer, [batch, heads, capacity, head width], and which places are filled. */
export interface CacheValues {
  keys: Value[];
  values: Value[];
  /** Additive, broadcast to [batch, heads, 1, capacity]: 0 where a row has a token, a large negative number elsewhere. */
  mask: Value;
}

export function cacheInputs(graph: Graph, { layers, keyValueHeads, headWidth }: FamilyShape): CacheValues {
  return {
    ...keyValueInputs(graph, "past", layers, ["batch", keyValueHeads, "capacity", headWidth]),
    mask: graph.input("pastMask", "float32", ["batch", 1, 1, "capacity"]),
  };
}

/** Marks a layer's new keys and values as outputs, for the caller to keep. */
export function outputNewKeys(graph: Graph, layer: number, k: Value, v: Value): void {
  graph.output(k, `new.${layer}.key`);
  graph.output(v, `new.${layer}.value`);
}

/**
 * Attention of one new token per row over the cache and itself. The cache is only read: onnxruntime-node copies every output,
 * so a cache that is an output (as GroupQueryAttention has it) would be copied whole at each token. The new key and value go
 * out as one small row each, and the token's weight on itself joins the softmax by hand.
 */
export function cachedAttention(
  shape: FamilyShape,
  ids: Value,
  cache: CacheValues,
  options: ScoreOptions = {},
) {
  const graph = ids.graph;
  const { heads, keyValueHeads, headWidth } = shape;
  const [batch] = ids.shape as [string];
  const scale = options.scale ?? 1 / Math.sqrt(headWidth);
  // The query heads that share a key-value head are rows of one product.
  const toHeads = (x: Value, rows: number): Value =>
    reshape(x, [-1, keyValueHeads, rows, headWidth], [batch, keyValueHeads, rows, headWidth]);
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    outputNewKeys(graph, layer, k, v);
    const [query, key, value] = [toHeads(q, heads / keyValueHeads), toHeads(k, 1), toHeads(v, 1)];
    const past = add(matmul(query, cache.keys[layer]!, { transposeB: true, scale }), cache.mask);
    const product = multiply(reduceSum(multiply(query, key), [-1], true), scale);
    const self = options.selfBias === undefined ? product : add(product, options.selfBias);
    const largest = maximum(reduceMaxLast(past), self);
    const pastWeights = exponential(subtract(aboveFloor(past, largest), largest));
    const selfWeight = exponential(subtract(self, largest));
    const total = add(reduceSum(pastWeights, [-1], true), selfWeight);
    const sum = add(matmul(pastWeights, cache.values[layer]!), multiply(selfWeight, value));
    return reshape(divide(sum, total), [-1, heads * headWidth], ["tokens", heads * headWidth]);
  };
}
