/** What every stage of a run needs at hand. */
import type { Engine } from "../engine/engine.ts";
import type { EncodedRationale } from "../method/items/encode.ts";
import type { Markers } from "../method/items/markers.ts";
import type { Tokenizer } from "../students/tokenizer-interface.ts";
import type { AnswerKind, Problem, Rationale } from "../tasks/problem.ts";
import type { TeacherRecord } from "../teacher/record.ts";
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import type { Recipe } from "./config/schema.ts";
import type { RunFolder } from "./run-folder.ts";

/** How a run tells its reader what it does; src/cli/terminal implements it. */
export interface RunReporter {
  plan(stages: readonly { title: string; weight: number }[]): void;
  stage(title: string): void;
  stageSkipped(title: string, reason: string): void;
  progress(update: {
    done: number;
    total: number;
    unit?: string;
    loss?: number;
    learningRate?: number;
    tokens?: number;
  }): void;
  note(text: string): void;
  warning(text: string): void;
}

export interface RunContext {
  folder: RunFolder;
  recipe: Recipe;
  engine: Engine;
  reporter: RunReporter;
  /** True after the first Ctrl-C: long loops save and stop. */
  stopRequested(): boolean;
}

/** Ends the run in good order after Ctrl-C. What finished stages and `done` describe is kept. @throws SkipthinkError (exit 130) */
export function stopIfAsked(context: Pick<RunContext, "stopRequested">, done: string): void {
  if (!context.stopRequested()) return;
  throw new SkipthinkError(`stopped ${done}`, {
    exitCode: exitCodes.interrupted,
    remedy: "Run the same command with --resume to go on.",
  });
}

/** The data stage's result, in memory. */
export interface RunData {
  hash: string;
  answerKind: AnswerKind;
  caseSensitive: boolean;
  train: Rationale[];
  dev: Problem[];
  test: Problem[];
  notes: string[];
  /** Where `teach` wrote the training file: what its filter did. */
  teacher?: TeacherRecord;
  chance: number | undefined;
  taskName: string;
  taskDescription: string;
}

/** The base student, its tokenizer with markers, and what it can be taught and chosen by. */
export interface RunStudent {
  hash: string;
  /** Folder of the model that every method starts from. */
  base: string;
  tokenizer: Tokenizer;
  markers: Markers;
  /** Rationales that fit its context. */
  encoded: EncodedRationale[];
  /** Dev problems whose question fits. */
  dev: Problem[];
  contextLength: number;
}

/** Training problems with a rationale that fits the student. */
export function problemCount(data: Pick<RunData, "train">, base: Pick<RunStudent, "encoded">): number {
  const kept = new Set(base.encoded.map(({ rationaleId }) => rationaleId));
  return new Set(data.train.filter(({ id }) => kept.has(id)).map(({ problemId }) => problemId)).size;
}
