/** Problems and rationales of a built-in task, split so that no question stands in two splits. */
import { inputError } from "../../util/errors.ts";
import { RandomStream } from "../../util/random.ts";
import type { Problem, Rationale } from "../problem.ts";
import { composeRationale } from "./compose.ts";
import type { BuiltinOptions, BuiltinProblem, BuiltinTask } from "./types.ts";

export type BuiltinSplit = "train" | "dev" | "test";
export type BuiltinCounts = Record<BuiltinSplit, number>;

export interface GenerateOptions extends Partial<BuiltinOptions> {
  /** Rationales in different words for each training problem, default 1. */
  rationalesPerProblem?: number;
}

/** Problems in one split at most: what a laptop holds easily. */
const largestCount = 1_000_000;
const mostRationalesPerProblem = 100;

/** Draws without a new question after which the space of questions counts as used up. */
const fruitlessDraws = 20_000;

/**
 * What the split of a built-in question hangs on: lower case, and every run of other characters than letters and digits one
 * space. Fixed, as every recorded run depends on it; a user's questions are told apart by `normalizeQuestion` (splits.ts).
 */
export function splitKey(question: string): string {
  return question
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
}

/**
 * The split that a question belongs to, decided by a hash of its key (FNV-1a, mixed): 10 of 16 to train,
 * 2 to dev, 4 to test. So splits stay apart whatever the counts, and also between different seeds.
 */
export function splitOfQuestion(question: string): BuiltinSplit {
  let hash = 0x811c9dc5;
  for (const character of splitKey(question)) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad) >>> 0;
  const bucket = hash >>> 28;
  return bucket < 10 ? "train" : bucket < 12 ? "dev" : "test";
}

function checkedInteger(value: number, key: string, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw inputError(`${key} is ${value}`, { key }, `Set ${key} to a whole number from ${low} to ${high}.`);
  }
  return value;
}

/** Checks the options and fills in the defaults: wordiness 0.5, difficulty 1. */
export function resolveBuiltinOptions(options: Partial<BuiltinOptions>): BuiltinOptions {
  const { wordiness = 0.5, difficulty = 1 } = options;
  if (!(wordiness >= 0 && wordiness <= 0.8)) {
    throw inputError(
      `wordiness is ${wordiness}`,
      { key: "wordiness" },
      "Set wordiness to a number from 0 (reasoning only) to 0.8.",
    );
  }
  return { wordiness, difficulty: checkedInteger(difficulty, "difficulty", 1, 3) };
}

interface DrawnProblem extends BuiltinProblem {
  id: string;
}

function drawSplit(
  task: BuiltinTask,
  split: BuiltinSplit,
  count: number,
  seed: number,
  options: BuiltinOptions,
): DrawnProblem[] {
  const random = new RandomStream(seed, `builtin/${task.name}/${options.difficulty}/${split}`);
  const seen = new Set<string>();
  const problems: DrawnProblem[] = [];
  let fruitless = 0;
  while (problems.length < count) {
    const problem = task.problem(random, options);
    const key = splitKey(problem.question);
    if (seen.has(key) || splitOfQuestion(problem.question) !== split) {
      fruitless += 1;
      if (fruitless > fruitlessDraws) {
        throw inputError(
          `${task.name} has too few different questions: only ${problems.length} of ${count} for ${split}`,
          { key: `counts.${split}` },
          `Ask for at most ${problems.length} problems in ${split}, or raise the difficulty.`,
        );
      }
      continue;
    }
    fruitless = 0;
    seen.add(key);
    problems.push({ ...problem, id: `${task.name}/${split}/${problems.length}` });
  }
  return problems;
}

function rationalesOf(problem: DrawnProblem, count: number, seed: number, wordiness: number): Rationale[] {
  const told = new Set<string>();
  const rationales: Rationale[] = [];
  for (let attempt = 0; rationales.length < count; attempt++) {
    const random = new RandomStream(seed, `builtin/wording/${problem.id}/${attempt}`);
    const { steps, roles } = composeRationale(problem.explain(random), wordiness, random);
    const text = steps.join("");
    // The same words twice teach nothing new; a few more attempts nearly always find others.
    if (told.has(text) && attempt < 4 * count + 20) continue;
    told.add(text);
    rationales.push({
      id: `${problem.id}/r${rationales.length}`,
      problemId: problem.id,
      question: problem.question,
      answer: problem.answer,
      text,
      steps,
      roles,
    });
  }
  return rationales;
}

/**
 * Deterministic in the task, the seed and the options. A larger count only adds problems at the end of its split, and
 * the wordiness changes the rationales but not the questions.
 * @param counts problems per split; train has `rationalesPerProblem` rationales for each of its problems, in order
 * @throws SkipthinkError (usage) for a count or option out of range, or where there are too few different questions
 */
export function generateProblems(
  task: BuiltinTask,
  counts: BuiltinCounts,
  seed: number,
  options: GenerateOptions = {},
): { train: Rationale[]; dev: Problem[]; test: Problem[] } {
  const resolved = resolveBuiltinOptions(options);
  const perProblem = checkedInteger(
    options.rationalesPerProblem ?? 1,
    "rationalesPerProblem",
    1,
    mostRationalesPerProblem,
  );
  const drawn = (split: BuiltinSplit): DrawnProblem[] =>
    drawSplit(task, split, checkedInteger(counts[split], `counts.${split}`, 0, largestCount), seed, resolved);
  const bare = ({ id, question, answer }: DrawnProblem): Problem => ({ id, question, answer });
  return {
    train: drawn("train").flatMap((problem) => rationalesOf(problem, perProblem, seed, resolved.wordiness)),
    dev: drawn("dev").map(bare),
    test: drawn("test").map(bare),
  };
}
