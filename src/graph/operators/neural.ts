/** The operators of a language model: normalization, activation, softmax, attention and loss, each with its own derivative. */
import type { Value } from "../graph.ts";
import { add, exponential, maximum, multiply, negate, sigmoid, subtract, sumToShape } from "./elementwise.ts";
import { addAtColumns, gatherColumns, reshape } from "./layout.ts";
import { linear, matmul } from "./matmul.ts";
import { reduceMaxLast, reduceMean, reduceSum, unsqueeze } from "./reduce.ts";

/**
 * LayerNorm over the last axis: x [n, width], scale and bias [width] (Ba et al. 2016). The derivative is arranged for few passes over
 * [n, width]: with c = x − mean and r = g / deviation it is r · scale − c · mean(r c scale) / deviation² − mean(r scale).
 */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
  const statistics = [...x.shape.slice(0, -1), 1];
  const outputs = x.graph.apply(
    "LayerNormalization",
    [x, scale, bias],
    { axis: -1, epsilon: { float: epsilon } },
    [
      { dtype: x.dtype, shape: x.shape },
      { dtype: x.dtype, shape: statistics },
      { dtype: x.dtype, shape: statistics },
    ],
    {
      derivative: ([gradient]) => {
        const g = gradient!;
        const [, mean, inverseDeviation] = outputs as [Value, Value, Value];
        const centred = subtract(x, mean);
        const relative = multiply(g, inverseDeviation);
        const products = multiply(relative, centred);
        const scaledMean = weightedMean(scale);
        const slope = multiply(scaledMean(products), multiply(inverseDeviation, inverseDeviation));
        const lead = g.shape.slice(0, -1).map((_, i) => i);
        return [
          subtract(subtract(multiply(relative, scale), multiply(centred, slope)), scaledMean(relative)),
          reduceSum(products, lead),
          reduceSum(g, lead),
        ];
      },
    },
  );
  return outputs[0]!;
}

/** RMSNorm over the last axis: x / √(mean(x²) + epsilon) · scale; x [n, width], scale [width] (Zhang and Sennrich 2019). */
export function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  const outputs = x.graph.apply(
    "SimplifiedLayerNormalization",
    [x, scale],
    { axis: -1, epsilon: { float: epsilon } },
    [
      { dtype: x.dtype, shape: x.shape },
      { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] },
    ],
    {
      derivative: ([gradient]) => {
        const g = gradient!;
        const inverse = outputs[1]!;
        const relative = multiply(g, inverse);
        const products = multiply(relative, x);
        const slope = multiply(weightedMean(scale)(products), multiply(inverse, inverse));
        const lead = g.shape.slice(0, -1).map((_, i) => i);
        return [subtract(multiply(relative, scale), multiply(x, slope)), reduceSum(products, lead)];
      },
    },
  );
  return outputs[0]!;
}

/**
 * Means over the rows of x [n, width] times `weights` [width]: [n, 1]. For a matrix a product: x is read and nothing as large is
 * written.
 */
function weightedMean(weights: Value): (x: Value) => Value {
  const width = weights.shape[0] as number;
  const column = reshape(multiply(weights, 1 / width), [width, 1], [width, 1]);
  return (x) => (x.shape.length === 2 ? linear(x, column) : reduceMean(multiply(x, weights), -1, true));
}

/** SiLU: x σ(x), also called swish (Elfwing et al. 2017). */
export function silu(x: Value): Value {
  const [output] = x.graph.apply(
    "QuickGelu",
    [x],
    { alpha: { float: 1 } },
    [{ dtype: x.dtype, shape: x.shape }],
    {
      domain: "com.microsoft",
      derivative: ([gradient]) => {
        // With y = x σ: y' = σ + y − y σ.
        const gate = sigmoid(x);
        const y = output!;
        return [multiply(gradient!, add(gate, subtract(y, multiply(y, gate))))];
      },
    },
  );
  return output!;
}

/**
 * Rotary position embedding (Su et al. 2021) in the half-split form of transformers: the pairs are (i, i + width/2).
 *
 * @param x [n, heads · width] @param cosine [n, width/2], as is @param sine; positions have no derivative
 */
export function rotary(x: Value, heads: number, cosine: Value, sine: Value): Value {
  const graph = x.graph;
  const total = x.shape[1] as number;
  // The operator looks a token's row of the tables up by its position. Here every token has a row of its own: one sequence that starts at 0.
  const start = graph.int64s([0]);
  const turned = (input: Value, sineOfTurn: Value): Value => {
    const one = reshape(input, [1, -1, total], [1, x.shape[0]!, total]);
    const [output] = graph.apply(
      "RotaryEmbedding",
      [one, start, cosine, sineOfTurn],
      { num_heads: heads },
      [{ dtype: x.dtype, shape: one.shape }],
      { domain: "com.microsoft" },
    );
    return reshape(output!, [-1, total], x.shape);
  };
  return graph.composite(
    [x],
    () => turned(x, sine),
    // Turned back.
    (gradient) => [turned(gradient, negate(sine))],
  );
}

/** max(x, 0). Derivative at 0: 0, as in PyTorch. */
export function relu(x: Value): Value {
  const [output] = x.graph.apply("Relu", [x], {}, [{ dtype: x.dtype, shape: x.shape }], {
    derivative: ([gradient]) => {
      const isPositive = x.graph.apply("Sign", [output!], {}, [{ dtype: x.dtype, shape: x.shape }])[0]!;
      return [multiply(gradient!, isPositive)];
    },
  });
  return output!;
}

/** GELU in its tanh form, GPT-2's `gelu_new`: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
export function geluTanh(x: Value): Value {
  const [output] = x.graph.apply("FastGelu", [x], {}, [{ dtype: x.dtype, shape: x.shape }], {
    domain: "com.microsoft",
    derivative: ([gradient]) => {
      // With z = 2√(2/π)(x + 0.044715 x³), gelu(x) = x σ(z) = y, so y' = σ + (y − y σ) z'. Written so that it takes few passes
      // over memory: x is re-read instead of keeping σ from the forward pass.
      const c = 2 * Math.sqrt(2 / Math.PI);
      const squared = multiply(x, x);
      const gate = sigmoid(multiply(x, add(multiply(squared, c * 0.044715), c)));
      const slope = add(multiply(squared, 3 * c * 0.044715), c);
      const y = output!;
      const rest = multiply(subtract(y, multiply(y, gate)), slope);
      return [multiply(gradient!, add(gate, rest))];
    },
  });
  return output!;
}

/** What `scaledGeluTanh` has its argument and its result times. A power of two, so nothing is rounded. */
export const geluScale = 64;

/**
 * 64 · gelu(x / 64), with GELU in its tanh form: for graphs that are differentiated. It keeps σ from the forward pass, and with both sides
 * scaled HardSigmoid, which is clip(αv + β, 0, 1), takes two passes over memory at once. Clipping changes nothing: it begins at
 * |x / 64| = 17, where σ is 0 or 1. Five passes forward and seven backward, where `geluTanh` has what three take and twelve.
 */
export function scaledGeluTanh(x: Value): Value {
  const c = 2 * Math.sqrt(2 / Math.PI);
  const cubic = (c * 0.044715) / geluScale ** 3;
  const linearPart = c / geluScale;
  let gate: Value | undefined;
  const output: Value = x.graph.composite(
    [x],
    () => {
      // As in `geluTanh`: y = x σ(z).
      gate = sigmoid(multiply(x, hardSigmoid(multiply(x, x), cubic, linearPart)));
      return multiply(x, gate);
    },
    (gradient) => {
      // y' = σ + y (1 − σ) z'
      const slope = hardSigmoid(multiply(x, x), 3 * cubic, linearPart);
      const rest = multiply(multiply(output, slope), hardSigmoid(gate!, -1, 1));
      return [multiply(gradient, add(rest, gate!))];
    },
  );
  return output;
}

/** min(1, max(0, αx + β)). No derivative of its own. */
function hardSigmoid(x: Value, alpha: number, beta: number): Value {
  const attributes = { alpha: { float: alpha }, beta: { float: beta } };
  return x.graph.apply("HardSigmoid", [x], attributes, [{ dtype: x.dtype, shape: x.shape }])[0]!;
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  const [output] = x.graph.apply("Softmax", [x], { axis: -1 }, [{ dtype: x.dtype, shape: x.shape }], {
    derivative: ([gradient]) => {
      const inner = reduceSum(multiply(gradient!, output!), [-1], true);
      return [multiply(output!, subtract(gradient!, inner))];
    },
  });
  return output!;
}

/**
 * Scaled dot-product attention: softmax(scale · q kᵀ + mask) v.
 * q: [batch, heads, time, head width]; k, v: as q, or with another time; mask: broadcast to the scores, [batch, heads, time,
 * time of k]: 0 or a large negative number, and what a student learns to add to its scores (T5's position bias).
 *
 * Its derivative uses rowsum(dP ∘ P) = rowsum(dO ∘ O) (Dao et al. 2022, FlashAttention, appendix B), which needs a sum over
 * the head width instead of one over a time × time matrix.
 */
export function attention(q: Value, k: Value, v: Value, mask: Value, scale: number): Value {
  let probabilities: Value | undefined;
  const output: Value = q.graph.composite(
    [q, k, v, mask],
    () => {
      probabilities = softmax(aboveFloor(add(matmul(q, k, { transposeB: true, scale }), mask)));
      return matmul(probabilities, v);
    },
    (gradient) => {
      const p = probabilities!;
      const rowSums = reduceSum(multiply(gradient, output), [-1], true);
      const forScores = multiply(p, subtract(matmul(gradient, v, { transposeB: true }), rowSums));
      return [
        matmul(forScores, k, { scale }),
        matmul(forScores, q, { transposeA: true, scale }),
        matmul(p, gradient, { transposeA: true }),
        sumToShape(forScores, mask),
      ];
    },
  );
  return output;
}

/** e⁻⁶⁰ = 9e-27 beside a largest term of 1 is nothing in float32, and far from where float32 turns subnormal. */
const floorBelowLargest = 60;

/**
 * Raises what lies far below the largest of its row (last axis) to a floor that is as good as nothing in a softmax. Masked scores would
 * make subnormal numbers, on which processors are slow: Softmax alone takes four to eight times as long. No derivative of its own.
 */
export function aboveFloor(x: Value): Value {
  return maximum(x, subtract(reduceMaxLast(x), floorBelowLargest));
}

/** log softmax over the last axis. */
export function logSoftmax(x: Value): Value {
  const [output] = x.graph.apply("LogSoftmax", [x], { axis: -1 }, [{ dtype: x.dtype, shape: x.shape }], {
    derivative: ([gradient]) => [
      subtract(gradient!, multiply(exponential(output!), reduceSum(gradient!, [-1], true))),
    ],
  });
  return output!;
}

/**
 * Negative log-likelihood of `targets` (int32 [n]) under logits [n, vocabulary]; nats, [n].
 * Derivative: (softmax − one-hot) · gradient.
 */
export function crossEntropy(logits: Value, targets: Value): Value {
  let logProbabilities: Value | undefined;
  return logits.graph.composite(
    [logits],
    () => {
      logProbabilities = logSoftmax(logits);
      return negate(gatherColumns(logProbabilities, targets));
    },
    (gradient) => {
      const column = unsqueeze(gradient, [1]);
      const scaled = multiply(exponential(logProbabilities!), column);
      return [addAtColumns(scaled, targets, negate(column))];
    },
  );
}
