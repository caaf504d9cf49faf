/** Matrix products. Both forms take transposed operands without moving them in memory. */
import type { Value } from "../graph.ts";
import type { Dimension } from "../shape.ts";
import { formatShape } from "../shape.ts";
import { multiply } from "./elementwise.ts";
import { reduceSum } from "./reduce.ts";

interface Transposes {
  transposeA?: boolean;
  transposeB?: boolean;
}

function productShape(
  a: Value,
  b: Value,
  { transposeA = false, transposeB = false }: Transposes,
): Dimension[] {
  const [aRows, aColumns] = transposeA
    ? [a.shape.at(-1)!, a.shape.at(-2)!]
    : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [bRows, bColumns] = transposeB
    ? [b.shape.at(-1)!, b.shape.at(-2)!]
    : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (aColumns !== bRows) {
    throw new RangeError(
      `matrix product of ${formatShape(a.shape)} and ${formatShape(b.shape)}: inner sizes differ`,
    );
  }
  return [...a.shape.slice(0, -2), aRows, bColumns];
}

/** `scale · op(a) · op(b) + biasScale · bias` for matrices: a [n, k], b [k, m], bias [m]. ONNX Gemm. */
export function linear(
  a: Value,
  b: Value,
  bias?: Value,
  options: Transposes & { scale?: number; biasScale?: number } = {},
): Value {
  const shape = productShape(a, b, options);
  if (shape.length !== 2) throw new RangeError("linear takes matrices; use matmul for stacks of matrices");
  // Gemm would broadcast other biases; their derivative is not here.
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== shape[1])) {
    throw new RangeError(
      `a bias of ${formatShape(bias.shape)} does not fit a product of ${formatShape(shape)}`,
    );
  }
  const { transposeA = false, transposeB = false, scale = 1, biasScale = 1 } = options;
  const transposes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
  return a.graph.apply(
    "Gemm",
    bias === undefined ? [a, b] : [a, b, bias],
    { ...transposes, alpha: { float: scale }, beta: { float: biasScale } },
    [{ dtype: a.dtype, shape }],
    {
      derivative: ([gradient]) => {
        const g = gradient!;
        const forA = transposeA
          ? linear(b, g, undefined, { transposeA: transposeB, transposeB: true, scale })
          : linear(g, b, undefined, { transposeB: !transposeB, scale });
        const forB = transposeB
          ? linear(g, a, undefined, { transposeA: true, transposeB: transposeA, scale })
          : linear(a, g, undefined, { transposeA: !transposeA, scale });
        if (bias === undefined) return [forA, forB];
        const sums = reduceSum(g, [0]);
        return [forA, forB, biasScale === 1 ? sums : multiply(sums, biasScale)];
      },
    },
  )[0]!;
}

/** `scale · op(a) · op(b)` over equal leading axes (no broadcasting): ONNX Runtime's FusedMatMul. */
export function matmul(a: Value, b: Value, options: Transposes & { scale?: number } = {}): Value {
  const { transposeA = false, transposeB = false, scale = 1 } = options;
  const lead = a.shape.slice(0, -2);
  if (lead.some((dimension, i) => dimension !== b.shape[i]) || a.shape.length !== b.shape.length) {
    throw new RangeError(
      `matmul of ${formatShape(a.shape)} and ${formatShape(b.shape)}: leading axes differ`,
    );
  }
  const shape = productShape(a, b, options);
  return a.graph.apply(
    "FusedMatMul",
    [a, b],
    { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha: { float: scale } },
    [{ dtype: a.dtype, shape }],
    {
      domain: "com.microsoft",
      derivative: ([gradient]) => {
        const g = gradient!;
        const forA = transposeA
          ? matmul(b, g, { transposeA: transposeB, transposeB: true, scale })
          : matmul(g, b, { transposeB: !transposeB, scale });
        const forB = transposeB
          ? matmul(g, a, { transposeA: true, transposeB: transposeA, scale })
          : matmul(a, g, { transposeA: !transposeA, scale });
        return [forA, forB];
      },
    },
  )[0]!;
}
