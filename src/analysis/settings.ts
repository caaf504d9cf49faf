/** What an inspection measures and how much of it. Only a few of these are flags; all are written into inspect.json. */
import type { CoreView } from "./core-tokens.ts";

export interface InspectSettings {
  /** Which rationales, tokens, batches and directions are drawn. */
  seed: number;
  /** Training rationales that core tokens are looked for in; fewer where the run has fewer. */
  rationales: number;
  /** A token is core if replacing it costs the gold answer more than this, nats. */
  delta: number;
  view: CoreView;
  /** Tokens that counterfactuals may score; bounds the time, see core-sample.ts. */
  maxScoredTokens: number;
  /** Optimizer steps per method whose gradients are compared. */
  gradientSteps: number;
  sharpness: SharpnessSettings;
  /** Rationales and problems shown in full. */
  examples: number;
}

export interface SharpnessSettings {
  /** Random directions; the same draws for both students. */
  directions: number;
  /** Points of a line from -range to range, odd, so that the minimum itself is one of them. */
  points: number;
  /** Farthest point: 1 is as far as the weights are long, filter by filter. */
  range: number;
  /** Radii of the balls, relative to the length of all matrices together. */
  radii: readonly number[];
  /** Steps of gradient ascent within a ball. */
  ascentSteps: number;
  /** Tokens of the fixed sample of rationales that losses are measured on. */
  sampleTokens: number;
}

/** Chosen so that a student of 4 M parameters and 200 rationales stay under three minutes on two cores. */
export const defaultSettings: InspectSettings = {
  seed: 1,
  rationales: 200,
  delta: 1,
  view: "shown",
  maxScoredTokens: 900_000,
  gradientSteps: 12,
  sharpness: {
    directions: 3,
    points: 21,
    range: 0.5,
    radii: [0.005, 0.01, 0.02, 0.04],
    ascentSteps: 3,
    sampleTokens: 2400,
  },
  examples: 12,
};
