/**
 * Token embeddings and the head that reads the same kind of table, [vocabulary, width]. Where only some tokens' rows are trained
 * (added markers beside a frozen table), those rows are a small matrix of their own and zero in the table: neither the lookup
 * nor the head then makes a gradient as large as the table.
 */
import type { Value } from "../../graph/graph.ts";
import { add, cast, equal } from "../../graph/operators/elementwise.ts";
import { addColumns, gather, reshape } from "../../graph/operators/layout.ts";
import { linear } from "../../graph/operators/matmul.ts";
import { reshapeLike, unsqueeze } from "../../graph/operators/reduce.ts";
import type { ForwardContext, ParameterContext, TrainedRows } from "./family.ts";

const tokenConstant = (like: Value, { tokens }: TrainedRows): Value =>
  like.graph.constant(Int32Array.from(tokens), [tokens.length]);

/** Rows of `table` by `context.ids` [batch, time]: [batch, time, width]. */
export function embedTokens(context: ParameterContext & Pick<ForwardContext, "ids">, table: string): Value {
  const { ids } = context;
  const frozen = gather(context.parameter(table), ids);
  const trained = context.trainedRows?.(table);
  if (trained === undefined) return frozen;
  const matches = cast(equal(unsqueeze(ids, [2]), tokenConstant(ids, trained)), "float32");
  const count = trained.tokens.length;
  // A row of `matches` has a single 1, or none for a token of the frozen table: sums are exact, and the derivative is a product.
  const flat = reshape(matches, [-1, count], [ids.shape.join("*"), count]);
  const picked = linear(flat, trained.rows);
  return add(frozen, reshapeLike(picked, frozen));
}

/** Logits of hidden rows: hidden [rows, width] times the transposed table, [rows, vocabulary]. */
export function headLogits(context: ParameterContext, hidden: Value, table: string): Value {
  const logits = linear(hidden, context.parameter(table), undefined, { transposeB: true });
  const trained = context.trainedRows?.(table);
  if (trained === undefined) return logits;
  const own = linear(hidden, trained.rows, undefined, { transposeB: true });
  return addColumns(logits, tokenConstant(hidden, trained), own);
}
