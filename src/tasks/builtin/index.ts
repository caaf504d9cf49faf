/** The built-in tasks by name. Their teacher is part of them, so they need no network. */
import { inputError } from "../../util/errors.ts";
import { editDistance } from "../../util/nearest.ts";
import type { Problem, Rationale } from "../problem.ts";
import { arithmeticStories } from "./arithmetic.ts";
import { coinFlip } from "./coin-flip.ts";
import { dateUnderstanding } from "./dates.ts";
import { type BuiltinCounts, type GenerateOptions, generateProblems } from "./generate.ts";
import { lastLetterConcatenation } from "./last-letters.ts";
import { trackingShuffledObjects } from "./tracking.ts";
import type { BuiltinTask } from "./types.ts";

export {
  type BuiltinCounts,
  type BuiltinSplit,
  type GenerateOptions,
  splitKey,
  splitOfQuestion,
} from "./generate.ts";
export type { BuiltinOptions, BuiltinProblem, BuiltinTask, Explanation, ExplanationBlock } from "./types.ts";

export const builtinTasks: Readonly<Record<string, BuiltinTask>> = Object.fromEntries(
  [trackingShuffledObjects, lastLetterConcatenation, coinFlip, dateUnderstanding, arithmeticStories].map(
    (task) => [task.name, task],
  ),
);

export const builtinTaskNames: readonly string[] = Object.keys(builtinTasks);

/** @throws SkipthinkError (usage) that names the nearest task for an unknown name. */
export function builtinTask(name: string): BuiltinTask {
  if (Object.hasOwn(builtinTasks, name)) return builtinTasks[name]!;
  const asked = name.slice(0, 100);
  // Always one suggestion: there are few tasks, and a far guess still shows what a name looks like.
  const [nearest] = [...builtinTaskNames].sort((a, b) => editDistance(asked, a) - editDistance(asked, b));
  throw inputError(
    `There is no built-in task "${asked}"`,
    { key: "task" },
    `Did you mean ${nearest}? The built-in tasks are ${builtinTaskNames.join(", ")}.`,
  );
}

/**
 * Problems of a built-in task, with the teacher's rationales for the training split. Deterministic in (task, seed,
 * options); no question stands in two splits, not even under another seed.
 * @param counts problems per split
 * @throws SkipthinkError (usage) for an unknown task, or a count or option out of range
 */
export function generateBuiltin(
  task: string,
  counts: BuiltinCounts,
  seed: number,
  options: GenerateOptions = {},
): { train: Rationale[]; dev: Problem[]; test: Problem[] } {
  return generateProblems(builtinTask(task), counts, seed, options);
}
