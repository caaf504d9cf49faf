/**
 * T5's relative positions (Raffel et al. 2020, section 2.1): distances between tokens fall into buckets, exact for small ones
 * and logarithmic above, and each bucket has one learnt scalar per head.
 */
import type { Graph, Value } from "../graph/graph.ts";
import { add, maximum, minimum, subtract } from "../graph/operators/elementwise.ts";
import { gather } from "../graph/operators/layout.ts";
import { unsqueeze } from "../graph/operators/reduce.ts";

export interface RelativeBuckets {
  buckets: number;
  /** From this distance on all positions share the last bucket. */
  maxDistance: number;
  /** The encoder keeps half of the buckets for keys that come later; a decoder sees none of those. */
  bidirectional: boolean;
}

/**
 * The bucket of one relative position, key minus query. The logarithm is taken in float32, as transformers takes it: where it
 * falls on a whole number the rounding decides the bucket.
 */
export function bucketOf(relative: number, { buckets, maxDistance, bidirectional }: RelativeBuckets): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && relative > 0 ? count : 0;
  const distance = bidirectional ? Math.abs(relative) : Math.max(-relative, 0);
  const exact = Math.floor(count / 2);
  if (distance < exact) return first + distance;
  const f = Math.fround;
  const share = f(f(Math.log(f(distance / exact))) / f(Math.log(maxDistance / exact)));
  return first + Math.min(count - 1, exact + Math.trunc(f(share * (count - exact))));
}

/** Key minus query position: [queries, keys] from int32 [keys] and [queries] (or [queries, 1]). */
export function relativePositions(keys: Value, queries: Value): Value {
  const column = queries.shape.length === 2 ? queries : unsqueeze(queries, [1]);
  return subtract(unsqueeze(keys, [0]), column);
}

/** Bias of relative positions, int32 [a, b], from a table [buckets, heads]: [a, b, heads]. */
export function relativeBias(graph: Graph, table: Value, relative: Value, options: RelativeBuckets): Value {
  const furthest = options.maxDistance;
  const scalar = (value: number): Value => graph.constant(Int32Array.of(value), []);
  const bucketOfIndex = graph.constant(
    Int32Array.from({ length: 2 * furthest + 1 }, (_, i) => bucketOf(i - furthest, options)),
    [2 * furthest + 1],
  );
  const clipped = maximum(minimum(relative, scalar(furthest)), scalar(-furthest));
  return gather(table, gather(bucketOfIndex, add(clipped, scalar(furthest))));
}
