/** The figures that stand for an inspection in the terminal, in the page's text and at the top of inspect.json. */
import { meanAndStandardError, quantile } from "../evaluate/statistics.ts";
import type { InspectData } from "./data.ts";

export interface Spread {
  values: number;
  mean: number;
  standardError?: number;
  lowerQuartile: number;
  median: number;
  upperQuartile: number;
  largest: number;
}

export interface StepSummary {
  method: string;
  /** Core tokens' share of a step's tokens, as the weighting of items has it, and of its loss. */
  tokenShare: Spread;
  lossShare: Spread;
  /** Steps without any core token, of all. */
  stepsWithoutCore: number;
  /** Over the sampled steps; cosine over those with core tokens. Absent where there is nothing to average. */
  gradientNorm?: Spread;
  coreGradientNorm?: Spread;
  cosine?: Spread;
  part?: Spread;
}

export interface SharpnessSummary {
  method: string;
  loss: number;
  /** Mean rise of the loss over directions and both sides, at half of the range and at its end, nats. */
  riseHalfway: number;
  riseAtEnd: number;
  balls: { radius: number; rise: number }[];
}

export interface InspectSummary {
  coreShare: number;
  steps: StepSummary[];
  sharpness: SharpnessSummary[];
}

export function summarize(data: Pick<InspectData, "core" | "steps" | "sharpness">): InspectSummary {
  return {
    coreShare: data.core.share,
    steps: data.steps.flatMap(({ method, shares, gradients }) =>
      shares.length === 0 ? [] : [stepSummary(method, shares, gradients)],
    ),
    sharpness: data.sharpness.map(({ method, loss, steps, lines, balls }) => {
      const riseAt = (index: number): number =>
        mean(lines.flatMap((line) => [line[index]!, line[steps.length - 1 - index]!])) - loss;
      return {
        method,
        loss,
        riseHalfway: riseAt(Math.round((steps.length - 1) / 4)),
        riseAtEnd: riseAt(0),
        balls: balls.map(({ radius, largestLoss }) => ({ radius, rise: largestLoss - loss })),
      };
    }),
  };
}

export function stepSummary(
  method: string,
  shares: InspectData["steps"][number]["shares"],
  gradients: InspectData["steps"][number]["gradients"],
): StepSummary {
  const cosines = gradients.flatMap(({ cosine }) => cosine ?? []);
  const parts = gradients.flatMap(({ part }) => part ?? []);
  return {
    method,
    tokenShare: spread(shares.map(({ tokenShare }) => tokenShare)),
    lossShare: spread(shares.map(({ lossShare }) => lossShare)),
    stepsWithoutCore: shares.filter(({ tokenShare }) => tokenShare === 0).length,
    ...(gradients.length === 0
      ? {}
      : {
          gradientNorm: spread(gradients.map(({ norm }) => norm)),
          coreGradientNorm: spread(gradients.map(({ coreNorm }) => coreNorm)),
        }),
    ...(cosines.length === 0 ? {} : { cosine: spread(cosines) }),
    ...(parts.length === 0 ? {} : { part: spread(parts) }),
  };
}

function spread(values: readonly number[]): Spread {
  return {
    values: values.length,
    ...meanAndStandardError(values),
    lowerQuartile: quantile(values, 0.25),
    median: quantile(values, 0.5),
    upperQuartile: quantile(values, 0.75),
    largest: quantile(values, 1),
  };
}

function mean(values: readonly number[]): number {
  return meanAndStandardError(values).mean;
}
