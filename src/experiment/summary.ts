/** From cells to the table: means over seeds, and paired tests over the pooled test problems. */
import { mcNemarExact, meanAndStandardError, wilsonInterval } from "../evaluate/statistics.ts";
import { type MethodName, methodNames } from "../method/baselines/plan.ts";
import type { MethodResult } from "../report/data.ts";
import type { CellResult } from "./cell-result.ts";
import { describeEqual } from "./grid.ts";

export interface Mean {
  mean: number;
  /** Over seeds; absent for a single seed. */
  standardError?: number;
}

export interface SummaryRow {
  /** Axis → value. */
  setting: Readonly<Record<string, string>>;
  task: string;
  /** Accuracy of guessing, where it is known. */
  chance?: number;
  /** The recipe's budget, or whose use the budget was. */
  budget: string;
  method: MethodName;
  seeds: number[];
  /** Test problems of all seeds together. */
  problems: number;
  right: number;
  accuracy: Mean;
  /** Wilson 95 % interval over the pooled problems. */
  accuracyInterval: [number, number];
  meanGeneratedTokens: Mean;
  secondsPerProblem: Mean;
  secondsPerProblemBatched: Mean;
  /** `full` of the same seed and the recipe's budget over this method; absent where there is no `full`. */
  speedUp?: Mean;
  optimizerSteps: Mean;
  trainedTokens: Mean;
  trainingSeconds: Mean;
  /** Chunking and probing that made the method's skips; absent where it has none, and of runs before it was recorded. */
  skipDataSeconds?: Mean;
  /** Share of texts cut off; absent of runs before it was recorded. */
  unfinished?: Mean;
}

export interface Comparison {
  setting: Readonly<Record<string, string>>;
  task: string;
  first: MethodName;
  second: MethodName;
  /** Budgets of both; they differ where one had what the other used. */
  budgets: [string, string];
  seeds: number[];
  onlyFirstRight: number;
  onlySecondRight: number;
  /** McNemar's exact test, two-sided, not corrected for the number of comparisons. */
  pValue: number;
}

export interface SkipSummary {
  setting: Readonly<Record<string, string>>;
  /** Of the run whose chunk-wise student was probed. */
  budget: string;
  share: Mean;
  precision?: Mean;
  recall?: Mean;
}

export interface ExperimentSummary {
  axes: string[];
  rows: SummaryRow[];
  comparisons: Comparison[];
  skips: SkipSummary[];
}

/** What budget a cell that follows no other has, in the table. */
export const ownBudget = "recipe's";

/** @param pairs methods to compare; by default each against `full`, and each step of the method against the one before */
export function summarize(
  results: readonly CellResult[],
  pairs?: readonly (readonly [MethodName, MethodName])[],
): ExperimentSummary {
  const axes = [...new Set(results.flatMap(({ cell }) => Object.keys(cell.setting)))];
  const groups = groupBy(results, ({ cell }) => JSON.stringify([cell.setting, budgetOf(cell)]));
  const settings = groupBy(results, ({ cell }) => JSON.stringify(cell.setting));
  const rows = groups.flatMap((cells) =>
    methodNames
      .filter((name) => cells.some(({ methods }) => methods[name]))
      .map((name) => row(name, cells, results)),
  );
  return {
    axes,
    rows,
    comparisons: settings.flatMap((cells) => compareSetting(cells, pairs ?? defaultPairs)),
    skips: groups.flatMap((cells) => {
      const probed = cells.filter(({ methods }) => methods.stt ?? methods["cwt-sbc"]);
      return probed.length === 0 ? [] : [skipSummary(probed)];
    }),
  };
}

const defaultPairs: (readonly [MethodName, MethodName])[] = [
  ...methodNames.filter((name) => name !== "full").map((name) => [name, "full"] as const),
  ["cwt-sbc", "cwt-ac"],
  ["stt", "cwt-sbc"],
  ["stt", "stt-random"],
];

function row(method: MethodName, group: readonly CellResult[], all: readonly CellResult[]): SummaryRow {
  const cells = group.filter(({ methods }) => methods[method]);
  const results = cells.map(({ methods }) => methods[method]!);
  const of = (key: keyof MethodResult): Mean =>
    meanAndStandardError(results.map((one) => one[key] as number));
  const ifThere = (key: "skipDataSeconds" | "unfinished"): Partial<SummaryRow> =>
    results.every((one) => one[key] !== undefined) ? { [key]: of(key) } : {};
  const right = results.reduce((sum, one) => sum + Math.round(one.accuracy * one.problems), 0);
  const problems = results.reduce((sum, one) => sum + one.problems, 0);
  const speedUps = cells.flatMap((result) => {
    const full = firstOf(result, all)?.methods.full;
    return full === undefined ? [] : [full.secondsPerProblem / result.methods[method]!.secondsPerProblem];
  });
  const { cell, task, chance } = cells[0]!;
  return {
    setting: cell.setting,
    task,
    ...(chance === undefined ? {} : { chance }),
    budget: budgetOf(cell),
    method,
    seeds: cells.map((one) => one.cell.seed),
    problems,
    right,
    accuracy: of("accuracy"),
    accuracyInterval: wilsonInterval(right, problems),
    meanGeneratedTokens: of("meanGeneratedTokens"),
    secondsPerProblem: of("secondsPerProblem"),
    secondsPerProblemBatched: of("secondsPerProblemBatched"),
    ...(speedUps.length === cells.length ? { speedUp: meanAndStandardError(speedUps) } : {}),
    optimizerSteps: of("optimizerSteps"),
    trainedTokens: of("trainedTokens"),
    trainingSeconds: of("trainingSeconds"),
    ...ifThere("skipDataSeconds"),
    ...ifThere("unfinished"),
  };
}

/** The pairs within the recipe's budget, and each follow-up method against the method whose budget it had. */
function compareSetting(
  cells: readonly CellResult[],
  pairs: readonly (readonly [MethodName, MethodName])[],
): Comparison[] {
  const own = cells.filter(({ cell }) => cell.follows === undefined);
  const within = pairs.flatMap(([first, second]) =>
    pooled(
      [first, second],
      own.map((cell) => [cell, cell]),
    ),
  );
  const following = groupBy(
    cells.filter(({ cell }) => cell.follows !== undefined),
    ({ cell }) => budgetOf(cell),
  );
  const across = following.flatMap((group) => {
    const { as, methods } = group[0]!.cell.follows!.equal;
    return methods.flatMap((method) =>
      pooled(
        [as, method],
        group.flatMap((cell) => {
          const first = firstOf(cell, own);
          return first === undefined ? [] : [[first, cell] as const];
        }),
      ),
    );
  });
  return [...within, ...across];
}

/** McNemar's test over the problems that both methods of each pair of cells answered; none if they share none. */
function pooled(
  [first, second]: readonly [MethodName, MethodName],
  pairs: readonly (readonly [CellResult, CellResult])[],
): Comparison[] {
  let onlyFirstRight = 0;
  let onlySecondRight = 0;
  const seeds: number[] = [];
  for (const [a, b] of pairs) {
    const [left, right] = [a.correct[first], b.correct[second]];
    if (left === undefined || right === undefined) continue;
    let shared = 0;
    for (const [id, correct] of left) {
      const other = right.get(id);
      if (other === undefined) continue;
      shared++;
      if (correct && !other) onlyFirstRight++;
      if (!correct && other) onlySecondRight++;
    }
    if (shared > 0) seeds.push(a.cell.seed);
  }
  if (seeds.length === 0) return [];
  const [a, b] = pairs[0]!;
  return [
    {
      setting: a.cell.setting,
      task: a.task,
      first,
      second,
      budgets: [budgetOf(a.cell), budgetOf(b.cell)],
      seeds,
      onlyFirstRight,
      onlySecondRight,
      pValue: mcNemarExact(onlyFirstRight, onlySecondRight),
    },
  ];
}

function skipSummary(cells: readonly CellResult[]): SkipSummary {
  const of = (key: "precision" | "recall"): Mean | undefined => {
    const known = cells.flatMap(({ skips }) => skips[key] ?? []);
    return known.length === 0 ? undefined : meanAndStandardError(known);
  };
  const [precision, recall] = [of("precision"), of("recall")];
  return {
    setting: cells[0]!.cell.setting,
    budget: budgetOf(cells[0]!.cell),
    share: meanAndStandardError(cells.map(({ skips }) => skips.share)),
    ...(precision === undefined ? {} : { precision }),
    ...(recall === undefined ? {} : { recall }),
  };
}

/** The cell of the recipe's budget that belongs to a cell: the one it follows, or itself. */
function firstOf(result: CellResult, all: readonly CellResult[]): CellResult | undefined {
  const { follows } = result.cell;
  return follows === undefined ? result : all.find(({ cell }) => cell.id === follows.id);
}

function budgetOf({ follows }: CellResult["cell"]): string {
  return follows === undefined ? ownBudget : describeEqual(follows.equal);
}

/** Groups in order of first appearance. */
function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}
