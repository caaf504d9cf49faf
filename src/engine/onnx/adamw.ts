/**
 * AdamW with decoupled weight decay (Loshchilov & Hutter 2019, as torch.optim.AdamW) and the norm it is clipped by, on plain arrays.
 *
 * Not nodes of the graph: there a dozen operators each go through all weights, and onnxruntime-node copies what comes out, weights and
 * both moments. One loop reads and writes each array once, in place (docs/performance.md has both). It computes in float32, operation
 * by operation as torch does: in double precision, rounded at the end, a weight whose gradient is rounding error beside epsilon goes
 * another way, and sharp students are then 7e-3 apart in their gradient norm after 50 steps instead of 4e-4 (test/torch).
 */

import { type AdamWKernel, blockLength, createAdamWKernel } from "./adamw-kernel.ts";

/** Made at the first update; it holds no state between calls. */
let kernel: AdamWKernel | undefined;

/** What an update of one step has in common for all parameters. */
export interface AdamWStep {
  beta1: number;
  beta2: number;
  epsilon: number;
  learningRate: number;
  /** 0 for parameters that do not decay. */
  weightDecay: number;
  /** Number of this step, from 1: the bias correction counts from it. */
  step: number;
  /** Gradients are multiplied by this first. */
  clip: number;
}

/** Global 2-norm of gradients. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let total = 0;
  for (const gradient of gradients) {
    // Four sums side by side: one would wait for itself.
    let [a, b, c, d] = [0, 0, 0, 0];
    const whole = gradient.length - (gradient.length % 4);
    for (let i = 0; i < whole; i += 4) {
      a += gradient[i]! * gradient[i]!;
      b += gradient[i + 1]! * gradient[i + 1]!;
      c += gradient[i + 2]! * gradient[i + 2]!;
      d += gradient[i + 3]! * gradient[i + 3]!;
    }
    for (let i = whole; i < gradient.length; i++) a += gradient[i]! * gradient[i]!;
    total += a + b + (c + d);
  }
  return Math.sqrt(total);
}

/** What gradients of this norm are multiplied by, as torch.nn.utils.clip_grad_norm_ has it. @param largest 0: no clipping */
export function clipFactor(norm: number, largest: number): number {
  return largest > 0 ? Math.min(1, largest / (norm + 1e-6)) : 1;
}

/** Updates weights and both moments in place; all arrays are equally long. */
export function updateAdamW(
  weights: Float32Array,
  gradient: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  { beta1, beta2, epsilon, learningRate, weightDecay, step, clip }: AdamWStep,
): void {
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondScale = 1 / Math.sqrt(1 - beta2 ** step);
  const kept = 1 - learningRate * weightDecay;
  kernel ??= createAdamWKernel();
  for (let start = 0; start < weights.length; start += blockLength) {
    const end = Math.min(start + blockLength, weights.length);
    kernel.weights.set(weights.subarray(start, end));
    kernel.gradient.set(gradient.subarray(start, end));
    kernel.firstMoment.set(firstMoment.subarray(start, end));
    kernel.secondMoment.set(secondMoment.subarray(start, end));
    kernel.update(
      end - start,
      clip,
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      stepSize,
      secondScale,
      epsilon,
      kept,
    );
    weights.set(kernel.weights.subarray(0, end - start), start);
    firstMoment.set(kernel.firstMoment.subarray(0, end - start), start);
    secondMoment.set(kernel.secondMoment.subarray(0, end - start), start);
  }
}

/** Adds to sums in place. */
export function addInto(sums: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + values[i]!;
}
