/**
 * AdamW with decoupled weight decay (Loshchilov & Hutter 2019, as torch.optim.AdamW) and global-norm clipping, as nodes.
 *
 * Every new value depends on the norm of all gradients, hence on every node that reads a parameter: the caller may therefore
 * bind a parameter (or moment) and its update to the same memory, and no second copy of the weights is needed.
 */
import type { Graph, Value } from "./graph.ts";
import { add, divide, minimum, multiply, squareRoot, subtract } from "./operators/elementwise.ts";
import { reduceSum, sumOfSquares, unsqueeze } from "./operators/reduce.ts";

export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** Scalars that change from step to step; float32 [] inputs of the graph. */
export interface AdamWScalars {
  /** learningRate / (1 − beta1^t) */
  stepSize: Value;
  /** 1 / √(1 − beta2^t) */
  secondMomentScale: Value;
  /** 1 − learningRate · weightDecay */
  decayFactor: Value;
  /** Largest gradient norm; a huge number switches clipping off. */
  maxGradientNorm: Value;
}

export interface AdamWParameter {
  name: string;
  value: Value;
  gradient: Value;
  firstMoment: Value;
  secondMoment: Value;
  decays: boolean;
}

export function adamWScalarInputs(graph: Graph): AdamWScalars {
  const scalar = (name: string) => graph.input(name, "float32", []);
  return {
    stepSize: scalar("stepSize"),
    secondMomentScale: scalar("secondMomentScale"),
    decayFactor: scalar("decayFactor"),
    maxGradientNorm: scalar("maxGradientNorm"),
  };
}

/** Global 2-norm of all gradients, a scalar. */
export function globalNorm(gradients: readonly Value[]): Value {
  const graph = gradients[0]!.graph;
  const squares = gradients.map((gradient) => unsqueeze(sumOfSquares(gradient), [0]));
  const joined = graph.apply("Concat", squares, { axis: 0 }, [
    { dtype: "float32", shape: [squares.length] },
  ])[0]!;
  return squareRoot(reduceSum(joined));
}

/**
 * Adds the update of every parameter as outputs `updated.<name>`, `updated.<name>.m`, `updated.<name>.v`.
 * @returns the gradient norm before clipping
 */
export function adamW(
  parameters: readonly AdamWParameter[],
  scalars: AdamWScalars,
  options: AdamWOptions,
): Value {
  const graph = parameters[0]!.value.graph;
  const norm = globalNorm(parameters.map((parameter) => parameter.gradient));
  // torch.nn.utils.clip_grad_norm_: min(1, max / (norm + 1e-6)).
  const clip = minimum(divide(scalars.maxGradientNorm, add(norm, 1e-6)), graph.scalar(1));
  const firstGain = multiply(clip, 1 - options.beta1);
  const secondGain = multiply(multiply(clip, clip), 1 - options.beta2);
  // stepSize · m / (scale · √v + ε), divided by the scale above and below: one pass less over every parameter.
  const scaledStep = divide(scalars.stepSize, scalars.secondMomentScale);
  const scaledEpsilon = divide(options.epsilon, scalars.secondMomentScale);
  for (const { name, value, gradient, firstMoment, secondMoment, decays } of parameters) {
    const m = add(multiply(firstMoment, options.beta1), multiply(gradient, firstGain));
    const v = add(multiply(secondMoment, options.beta2), multiply(multiply(gradient, gradient), secondGain));
    const update = multiply(divide(m, add(squareRoot(v), scaledEpsilon)), scaledStep);
    const kept = decays ? multiply(value, scalars.decayFactor) : value;
    graph.output(subtract(kept, update), `updated.${name}`);
    graph.output(m, `updated.${name}.m`);
    graph.output(v, `updated.${name}.v`);
  }
  return norm;
}
