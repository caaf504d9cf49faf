/**
 * Whether the runtime has the operators that src/graph/blocks/ writes, in blocks of 16: so it is where the processor has AVX-512. It says that
 * nowhere, so it is tried out, once per process; where the product is not right, products stay Gemm and nothing else changes. That is
 * also so on other processors: with AVX2 a block has 8 columns, and nobody has measured whether it helps there.
 */
import { blockProducts } from "../../graph/blocks/block-products.ts";
import { Graph } from "../../graph/graph.ts";
import { linear } from "../../graph/operators/matmul.ts";
import { createSession, Tensor } from "./session.ts";

/** Columns of a block, or 1 where there are none. */
export function blockSize(): Promise<number> {
  found ??= tryOut(16).then((isRight) => (isRight ? 16 : 1));
  return found;
}

let found: Promise<number> | undefined;

const size = 32;

/** Multiplies two matrices of small whole numbers in blocks of this width. */
async function tryOut(block: number): Promise<boolean> {
  if (process.arch !== "x64") return false;
  const graph = new Graph();
  const [a, b] = ["a", "b"].map((name) => graph.input(name, "float32", [size, size]));
  graph.output(linear(a!, b!), "product");
  blockProducts(graph, { block, aligned: {}, always: true });
  const left = Float32Array.from({ length: size * size }, (_, i) => (i % 7) - 3);
  const right = Float32Array.from({ length: size * size }, (_, i) => (i % 11) - 5);
  try {
    const session = await createSession(graph, "blocks", 1);
    try {
      const { product } = await session.run({
        a: new Tensor("float32", left, [size, size]),
        b: new Tensor("float32", right, [size, size]),
      });
      return (product!.data as Float32Array).every((value, i) => value === productAt(left, right, i));
    } finally {
      await session.release();
    }
  } catch {
    return false;
  }
}

function productAt(left: Float32Array, right: Float32Array, index: number): number {
  const [row, column] = [Math.floor(index / size), index % size];
  let sum = 0;
  for (let k = 0; k < size; k++) sum += left[row * size + k]! * right[k * size + column]!;
  return sum;
}
