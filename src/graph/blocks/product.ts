/** Operations that are the product of two matrices, and how a convolution over blocked ones does it. */
import type { Operation, Value } from "../graph.ts";
import type { Dimension } from "../shape.ts";
import type { Form, Forms } from "./forms.ts";

/** scale · op(A) · op(B) + biasScale · bias, with op(A) [m, k] and op(B) [k, n]. */
export interface Product {
  a: Value;
  b: Value;
  bias: Value | undefined;
  transposeA: boolean;
  transposeB: boolean;
  scale: number;
  biasScale: number;
  m: Dimension;
  k: Dimension;
  n: Dimension;
}

/** The product that an operation is; undefined: it is none. */
export function productOf({ type, inputs, attributes }: Operation): Product | undefined {
  const [a, b, bias] = inputs;
  const isProduct = type === "Gemm" || type === "FusedMatMul";
  if (!isProduct || a?.shape.length !== 2 || b?.shape.length !== 2) return undefined;
  const factor = (name: string): number => (attributes[name] as { float: number } | undefined)?.float ?? 1;
  const [transposeA, transposeB] = [attributes.transA === 1, attributes.transB === 1];
  const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const n = transposeB ? b.shape[0]! : b.shape[1]!;
  const factors = { scale: factor("alpha"), biasScale: factor("beta") };
  return { a, b, bias, transposeA, transposeB, ...factors, m, k, n };
}

/** A matrix in the form in which a convolution reads it. */
export type Operand = readonly [Value, Form];

/** A way to make a product as a convolution: what it gives, from an image and filters. */
export interface Way {
  form: "blocked" | "turned";
  image: Operand;
  filters: Operand;
}

/** Of the two ways those that its sizes allow. */
export function waysOf(product: Product, forms: Forms): Way[] {
  const { a, b, bias, transposeA, transposeB, m, k, n } = product;
  if (!forms.isAligned(k)) return [];
  const blocked = (isTransposed: boolean): Form => (isTransposed ? "turned" : "blocked");
  const ways: Way[] = [];
  // The number of filters is part of a reshape that has the sum's length to infer.
  if (forms.isAligned(n) && typeof n === "number")
    ways.push({ form: "blocked", image: [a, blocked(transposeA)], filters: [b, blocked(transposeB)] });
  // A convolution adds a bias along channels, which are the rows here.
  if (forms.isAligned(m) && typeof m === "number" && bias === undefined)
    ways.push({ form: "turned", image: [b, blocked(!transposeB)], filters: [a, blocked(!transposeA)] });
  return ways;
}
