/** What an experiment's outputs are made of. */
import { proportionStandardError } from "../evaluate/statistics.ts";
import type { CellFailure } from "./run-cells.ts";
import type { ExperimentSummary, Mean, SummaryRow } from "./summary.ts";

export interface ExperimentFigures {
  name: string;
  /** Command line that repeats it. */
  command: string;
  createdAt: string;
  /** Of the finished runs; several of one part with commas. */
  versions: Readonly<Record<string, string>>;
  student: string;
  /** For each finished run how many ran side by side, where that was noted. */
  parallel: readonly (number | undefined)[];
  /** Of the whole grid. */
  cells: number;
  /** Ids of those that are not finished. */
  unfinished: readonly string[];
  summary: ExperimentSummary;
  failures: readonly CellFailure[];
}

/** How much of the grid the tables hold: "36 of 45 runs are finished; not yet: …". */
export function progressText({ cells, unfinished }: ExperimentFigures): string {
  const done = `${cells - unfinished.length} of ${cells} runs are finished`;
  return unfinished.length === 0 ? done : `${done}; not yet: ${someOf(unfinished)}`;
}

/** The load under which latencies were measured, to go on with after "measured with". */
export function loadText({ parallel }: Pick<ExperimentFigures, "parallel">): string {
  const known = parallel.filter((count) => count !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const unknown = parallel.length - known.length;
  if (known.length === 0) return "a load that was not noted";
  const text =
    most === 1
      ? "nothing else of the experiment running"
      : `${least === most ? most : `${least} to ${most}`} runs side by side`;
  return unknown === 0 ? text : `${text} (not noted for ${unknown} of ${parallel.length} runs)`;
}

/** Versions of several runs as one record: "0.1.0, 0.2.0" where they differ. */
export function joinedVersions(
  all: readonly Readonly<Record<string, string>>[],
): Readonly<Record<string, string>> {
  const values = new Map<string, Set<string>>();
  for (const [name, value] of all.flatMap((one) => Object.entries(one)))
    values.set(name, (values.get(name) ?? new Set()).add(value));
  return Object.fromEntries([...values].map(([name, some]) => [name, [...some].sort().join(", ")]));
}

/** The first few names, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** "61.3 ± 4.0", the error left out where there is none. */
export function withError({ mean, standardError }: Mean, digits: number, scale = 1): string {
  const text = (mean * scale).toFixed(digits);
  return standardError === undefined ? text : `${text} ± ${(standardError * scale).toFixed(digits)}`;
}

/**
 * The error of an accuracy: over seeds, or with a single seed, which says nothing of the spread between seeds, the sampling
 * error of its test problems.
 * @returns the mark tells the second kind from the first
 */
export function accuracyError({ accuracy, right, problems }: SummaryRow): { error: number; mark: string } {
  const { standardError } = accuracy;
  return standardError === undefined
    ? { error: proportionStandardError(right, problems), mark: samplingMark }
    : { error: standardError, mark: "" };
}

const samplingMark = "†";

/** What "±" means in the tables, in sentences. */
export function errorNote({ rows }: ExperimentSummary): string {
  const isSingle = ({ accuracy }: SummaryRow): boolean => accuracy.standardError === undefined;
  return [
    ...(rows.every(isSingle) ? [] : ["Figures are means over seeds, ± their standard error."]),
    ...(rows.some(isSingle)
      ? [`${samplingMark} One seed: ± is the binomial standard error of its test problems.`]
      : []),
  ].join(" ");
}

/** What every reader of the paired tests should know. */
export const testNote =
  "McNemar's exact test, two-sided, over the test problems of all seeds together, not corrected for the number of comparisons. " +
  "Where the seeds share one test file, the same problem counts once per seed, and p is too small.";
