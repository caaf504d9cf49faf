/** What an experiment would run and take (`--dry-run`): each setting is estimated once, and counted for each of its seeds. */
import { join } from "node:path";
import type { Engine } from "../engine/engine.ts";
import { methodPlans } from "../method/baselines/methods.ts";
import { type LoadOptions, loadRecipe } from "../pipeline/config/load.ts";
import type { RunReporter } from "../pipeline/context.ts";
import { estimateRun, type RunEstimate } from "../pipeline/estimate.ts";
import type { KnownHashes } from "./cell-inputs.ts";
import { readCell } from "./cell-result.ts";
import { budgetOverrides, type Cell, checkFollowed, describeEqual, type EqualBudget } from "./grid.ts";
import { ownBudget } from "./summary.ts";

export interface SettingEstimate {
  setting: Readonly<Record<string, string>>;
  budget: string;
  methods: string[];
  /** Runs of this setting, one per seed, and how many of them are there already. */
  cells: number;
  finished: number;
  secondsPerCell: number;
}

export interface ExperimentEstimate {
  cells: number;
  finished: number;
  settings: SettingEstimate[];
  /** Of what is still to run, `parallel` cells at a time, if side by side each is as fast as alone. */
  totalSeconds: number;
}

export interface EstimateOptions {
  recipe: string;
  folder: string;
  parallel: number;
  /** Threads of each cell. */
  threads: number;
  load?: LoadOptions;
}

/** @throws SkipthinkError (exit 2) for the same faults as the experiment itself */
export async function estimateExperiment(
  cells: readonly Cell[],
  engine: Engine,
  reporter: RunReporter,
  options: EstimateOptions,
): Promise<ExperimentEstimate> {
  const settings = new Map<string, SettingEstimate>();
  const estimates = new Map<string, RunEstimate>();
  const known: KnownHashes = new Map();
  for (const cell of cells) {
    const budget = cell.follows === undefined ? ownBudget : describeEqual(cell.follows.equal);
    const key = JSON.stringify([cell.setting, budget]);
    let entry = settings.get(key);
    if (entry === undefined) {
      const followed = cell.follows === undefined ? undefined : estimates.get(cell.follows.id);
      if (cell.follows !== undefined) await checkFollowed(cell, cells, options);
      const used = followed === undefined ? undefined : usedBy(followed, cell.follows!.equal);
      const overrides = [
        ...cell.overrides,
        `threads=${options.threads}`,
        ...(cell.follows === undefined || used === undefined
          ? []
          : budgetOverrides(cell.follows.equal, used)),
      ];
      const { recipe } = await loadRecipe(options.recipe, overrides, options.load);
      reporter.note(`estimating ${cell.id}`);
      const estimate = await estimateRun(recipe, engine, reporter);
      estimates.set(cell.id, estimate);
      entry = {
        setting: cell.setting,
        budget,
        methods: [...recipe.methods],
        cells: 0,
        finished: 0,
        secondsPerCell: estimate.totalSeconds,
      };
      settings.set(key, entry);
    }
    entry.cells += 1;
    if (await isFinished(cell, options, known)) entry.finished += 1;
  }
  const all = [...settings.values()];
  const left = all.reduce((sum, one) => sum + one.cells - one.finished, 0);
  const seconds = all.reduce((sum, one) => sum + (one.cells - one.finished) * one.secondsPerCell, 0);
  return {
    cells: cells.length,
    finished: all.reduce((sum, one) => sum + one.finished, 0),
    settings: all,
    totalSeconds: seconds / Math.max(1, Math.min(options.parallel, left)),
  };
}

/** As a run counts it: a method's own training and those of the students that it starts from. */
function usedBy({ methods }: RunEstimate, { as, unit }: EqualBudget): number | undefined {
  const own = methods[as]?.[unit];
  const { startsFrom } = methodPlans[as];
  const before = startsFrom === undefined ? undefined : methods[startsFrom]?.[unit];
  return own === undefined ? undefined : own + (before ?? 0);
}

/** The recipe of a following cell is known only after the run it follows, so only the others' is compared. */
async function isFinished(
  cell: Cell,
  { recipe: path, folder, load }: EstimateOptions,
  known: KnownHashes,
): Promise<boolean> {
  const recipe =
    cell.follows === undefined ? (await loadRecipe(path, cell.overrides, load)).recipe : undefined;
  return (await readCell(join(folder, cell.id), cell, recipe, known)) !== undefined;
}
