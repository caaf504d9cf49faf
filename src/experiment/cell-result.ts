/** What a finished cell's run folder says: the figures of its methods, and which test problems each got right. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { MethodName } from "../method/baselines/plan.ts";
import type { Recipe } from "../pipeline/config/schema.ts";
import { RunFolder, type RunManifest, recipeHash } from "../pipeline/run-folder.ts";
import type { MethodResult } from "../report/data.ts";
import { builtinTask } from "../tasks/builtin/index.ts";
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import { inputsChanged, type KnownHashes, sideBySide } from "./cell-inputs.ts";
import type { Cell } from "./grid.ts";

export interface CellResult {
  cell: Cell;
  /** Task as the run names it. */
  task: string;
  /** Accuracy of guessing, where it is known. */
  chance?: number;
  methods: Partial<Record<MethodName, MethodResult>>;
  skips: { share: number; precision?: number; recall?: number };
  /** Of the package and its engine, when the run began. */
  versions: Readonly<Record<string, string>>;
  /** Runs made side by side with it, where that was noted: latencies are measured under that load. */
  parallel?: number | undefined;
  /** Per method: problem id → right or wrong. */
  correct: Partial<Record<MethodName, ReadonlyMap<string, boolean>>>;
}

const resultSchema = z.object({
  task: z.string(),
  methods: z.record(z.string(), z.looseObject({ accuracy: z.number(), trainedTokens: z.number() })),
  skips: z.looseObject({ share: z.number() }),
});
const sampleSchema = z.object({ id: z.string(), correct: z.boolean() });

/**
 * Reads a cell's run folder.
 * @param known hashes that are known already, and takes up those that are made
 * @returns undefined where the run is not finished, lacks a method or the event files that the recipe asks for, or was made
 *   from other contents of its data files or its student's folder
 * @throws SkipthinkError (exit 5) where the folder holds a run of another recipe
 */
export async function readCell(
  path: string,
  cell: Cell,
  recipe: Recipe | undefined,
  known: KnownHashes = new Map(),
): Promise<CellResult | undefined> {
  const folder = new RunFolder(path);
  const manifest = await folder.readJson<RunManifest>("run.json");
  // A run without results is its own process's to judge: one that ended at a fault of its data may go on with another recipe.
  if (manifest === undefined || !existsSync(folder.file("results.json"))) return undefined;
  if (recipe !== undefined && manifest.recipeHash !== recipeHash(recipe))
    throw new SkipthinkError("the cell's folder holds a run of another recipe", {
      exitCode: exitCodes.resumeMismatch,
      place: { file: folder.file("run.json") },
      remedy: "Give the experiment a new folder with --out, or delete the cell's folder.",
    });
  const read = resultSchema.safeParse(await folder.readJson("results.json"));
  if (!read.success) return undefined;
  const results = read.data as unknown as Pick<CellResult, "task" | "methods" | "skips">;
  const methods = (recipe?.methods ?? Object.keys(results.methods)) as MethodName[];
  if (methods.some((name) => results.methods[name] === undefined)) return undefined;
  if (recipe?.report.tensorboard && !existsSync(join(path, "tensorboard"))) return undefined;
  const made = recipe ?? manifest.recipe;
  if (await inputsChanged(folder.path, made, known)) return undefined;
  const correct: CellResult["correct"] = {};
  for (const name of methods) {
    const samples = z
      .array(sampleSchema)
      .safeParse(await folder.readJsonLines("eval", `samples_${name}.jsonl`).catch(() => undefined));
    // A result without its samples is no finished run: it is made again, from what is there.
    if (!samples.success) return undefined;
    correct[name] = new Map(samples.data.map((sample) => [sample.id, sample.correct]));
  }
  const { task, skips } = results;
  const wanted = Object.fromEntries(methods.map((name) => [name, results.methods[name]!]));
  const chance = chanceOf(made);
  return {
    cell,
    task,
    ...(chance === undefined ? {} : { chance }),
    skips,
    methods: wanted,
    correct,
    versions: manifest.versions,
    parallel: await sideBySide(folder.path),
  };
}

function chanceOf({ task, data }: Recipe): number | undefined {
  return task === undefined ? data?.chance : builtinTask(task.builtin).chance;
}
