/**
 * The library. `distill` is the main path, from a recipe to students and a report; the parts below it are for own pipelines.
 * What is not exported here may change at any time.
 */
import { versions } from "./cli/version.ts";
import { loadRecipe } from "./pipeline/config/load.ts";
import type { RunReporter } from "./pipeline/context.ts";
import { distillInto } from "./pipeline/distill.ts";
import { engineOf } from "./pipeline/engine.ts";
import type { ReportSummary } from "./pipeline/stages/report.ts";

export type {
  Engine,
  GenerateOptions,
  Generation,
  OpenOptions,
  SequenceScore,
  StepReport,
  Student,
  TokenSequence,
  WeightedSequence,
} from "./engine/engine.ts";
export { onnxEngine } from "./engine/onnx/student.ts";
export { type EvaluateOptions, type Evaluation, evaluateStudent, type Sample } from "./evaluate/evaluate.ts";
export { mcNemarExact, meanAndStandardError, wilsonInterval } from "./evaluate/statistics.ts";
export { averageBoundaries } from "./method/chunk/boundaries.ts";
export { type ChunkedRationale, type ChunkOptions, chunkRationales } from "./method/chunk/chunk.ts";
export { planEpoch } from "./method/items/batches.ts";
export { answerItem, fullItem, stageItems } from "./method/items/build.ts";
export { type EncodedRationale, encodeQuestion, encodeRationale } from "./method/items/encode.ts";
export { findMarkers, type Markers, markerTokens } from "./method/items/markers.ts";
export type { PlannedBatch, TrainingItem } from "./method/items/types.ts";
export { forcedJudge, generateJudge, type Judge } from "./method/probe/judge.ts";
export { type ProbeOptions, probeRationales } from "./method/probe/probe.ts";
export type { ProbedRationale } from "./method/probe/types.ts";
export { loadRecipe } from "./pipeline/config/load.ts";
export type { Recipe } from "./pipeline/config/schema.ts";
export type { RunReporter } from "./pipeline/context.ts";
export { splitSteps } from "./rationale/split.ts";
export { openServedStudent, type ServedStudent } from "./serve/served-student.ts";
export { loadTokenizer } from "./students/tokenizer.ts";
export type { Tokenizer } from "./students/tokenizer-interface.ts";
export { answersEqual, readAnswer } from "./tasks/answers/answers.ts";
export { generateBuiltin } from "./tasks/builtin/index.ts";
export type { AnswerKind, Problem, Rationale } from "./tasks/problem.ts";
export { SkipthinkError } from "./util/errors.ts";

export interface DistillOptions {
  /** Run folder. */
  out: string;
  /** Changes to the recipe, `key.path=value`, as `--set`. */
  set?: readonly string[];
  /** Go on with the run in the folder. */
  resume?: boolean;
  /** Told of stages, progress, notes and warnings; nobody is by default. */
  reporter?: RunReporter;
  /** When it is aborted the run saves and stops. */
  signal?: AbortSignal;
}

/**
 * The whole method, as `skipthink distill`.
 *
 * @param recipe path of a recipe, or the name of one that comes along
 * @returns each method's figures, and where the report is; students lie in `<out>/students/<method>`
 * @throws SkipthinkError for everything that a person can mend; `exitCode` tells the kinds apart, 130 is an abort
 */
export async function distill(recipe: string, options: DistillOptions): Promise<ReportSummary> {
  const loaded = await loadRecipe(recipe, options.set);
  const engine = engineOf(loaded.recipe);
  try {
    return await distillInto(options.out, {
      recipe: loaded.recipe,
      engine,
      command: `distill(${JSON.stringify(recipe)}, ${JSON.stringify({ out: options.out, set: options.set })})`,
      versions: versions(),
      resume: options.resume ?? false,
      reporter: options.reporter ?? silent,
      stopRequested: () => options.signal?.aborted ?? false,
    });
  } finally {
    await engine.close();
  }
}

const silent: RunReporter = {
  plan: () => {},
  stage: () => {},
  stageSkipped: () => {},
  progress: () => {},
  note: () => {},
  warning: () => {},
};
