/** Everything an inspection found, as plain data: inspect.json, and what the page and the terminal show. */
import type { MethodName } from "../method/baselines/plan.ts";
import type { SkipTruth } from "../method/probe/skip-truth.ts";
import type { StepRole } from "../tasks/problem.ts";
import type { CoreFigures } from "./core-figures.ts";
import type { StepGradient } from "./core-gradient.ts";
import type { StepShare } from "./loss-share.ts";
import type { LostAnswers } from "./lost-answers.ts";
import type { InspectSettings } from "./settings.ts";
import type { Sharpness } from "./sharpness.ts";

export interface InspectData {
  format: 1;
  run: string;
  title: string;
  task: string;
  settings: InspectSettings;
  student: { name: string; family: string; parameters: number };
  core: CoreFigures & {
    /** The student that marked them. */
    markedBy: MethodName;
    scoredTokens: number;
    examples: CoreExample[];
  };
  /** Per method and optimizer step, all under the weights that every method starts from. */
  steps: {
    method: MethodName;
    shares: StepShare[];
    gradients: StepGradient[];
  }[];
  sharpness: ({ method: MethodName; sequences: number; targetTokens: number } & Sharpness)[];
  lost: LostAnswers[];
  /** Skips against the roles of steps, where the task knows them; `random` has as many skips drawn by lot. */
  skips?: { probed: SkipTruth; random: SkipTruth };
  /** Seconds of each part. */
  seconds: Record<"core" | "steps" | "sharpness", number>;
}

/** A rationale whose every token was tested. */
export interface CoreExample {
  id: string;
  question: string;
  answer: string;
  wholeRight: boolean;
  steps: { role?: StepRole; tokens: ExampleToken[] }[];
}

export interface ExampleToken {
  text: string;
  core: boolean;
  /** Of a core token: what it was replaced by, and what that cost the gold answer, nats. */
  replacement?: string;
  fall?: number;
}
