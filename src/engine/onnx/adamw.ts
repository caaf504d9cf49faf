/**
 * AdamW with decoupled weight decay (Loshchilov & Hutter 2019, as torch.optim.AdamW) and the norm it is clipped by.
 *
 * Not nodes of the graph: there a dozen operators each go through all weights. One loop reads and writes each array once, in place. It
 * computes in float32, operation by operation as torch does: in double precision, rounded at the end, a weight whose gradient is
 * rounding error beside epsilon goes another way, and sharp students are then 7e-3 apart in their gradient norm after 50 steps instead
 * of 4e-4 (test/torch).
 */

import { inputError } from "../../util/errors.ts";
import {
  type AdamWKernel,
  arrayPadding,
  createAdamWKernel,
  largestAllocation,
  type Scalars,
} from "./adamw-kernel.ts";

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

/** Arrays of one length where AdamW works on them in place. Gradient and moments begin as zeros. */
export interface AdamWState {
  weights: Float32Array;
  /** Written by the caller before every update. */
  gradient: Float32Array;
  firstMoment: Float32Array;
  secondMoment: Float32Array;
  /** Updates weights and moments. */
  update(step: AdamWStep): void;
  /** Sum of the squares of the gradient, in double precision. */
  squaredNorm(): number;
}

/** Parameters share kernels up to this many bytes; a larger one has a kernel of its own. */
const sharedKernelBytes = 2 ** 31;
/**
 * Between arrays, so that the four of one parameter do not lie at the same place of a 4 KB page, as matrices otherwise do: a processor
 * takes a read for one of what it has just written where the addresses agree in their last 12 bits.
 */
const gap = 512;

/** State for these parameters; weights are zeros too. @throws SkipthinkError for a parameter that is too large */
export function allocateAdamW(parameters: readonly { name: string; length: number }[]): AdamWState[] {
  for (const { name, length } of parameters) {
    if (stateBytes(length) <= largestAllocation) continue;
    throw inputError(
      `"${name}" has ${length.toLocaleString("en")} weights; the embedded engine trains at most 268 million in one matrix`,
      { key: name },
      "train adapters only (student.lora), or use --engine torch",
    );
  }
  const groups: { lengths: number[]; bytes: number }[] = [];
  for (const { length } of parameters) {
    const bytes = stateBytes(length);
    const last = groups.at(-1);
    if (last === undefined || last.bytes + bytes > sharedKernelBytes)
      groups.push({ lengths: [length], bytes });
    else {
      last.lengths.push(length);
      last.bytes += bytes;
    }
  }
  return groups.flatMap(({ lengths, bytes }) => {
    const kernel = createAdamWKernel(bytes);
    let at = 0;
    return lengths.map((length) => {
      const state = stateAt(kernel, at, length);
      at += stateBytes(length);
      return state;
    });
  });
}

function stateBytes(length: number): number {
  return 4 * (arrayPadding * Math.ceil((4 * length) / arrayPadding) + gap);
}

function stateAt(kernel: AdamWKernel, at: number, length: number): AdamWState {
  const bytes = stateBytes(length) / 4;
  const addresses = [at, at + bytes, at + 2 * bytes, at + 3 * bytes] as const;
  const [gradient, weights, firstMoment, secondMoment] = addresses.map((one) =>
    kernel.array(one, length),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return {
    weights,
    gradient,
    firstMoment,
    secondMoment,
    update({ beta1, beta2, epsilon, learningRate, weightDecay, step, clip }) {
      const stepSize = learningRate / (1 - beta1 ** step);
      const secondScale = 1 / Math.sqrt(1 - beta2 ** step);
      const kept = 1 - learningRate * weightDecay;
      const [firstGain, secondGain] = [1 - beta1, 1 - beta2];
      const scalars: Scalars = [
        ...([clip, beta1, firstGain, beta2, secondGain] as const),
        ...([stepSize, secondScale, epsilon, kept] as const),
      ];
      if (length > 0) kernel.update(length, ...addresses, scalars);
    },
    squaredNorm() {
      kernel.sums.fill(0);
      // What follows the numbers is zeros.
      if (length > 0) kernel.addSquares(length, at);
      const [a, b, c, d] = kernel.sums as unknown as [number, number, number, number];
      return a + b + (c + d);
    },
  };
}

/** Global 2-norm of the gradients, summed in double precision. */
export function globalNorm(states: Iterable<AdamWState>): number {
  let total = 0;
  for (const state of states) total += state.squaredNorm();
  return Math.sqrt(total);
}

/** What gradients of this norm are multiplied by, as torch.nn.utils.clip_grad_norm_ has it. @param largest 0: no clipping */
export function clipFactor(norm: number, largest: number): number {
  return largest > 0 ? Math.min(1, largest / (norm + 1e-6)) : 1;
}

/** Adds to sums in place. */
export function addInto(sums: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + values[i]!;
}
