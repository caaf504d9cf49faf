/**
 * Runs the cells of an experiment, several side by side. A finished cell is not run again; a failed one is remembered and
 * the others go on; one that follows another waits for it and takes its budget from its result.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MethodName } from "../method/baselines/plan.ts";
import { type LoadOptions, loadRecipe } from "../pipeline/config/load.ts";
import type { Recipe } from "../pipeline/config/schema.ts";
import { RunFolder, type RunManifest, recipeHash } from "../pipeline/run-folder.ts";
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import { cellInputs, type KnownHashes, noteEnd, noteStart } from "./cell-inputs.ts";
import { type CellResult, readCell } from "./cell-result.ts";
import { budgetOverrides, type Cell, checkFollowed } from "./grid.ts";

/** Starts one cell's run; resolves when it has ended, whatever its end. */
export type StartCell = (start: {
  cell: Cell;
  /** Run folder. */
  folder: string;
  overrides: readonly string[];
}) => Promise<{ code: number | null; message: string }>;

export interface RunCellsOptions {
  /** Path or shipped name of the recipe. */
  recipe: string;
  /** Folder that holds one run folder per cell. */
  folder: string;
  parallel: number;
  start: StartCell;
  load?: LoadOptions;
  /** Hashes that are known already; takes up those that are made. */
  known?: KnownHashes;
  stopRequested?: () => boolean;
  onEnd?: (end: CellEnd, done: number, total: number) => void;
}

export interface CellFailure {
  cell: Cell;
  message: string;
}

export type CellEnd =
  | { kind: "done"; result: CellResult; seconds: number }
  | { kind: "unchanged"; result: CellResult }
  | { kind: "failed"; failure: CellFailure };

export interface CellsOutcome {
  results: CellResult[];
  failures: CellFailure[];
  /** Stopped by the user before all cells were done. */
  interrupted: boolean;
}

/** @throws SkipthinkError (exit 2) for a recipe that is wrong in any cell, before anything is run */
export async function runCells(cells: readonly Cell[], options: RunCellsOptions): Promise<CellsOutcome> {
  for (const cell of cells) {
    await loadRecipe(options.recipe, cell.overrides, options.load);
    await checkFollowed(cell, cells, options);
  }
  const finished = new Map<string, CellResult>();
  const failed = new Map<string, CellFailure>();
  const known: KnownHashes = options.known ?? new Map();
  const waiting = [...cells];
  const stopRequested = options.stopRequested ?? (() => false);
  let interrupted = false;

  const takeReady = (): Cell | undefined => {
    const index = waiting.findIndex(({ follows }) => {
      return follows === undefined || finished.has(follows.id) || failed.has(follows.id);
    });
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  };
  const work = async (cell: Cell): Promise<void> => {
    const run = runCell(cell, finished, known, options);
    const end = await run.catch((error: unknown): CellEnd | "interrupted" => {
      if (isInterruption(error)) return "interrupted";
      if (!isOfOneCell(error)) throw error;
      return { kind: "failed", failure: { cell, message: messageOf(error) } };
    });
    if (end === "interrupted") {
      interrupted = true;
      return;
    }
    if (end.kind === "failed") failed.set(cell.id, end.failure);
    else finished.set(cell.id, end.result);
    options.onEnd?.(end, finished.size + failed.size, cells.length);
  };

  const running = new Set<Promise<void>>();
  while (true) {
    while (running.size < options.parallel && !interrupted && !stopRequested()) {
      const cell = takeReady();
      if (cell === undefined) break;
      const task: Promise<void> = work(cell).finally(() => running.delete(task));
      running.add(task);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  return {
    results: cells.flatMap(({ id }) => finished.get(id) ?? []),
    failures: cells.flatMap(({ id }) => failed.get(id) ?? []),
    interrupted: interrupted || waiting.length > 0,
  };
}

async function runCell(
  cell: Cell,
  finished: ReadonlyMap<string, CellResult>,
  known: KnownHashes,
  options: RunCellsOptions,
): Promise<CellEnd> {
  const overrides = [...cell.overrides, ...followedBudget(cell, finished)];
  const { recipe } = await loadRecipe(options.recipe, overrides, options.load);
  const folder = join(options.folder, cell.id);
  if (cell.follows !== undefined && (await hasAnotherBudget(folder, recipe)))
    await rm(folder, { recursive: true });
  const before = await readCell(folder, cell, recipe, known);
  if (before !== undefined) return { kind: "unchanged", result: before };
  const inputs = await cellInputs(recipe, known);
  await noteStart(folder);
  const started = performance.now();
  const { code, message } = await options.start({ cell, folder, overrides });
  const seconds = (performance.now() - started) / 1000;
  if (code === exitCodes.interrupted)
    throw new SkipthinkError("interrupted", { exitCode: exitCodes.interrupted });
  if (code === 0) await noteEnd(folder, inputs, recipe, known, options.parallel);
  const result = code === 0 ? await readCell(folder, cell, recipe, known) : undefined;
  if (result !== undefined) return { kind: "done", result, seconds };
  const reason = code === 0 ? "the run ended without a result" : `exit code ${code ?? "none"}`;
  return { kind: "failed", failure: { cell, message: message === "" ? reason : message } };
}

/**
 * Whether a folder holds a run of this recipe with another budget: for a cell that follows, one made before the run that it follows was
 * made anew, from changed data say.
 */
async function hasAnotherBudget(path: string, recipe: Recipe): Promise<boolean> {
  const manifest = await new RunFolder(path).readJson<RunManifest>("run.json");
  if (manifest === undefined || manifest.recipeHash === recipeHash(recipe)) return false;
  const { budget } = recipe.train;
  return (
    recipeHash({ ...manifest.recipe, train: { ...manifest.recipe.train, budget } }) === recipeHash(recipe)
  );
}

/**
 * Overrides with the budget of a following cell; none for the others.
 * @throws SkipthinkError where the cell that it follows has failed, or has no such method
 */
export function followedBudget(cell: Cell, finished: ReadonlyMap<string, CellResult>): string[] {
  if (cell.follows === undefined) return [];
  const { id, equal } = cell.follows;
  const first = finished.get(id);
  if (first === undefined) throw new SkipthinkError(`it follows ${id}, which failed`);
  const used = first.methods[equal.as as MethodName]?.[equal.unit];
  if (used === undefined)
    throw new SkipthinkError(`it takes the budget of ${equal.as}, which ${id} did not train`, {
      remedy: `Add ${equal.as} to methods, or name another method in experiment.equal.`,
    });
  return budgetOverrides(equal, used);
}

function isInterruption(error: unknown): boolean {
  return error instanceof SkipthinkError && error.exitCode === exitCodes.interrupted;
}

/** What is wrong with one cell, or what the system refuses it, such as a file, need not stop the others. */
export function isOfOneCell(error: unknown): error is Error {
  return error instanceof SkipthinkError || (error instanceof Error && "syscall" in error);
}

function messageOf(error: Error): string {
  const { message } = error;
  const remedy = error instanceof SkipthinkError ? error.remedy : undefined;
  return remedy === undefined ? message : `${message}. ${remedy}`;
}
