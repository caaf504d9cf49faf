/**
 * results.json in the form of lm-evaluation-harness (`results`, `configs`, `versions`, `n-shot`, `higher_is_better`,
 * `n-samples`, `config`), so that tools which read its files read ours. A "task" there is one row here: setting, budget and
 * method, as `coin_flip/full`. Metrics have the filter `none` and a `_stderr` twin. What it has no place for is beside it
 * under `skipthink`.
 */
import { accuracyError, type ExperimentFigures } from "./figures.ts";
import { ownBudget, type SummaryRow } from "./summary.ts";

/** Version of how a task of ours is asked and scored; raise it when answers are read otherwise. */
const taskVersion = 1;

export function harnessResults(figures: ExperimentFigures): Record<string, unknown> {
  const { summary } = figures;
  const entries = summary.rows.map((row) => [rowName(row), row] as const);
  const each = <T>(value: (row: SummaryRow) => T): Record<string, T> =>
    Object.fromEntries(entries.map(([name, row]) => [name, value(row)]));
  return {
    results: Object.fromEntries(entries.map(([name, row]) => [name, { alias: name, ...metrics(row) }])),
    group_subtasks: each(() => []),
    configs: Object.fromEntries(
      entries.map(([name, row]) => [
        name,
        {
          task: name,
          task_alias: name,
          dataset_name: row.task,
          output_type: "generate_until",
          num_fewshot: 0,
          repeats: 1,
          metric_list: [{ metric: "exact_match", aggregation: "mean", higher_is_better: true }],
          metadata: {
            version: taskVersion,
            ...row.setting,
            method: row.method,
            budget: row.budget,
            seeds: row.seeds,
          },
        },
      ]),
    ),
    versions: each(() => taskVersion),
    "n-shot": each(() => 0),
    higher_is_better: each(() => ({ exact_match: true })),
    "n-samples": each(({ problems }) => ({ original: problems, effective: problems })),
    config: { model: "skipthink", model_args: `student=${figures.student}`, limit: null, bootstrap_iters: 0 },
    model_source: "skipthink",
    model_name: figures.student,
    date: Date.parse(figures.createdAt) / 1000,
    skipthink: {
      name: figures.name,
      command: figures.command,
      versions: figures.versions,
      parallel: [...new Set(figures.parallel.filter((count) => count !== undefined))].sort((a, b) => a - b),
      cells: figures.cells,
      unfinished: figures.unfinished,
      ...summary,
      failures: figures.failures.map(({ cell, message }) => ({ cell: cell.id, message })),
    },
  };
}

/** "coin_flip/3/full", the budget named where it is not the recipe's. */
export function rowName({ setting, task, budget, method }: SummaryRow): string {
  const values = Object.values(setting);
  return [...(values.length === 0 ? [task] : values), ...(budget === ownBudget ? [] : [budget]), method].join(
    "/",
  );
}

function metrics(row: SummaryRow): Record<string, number> {
  const named = {
    generated_tokens: row.meanGeneratedTokens,
    seconds_per_problem: row.secondsPerProblem,
    speed_up: row.speedUp,
    trained_tokens: row.trainedTokens,
    optimizer_steps: row.optimizerSteps,
    training_seconds: row.trainingSeconds,
  };
  const values: Record<string, number> = {
    "exact_match,none": row.accuracy.mean,
    "exact_match_stderr,none": accuracyError(row).error,
  };
  for (const [name, value] of Object.entries(named)) {
    if (value === undefined) continue;
    values[`${name},none`] = value.mean;
    if (value.standardError !== undefined) values[`${name}_stderr,none`] = value.standardError;
  }
  return values;
}
