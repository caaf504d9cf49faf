/**
 * Cuts results AᵀB with very many rows, which are gradients of heads with a large vocabulary, into products of some rows each. Gemm
 * reads a transposed first operand column by column, again and again for every strip of the second one; with 50,000 columns each number
 * lies on another page of memory, and a product takes over half as long again as one that is not transposed. A piece of some columns is
 * transposed once, in the cache, and multiplied as it lies then. docs/decisions/2026-11-29-tall-products.md has the measurements.
 */
import { type Product, productOf } from "./blocks/product.ts";
import type { Graph, Operation, Value } from "./graph.ts";
import { reshape, transpose } from "./operators/layout.ts";
import { linear } from "./operators/matmul.ts";

/** Rows of a piece: with a few hundred tokens some megabytes of both operands. */
const rowsPerPiece = 2048;
/** Products of fewer rows stay whole. */
const tall = 4 * rowsPerPiece;

/** Rows of what was a result, which is a result of its own now. */
export interface ResultPiece {
  value: Value;
  firstRow: number;
}

/**
 * Changes `graph` in place. Its operations can be run and not differentiated any more.
 * @returns the pieces by the name of the result that they were; the first piece has that name
 */
export function cutTallProducts(graph: Graph): Map<string, ResultPiece[]> {
  const cut = new Map<string, ResultPiece[]>();
  graph.outputs.forEach((output, i) => {
    const index = graph.operations.findIndex(({ outputs, virtual }) => !virtual && outputs.includes(output));
    const product = index < 0 ? undefined : tallProductOf(graph.operations[index]!);
    if (product === undefined) return;
    if (graph.operations.some(({ inputs, virtual }) => !virtual && inputs.includes(output))) return;
    const end = graph.operations.length;
    const pieces = makePieces(graph, product);
    // Where the product was: in the file's order results are made early or late.
    graph.operations.splice(index, 1, ...graph.operations.splice(end));
    const { name } = output;
    const [first, ...others] = pieces;
    output.name = `${name}.before`;
    first!.value.name = name;
    graph.outputs[i] = first!.value;
    for (const { value, firstRow } of others) graph.output(value, `${name}.from${firstRow}`);
    cut.set(name, pieces);
  });
  return cut;
}

/** The product that an operation is, if it is AᵀB with many rows. */
function tallProductOf(operation: Operation): Product | undefined {
  const product = productOf(operation);
  if (product === undefined || product.bias !== undefined) return undefined;
  const { transposeA, transposeB, m } = product;
  return transposeA && !transposeB && typeof m === "number" && m >= tall ? product : undefined;
}

function makePieces(graph: Graph, { a, b, scale, m, k }: Product): ResultPiece[] {
  const rows = m as number;
  return Array.from({ length: Math.ceil(rows / rowsPerPiece) }, (_, i) => {
    const firstRow = i * rowsPerPiece;
    const count = Math.min(rowsPerPiece, rows - firstRow);
    const columns = graph.apply(
      "Slice",
      [a, graph.int64s([firstRow]), graph.int64s([firstRow + count]), graph.int64s([1])],
      {},
      [{ dtype: "float32", shape: [k, count] }],
    )[0]!;
    // onnxruntime puts a transposition of two axes into the product. One of three it leaves.
    const image = reshape(columns, [1, -1, count], [1, k, count]);
    const turned = reshape(transpose(image, [0, 2, 1]), [count, -1], [count, k]);
    return { value: linear(turned, b, undefined, { scale }), firstRow };
  });
}
