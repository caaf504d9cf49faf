/** What an experiment's outputs are made of. */
import type { CellFailure } from "./run-cells.ts";
import type { ExperimentSummary, Mean } from "./summary.ts";

export interface ExperimentFigures {
  name: string;
  /** Command line that repeats it. */
  command: string;
  createdAt: string;
  versions: Readonly<Record<string, string>>;
  student: string;
  /** Cells that ran side by side: latencies are measured under that load. */
  parallel: number;
  cells: number;
  summary: ExperimentSummary;
  failures: readonly CellFailure[];
}

/** "61.3 ± 4.0", the error left out where there is none. */
export function withError({ mean, standardError }: Mean, digits: number, scale = 1): string {
  const text = (mean * scale).toFixed(digits);
  return standardError === undefined ? text : `${text} ± ${(standardError * scale).toFixed(digits)}`;
}

/** What every reader of the paired tests should know. */
export const testNote =
  "McNemar's exact test, two-sided, over the test problems of all seeds together, not corrected for the number of comparisons. " +
  "Where the seeds share one test file, the same problem counts once per seed, and p is too small.";
