/**
 * How sharp a minimum is (docs/method.md §7), two ways: the loss along random filter-normalized directions, and the largest loss
 * found by gradient ascent within a ball around the weights (as in sharpness-aware minimization, Foret et al. 2021). The
 * student has its own weights again afterwards, whatever happens.
 */
import type { InspectableStudent, TokenSequence } from "../engine/engine.ts";
import { filterNormalizedDirection, matrixNames, type Weights } from "./directions.ts";
import type { SharpnessSettings } from "./settings.ts";

export interface Sharpness {
  /** Mean over sequences of the mean NLL per target token, nats, at the weights themselves. */
  loss: number;
  /** Where on a line: the factor of the direction. [points] */
  steps: number[];
  /** Loss at each step along each direction. [directions][points] */
  lines: number[][];
  balls: {
    /** Relative to the length of all matrices together. */
    radius: number;
    /** The largest loss found in the ball: a lower bound of the true maximum. */
    largestLoss: number;
  }[];
}

export async function measureSharpness(
  student: InspectableStudent,
  sample: readonly TokenSequence[],
  settings: SharpnessSettings,
  seed: number,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Sharpness> {
  const weights = student.copyWeights();
  const { points, range, directions, radii, ascentSteps } = settings;
  const middle = (points - 1) / 2;
  const steps = Array.from({ length: points }, (_, i) => (range * (i - middle)) / middle);
  // An ascent step is a forward and a backward pass, about as long as four losses.
  const total = directions * points + 4 * radii.length * ascentSteps;
  let done = 0;
  const progress = (by: number): void => {
    done += by;
    onProgress(done, total);
  };
  try {
    const loss = await meanLoss(student, sample);
    const lines: number[][] = [];
    for (let d = 0; d < directions; d++) {
      const direction = filterNormalizedDirection(weights, seed, d);
      const line: number[] = [];
      for (const step of steps) {
        student.setWeights(moved(weights, direction, step));
        line.push(step === 0 ? loss : await meanLoss(student, sample));
        progress(1);
      }
      lines.push(line);
    }
    const balls: Sharpness["balls"] = [];
    for (const radius of radii) {
      const largestLoss = await ascend(student, weights, sample, radius, ascentSteps, () => progress(4));
      balls.push({ radius, largestLoss: Math.max(loss, largestLoss) });
    }
    return { loss, steps, lines, balls };
  } finally {
    student.setWeights(new Map([...weights].map(([name, { data }]) => [name, data])));
  }
}

/** Mean over sequences of the mean NLL per target token, nats. */
export async function meanLoss(
  student: Pick<InspectableStudent, "score">,
  sample: readonly TokenSequence[],
): Promise<number> {
  const scores = await student.score(sample);
  const losses = scores.map(
    ({ logProbabilities }) =>
      -logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length,
  );
  return losses.reduce((sum, value) => sum + value, 0) / losses.length;
}

/** Normalized gradient ascent: one step to the sphere, then shorter ones, each brought back into the ball. */
async function ascend(
  student: InspectableStudent,
  weights: Weights,
  sample: readonly TokenSequence[],
  radius: number,
  steps: number,
  progress: () => void,
): Promise<number> {
  const names = matrixNames(weights);
  const length = radius * norm(names.map((name) => weights.get(name)!.data));
  const offset = new Map(names.map((name) => [name, new Float32Array(weights.get(name)!.data.length)]));
  const batch = sample.map((sequence) => ({ ...sequence, weight: 1 / sample.length }));
  let largest = Number.NEGATIVE_INFINITY;
  for (let step = 0; step < steps; step++) {
    student.setWeights(moved(weights, offset, 1));
    const gradients = await student.gradients(batch);
    const parts = names.map((name) => gradients.get(name)!);
    const slope = norm(parts);
    if (!(slope > 0)) break;
    const stride = (step === 0 ? length : length / 2) / slope;
    names.forEach((name, i) => {
      addScaled(offset.get(name)!, parts[i]!, stride);
    });
    const reached = norm([...offset.values()]);
    if (reached > length)
      for (const part of offset.values()) for (let i = 0; i < part.length; i++) part[i]! *= length / reached;
    student.setWeights(moved(weights, offset, 1));
    largest = Math.max(largest, await meanLoss(student, sample));
    progress();
  }
  return largest;
}

function moved(
  weights: Weights,
  direction: ReadonlyMap<string, Float32Array>,
  step: number,
): Map<string, Float32Array> {
  return new Map(
    [...direction].map(([name, part]) => {
      const data = weights.get(name)!.data.slice();
      addScaled(data, part, step);
      return [name, data];
    }),
  );
}

function addScaled(sum: Float32Array, part: Float32Array, factor: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * part[i]!;
}

function norm(parts: readonly Float32Array[]): number {
  let sum = 0;
  for (const part of parts) for (let i = 0; i < part.length; i++) sum += part[i]! * part[i]!;
  return Math.sqrt(sum);
}
