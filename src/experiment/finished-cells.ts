/**
 * Which cells of the whole grid an experiment's folder holds, however many commands have made them. A selection of tasks or
 * seeds decides what is run; the tables show all that is finished.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Experiment } from "../pipeline/config/experiment.ts";
import { loadRecipe } from "../pipeline/config/load.ts";
import type { KnownHashes } from "./cell-inputs.ts";
import { type CellResult, readCell } from "./cell-result.ts";
import { someOf } from "./figures.ts";
import { type Cell, gridCells } from "./grid.ts";
import { type CellsOutcome, followedBudget, isOfOneCell, type RunCellsOptions } from "./run-cells.ts";

export interface GridResults {
  /** Finished cells, in the order of the grid. */
  results: CellResult[];
  /** Ids of the other cells. */
  unfinished: string[];
  /** Why cells whose folders are there are left out. */
  notes: string[];
}

export interface FinishedCellsOptions extends Pick<RunCellsOptions, "recipe" | "folder" | "load"> {
  /** Overrides from the command line, which every cell has. */
  overrides: readonly string[];
  known?: KnownHashes;
}

/**
 * The grid is the recipe's, with the seeds that were selected beyond it. Cells of other seeds were asked for by an earlier
 * command: they count where they are finished, and nobody waits for them.
 * @param selected the cells that were run just now, with what became of them
 */
export async function finishedCells(
  experiment: Experiment,
  selected: readonly Cell[],
  { results, failures }: Pick<CellsOutcome, "results" | "failures">,
  options: FinishedCellsOptions,
): Promise<GridResults> {
  const wanted = new Set([...experiment.seeds, ...selected.map(({ seed }) => seed)]);
  const seeds = [...new Set([...wanted, ...(await seedsIn(options.folder))])];
  const grid = gridCells(experiment, { seeds, overrides: options.overrides });
  const finished = new Map(results.map((result) => [result.cell.id, result]));
  const failed = new Set(failures.map(({ cell }) => cell.id));
  const known: KnownHashes = options.known ?? new Map();
  const reasons = new Map<string, string[]>();
  for (const cell of grid) {
    if (finished.has(cell.id) || failed.has(cell.id)) continue;
    try {
      const result = await readFinished(cell, finished, known, options);
      if (result !== undefined) finished.set(cell.id, result);
    } catch (error) {
      if (!isOfOneCell(error)) throw error;
      reasons.set(error.message, [...(reasons.get(error.message) ?? []), cell.id]);
    }
  }
  return {
    results: grid.flatMap(({ id }) => finished.get(id) ?? []),
    unfinished: grid.filter(({ id, seed }) => wanted.has(seed) && !finished.has(id)).map(({ id }) => id),
    notes: [...reasons].map(([reason, ids]) => `left out of the tables: ${someOf(ids)}: ${reason}`),
  };
}

/** undefined for a cell that never ran or is not finished. @throws SkipthinkError where its folder holds a run of another recipe */
async function readFinished(
  cell: Cell,
  finished: ReadonlyMap<string, CellResult>,
  known: KnownHashes,
  { recipe: path, folder, load }: FinishedCellsOptions,
): Promise<CellResult | undefined> {
  const place = join(folder, cell.id);
  if (!existsSync(join(place, "run.json"))) return undefined;
  // Without the run that it follows nobody knows its budget, nor what to compare it with.
  if (cell.follows !== undefined && !finished.has(cell.follows.id)) return undefined;
  const overrides = [...cell.overrides, ...followedBudget(cell, finished)];
  const { recipe } = await loadRecipe(path, overrides, load);
  return await readCell(place, cell, recipe, known);
}

/** Seeds that the names of the cells' folders tell. */
async function seedsIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .map((name) => Number(name.match(/(?:^|-)seed-(\d{1,10})(?:-|$)/)?.[1]))
    .filter((seed) => seed <= 0xffff_ffff)
    .sort((a, b) => a - b);
}
