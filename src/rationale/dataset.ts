/**
 * A user's data as the pipeline takes it: training rationales, and dev and test problems that share no question with
 * them. Stands above src/tasks because it splits rationales into steps.
 */
import type { AnswerKind, Problem, Rationale } from "../tasks/problem.ts";
import type { FieldMapping } from "../tasks/read/mapping.ts";
import type { TableFormat } from "../tasks/read/table.ts";
import { chooseCount, chooseShare, drawKey } from "../tasks/splits.ts";
import { inputError } from "../util/errors.ts";
import type { BadRowPolicy } from "./bad-rows.ts";
import { type ProblemEntry, readProblems } from "./problem-table.ts";
import { makeRationale } from "./rationale.ts";

export interface DatasetSpec {
  /** Files; a format that is not given comes from each file's extension. */
  train: string;
  dev?: string | undefined;
  test?: string | undefined;
  format?: TableFormat | undefined;
  fields: FieldMapping;
  /** For a test file whose fields are named otherwise. Rationales of dev and test files are never read. */
  testFields?: FieldMapping | undefined;
  answerKind: AnswerKind;
  /** As in AnswerOptions. */
  caseSensitive?: boolean | undefined;
  /** Share of the training file's problems that becomes dev where no dev file is given; 0: none. Default 0.1. */
  devShare?: number | undefined;
  /** As `devShare`, for test, taken first. Default 0.2. */
  testShare?: number | undefined;
  seed: number;
  /** The first so many rationales of each problem are kept. */
  maxRationalesPerProblem?: number | undefined;
  /** Problems kept, chosen by the seed. */
  limitTrain?: number | undefined;
  limitTest?: number | undefined;
  onBadRow: BadRowPolicy;
}

export interface Dataset {
  /** Rationales of the training problems, in the file's order; empty if the mapping names no rationale. */
  train: Rationale[];
  /** The training problems themselves: what a teacher is asked where there are no rationales yet. */
  trainProblems: Problem[];
  dev: Problem[];
  test: Problem[];
  /** What was left out, merged or cut, with counts and first lines. */
  notes: string[];
}

/**
 * Loads a data set. Rows with the same normalized question are one problem; dev and test are given files or seeded
 * shares of the training problems; a question of test is never in dev or train, and one of dev never in train.
 * @throws input error with file, line, key and remedy (see readTable, mapRows and readProblems)
 */
export async function loadDataset(spec: DatasetSpec): Promise<Dataset> {
  const notes: string[] = [];
  const read = async (path: string, role: "train" | "dev" | "test"): Promise<ProblemEntry[]> => {
    const named = (role === "test" ? spec.testFields : undefined) ?? spec.fields;
    const fields = role === "train" ? named : { ...named, rationale: undefined };
    const table = await readProblems({
      path,
      format: spec.format,
      fields,
      answerKind: spec.answerKind,
      caseSensitive: spec.caseSensitive,
      role,
      onBadRow: spec.onBadRow,
    });
    notes.push(...table.notes);
    return table.entries;
  };
  let train = await read(spec.train, "train");
  let dev = spec.dev === undefined ? [] : await read(spec.dev, "dev");
  let test = spec.test === undefined ? [] : await read(spec.test, "test");

  train = without(train, test, "training", "test", notes);
  dev = without(dev, test, "dev", "test", notes);
  train = without(train, dev, "training", "dev", notes);
  if (spec.test === undefined)
    ({ chosen: test, rest: train } = takeShare(train, spec.testShare ?? 0.2, spec.seed, "test", notes));
  if (spec.dev === undefined)
    ({ chosen: dev, rest: train } = takeShare(train, spec.devShare ?? 0.1, spec.seed, "dev", notes));
  train = limited(train, spec.limitTrain, spec.seed, "train", notes);
  test = limited(test, spec.limitTest, spec.seed, "test", notes);
  if (train.length === 0)
    throw inputError(
      "no training problem is left: all of them are in dev or test",
      { file: spec.train, key: "train" },
      "Give training questions that are not in the test file, or lower the shares.",
    );

  makeIdsUnique({ train, dev, test }, notes);
  const most = spec.maxRationalesPerProblem ?? Infinity;
  const cut = train.reduce((sum, { rationales }) => sum + Math.max(0, rationales.length - most), 0);
  if (cut > 0) notes.push(`${cut} rationales beyond the first ${most} of their problem were left out`);
  return {
    train: train.flatMap(({ problem, rationales }) =>
      rationales.slice(0, most).map((text, index) =>
        makeRationale({
          id: `${problem.id}/${index + 1}`,
          problemId: problem.id,
          question: problem.question,
          answer: problem.answer,
          text,
        }),
      ),
    ),
    trainProblems: train.map(({ problem }) => problem),
    dev: dev.map(({ problem }) => problem),
    test: test.map(({ problem }) => problem),
    notes,
  };
}

const drawKeyOf = ({ problem }: ProblemEntry): string => drawKey(problem.question);

/** The entries whose question is not among `others`. */
function without(
  entries: ProblemEntry[],
  others: readonly ProblemEntry[],
  name: string,
  otherName: string,
  notes: string[],
): ProblemEntry[] {
  const keys = new Set(others.map(({ key }) => key));
  const kept = entries.filter(({ key }) => !keys.has(key));
  const dropped = entries.length - kept.length;
  if (dropped > 0)
    notes.push(
      `${dropped} of ${entries.length} ${name} problems were left out: their questions are also in ${otherName}`,
    );
  return kept;
}

function takeShare(
  entries: ProblemEntry[],
  share: number,
  seed: number,
  name: "dev" | "test",
  notes: string[],
): { chosen: ProblemEntry[]; rest: ProblemEntry[] } {
  const key = `${name}Share`;
  if (!(share >= 0 && share < 1))
    throw inputError(`${key} is ${share}, not at least 0 and below 1`, { key }, "Give a share such as 0.1.");
  const split = chooseShare(entries, drawKeyOf, share, seed, `split/${name}`);
  if (split.chosen.length > 0)
    notes.push(`${split.chosen.length} of ${entries.length} training problems were split off for ${name}`);
  return split;
}

function limited(
  entries: ProblemEntry[],
  limit: number | undefined,
  seed: number,
  name: "train" | "test",
  notes: string[],
): ProblemEntry[] {
  if (limit === undefined || limit >= entries.length) return entries;
  notes.push(`${limit} of ${entries.length} ${name} problems were chosen by the seed`);
  return chooseCount(entries, drawKeyOf, limit, seed, `limit/${name}`).chosen;
}

/** Files often number their rows from the same start; the split's name tells such ids apart. */
function makeIdsUnique(splits: Record<"train" | "dev" | "test", ProblemEntry[]>, notes: string[]): void {
  const used = new Set(splits.train.map(({ problem }) => problem.id));
  for (const name of ["dev", "test"] as const) {
    let renamed = 0;
    for (const { problem } of splits[name]) {
      if (used.has(problem.id)) {
        renamed++;
        let id = `${name}:${problem.id}`;
        while (used.has(id)) id = `${name}:${id}`;
        problem.id = id;
      }
      used.add(problem.id);
    }
    if (renamed > 0)
      notes.push(`${renamed} ${name} ids also name other problems and got the prefix "${name}:"`);
  }
}
