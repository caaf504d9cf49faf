/**
 * The run folder: where everything of a run lies, and which stages are done. A stage writes its files whole and then a
 * record `stages/<name>.json` with the hash of what it read; running again does only what changed.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { exitCodes, inputError, SkipthinkError } from "../util/errors.ts";
import { type FolderLock, lockFolder } from "../util/folder-lock.ts";
import type { Recipe } from "./config/schema.ts";
import { readJsonLines, writeJsonLines } from "./json-lines.ts";

/** What run.json says about a run. */
export interface RunManifest {
  format: 1;
  createdAt: string;
  /** Command line that made the folder. */
  command: string;
  versions: Record<string, string>;
  /** Hash of everything in the recipe that changes results. */
  recipeHash: string;
  recipe: Recipe;
}

const manifestName = "run.json";
const lockName = "run.lock";

export class RunFolder {
  readonly path: string;
  private lock: FolderLock | undefined;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /**
   * Keeps other processes from writing here, until `close`. A run whose terminal is gone may still go on.
   * @throws SkipthinkError (exit 2) naming the process that works in the folder
   */
  async claim(): Promise<void> {
    this.lock ??= await lockFolder(this.file(lockName), { activity: "is working on its run" });
  }

  /** Lets other processes write here. */
  async close(): Promise<void> {
    await this.lock?.release();
    this.lock = undefined;
  }

  readonly file = (...parts: string[]): string => join(this.path, ...parts);
  student(method: string): string {
    return this.file("students", method);
  }
  /** The same for a student that has been trained. @throws SkipthinkError (exit 2) where somebody has deleted it since */
  trainedStudent(method: string): string {
    const path = this.student(method);
    checkStudentIsThere(path, method);
    return path;
  }
  checkpoints(method: string): string {
    return this.file("checkpoints", method);
  }
  metrics(method: string): string {
    return this.file("metrics", `${method}.jsonl`);
  }
  /** Every search for chunks while the method is trained. */
  chunking(method: string): string {
    return this.file("chunking", `${method}.jsonl`);
  }

  async readJson<T>(...parts: string[]): Promise<T | undefined> {
    const path = this.file(...parts);
    if (!existsSync(path)) return undefined;
    try {
      return JSON.parse(await readFile(path, "utf8")) as T;
    } catch (cause) {
      throw new SkipthinkError("a file of the run folder is not valid JSON", {
        place: { file: path },
        remedy: "Delete that file; what it held is computed again.",
        cause,
      });
    }
  }

  async writeJson(value: unknown, ...parts: string[]): Promise<void> {
    await writeTextAtomically(this.file(...parts), JSON.stringify(value, null, 2) + "\n");
  }

  async readJsonLines<T>(...parts: string[]): Promise<T[]> {
    const values: T[] = [];
    for await (const value of readJsonLines<T>(this.file(...parts))) values.push(value);
    return values;
  }

  async writeJsonLines(values: Iterable<unknown>, ...parts: string[]): Promise<void> {
    await writeJsonLines(this.file(...parts), values);
  }
}

/** @throws SkipthinkError (exit 2) where the folder of a trained student, students/<method> of a run, has been deleted */
export function checkStudentIsThere(path: string, method: string): void {
  if (existsSync(join(path, "config.json"))) return;
  const record = resolve(path, "../../stages", `train-${method}.json`);
  throw inputError(
    `the student of ${method} is not there any more`,
    { file: path },
    `Put it back, or delete ${record} and go on with --resume to train it again.`,
  );
}

/** SHA-256 of a value's canonical JSON, 16 hex digits. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex").slice(0, 16);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** The parts of a recipe that change results; what is shown, and how many threads show it, does not. */
export function recipeHash(recipe: Recipe): string {
  const {
    name: _name,
    report: _report,
    methods: _methods,
    threads: _threads,
    // The engines agree, so a run may go on with the other one.
    engine: _engine,
    torch: _torch,
    experiment: _experiment,
    ...rest
  } = recipe;
  return hashOf({ ...rest, data: dataSettings(recipe) });
}

/** What a recipe says of its data, without the published figures that are only shown beside a run's own. */
export function dataSettings({ data }: Recipe): Recipe["data"] {
  return data === undefined ? undefined : { ...data, published: [] };
}

export interface OpenRunOptions {
  recipe: Recipe;
  command: string;
  versions: Record<string, string>;
  /** Go on with what is there. */
  resume: boolean;
}

/**
 * Opens or makes a run folder, and claims it: the caller closes it.
 * @throws SkipthinkError exit 2: the folder holds something else, a run and `resume` was not asked for, or none and it was;
 *   exit 5: the run there has another recipe; exit 2 as well where another process works in it
 */
export async function openRunFolder(path: string, options: OpenRunOptions): Promise<RunFolder> {
  const folder = new RunFolder(path);
  const hash = recipeHash(options.recipe);
  const present = await entriesOf(folder.path);
  // A mistyped path would start a whole run, and the one to go on with would look lost.
  if (options.resume && !present.includes(manifestName)) {
    throw inputError(
      "there is no run to go on with in that folder",
      { file: folder.path },
      "Check --out, or leave out --resume to start a new run there.",
    );
  }
  // A run that ended before anything was done, at a fault of its data say, stands in nobody's way.
  const isFresh = present.every((name) => [manifestName, lockName].includes(name));
  const existing = isFresh ? undefined : await readManifest(folder);
  if (existing === undefined) {
    if (!isFresh) {
      throw inputError(
        "the output folder is not empty and holds no run",
        { file: folder.path },
        "Give a new folder with --out.",
      );
    }
    return await claimed(folder, {
      format: 1,
      createdAt: new Date().toISOString(),
      command: options.command,
      versions: options.versions,
      recipeHash: hash,
      recipe: options.recipe,
    });
  }
  if (existing.recipeHash !== hash) {
    const changed = changedKeys(existing.recipe, options.recipe);
    throw new SkipthinkError(
      options.resume
        ? `the run in that folder has another recipe (${changed})`
        : `the output folder holds another run (${changed})`,
      {
        exitCode: options.resume ? exitCodes.resumeMismatch : exitCodes.usage,
        place: { file: folder.file(manifestName) },
        remedy: options.resume
          ? "Resume with the recipe and settings the run was started with, or give a new folder with --out."
          : "Give a new folder with --out.",
      },
    );
  }
  if (!options.resume) {
    throw inputError(
      "the output folder holds a run of this recipe already",
      { file: folder.file(manifestName) },
      "Add --resume to go on with it, or give a new folder with --out.",
    );
  }
  const isSame = hashOf(existing.recipe) === hashOf(options.recipe);
  return await claimed(folder, isSame ? undefined : { ...existing, recipe: options.recipe });
}

/** The folder for this process alone, with a new description if there is one. */
async function claimed(folder: RunFolder, manifest: RunManifest | undefined): Promise<RunFolder> {
  await folder.claim();
  try {
    if (manifest !== undefined) await folder.writeJson(manifest, manifestName);
  } catch (error) {
    await folder.close();
    throw error;
  }
  return folder;
}

/** @throws SkipthinkError (exit 2) for one that cannot be read: without it nobody knows what the rest was computed from */
async function readManifest(folder: RunFolder): Promise<RunManifest | undefined> {
  return await folder.readJson<RunManifest>(manifestName).catch((cause: unknown) => {
    if (!(cause instanceof SkipthinkError)) throw cause;
    throw inputError(
      "the run's description is damaged",
      { file: folder.file(manifestName) },
      "Give a new folder with --out; the students in this one can still be used.",
    );
  });
}

/** Names in a folder, none where there is no folder yet. @throws SkipthinkError (exit 2) for a file */
async function entriesOf(path: string): Promise<string[]> {
  if (!existsSync(path)) return [];
  if ((await stat(path)).isDirectory()) return await readdir(path);
  throw inputError("the output folder is a file", { file: path }, "Give a new folder with --out.");
}

/** The first few recipe keys that differ, for the message. */
function changedKeys(before: unknown, after: unknown, path = ""): string {
  const keys: string[] = [];
  const walk = (a: unknown, b: unknown, at: string): void => {
    if (hashOf({ v: a }) === hashOf({ v: b })) return;
    const bothObjects = [a, b].every((v) => typeof v === "object" && v !== null && !Array.isArray(v));
    if (!bothObjects) {
      keys.push(at);
      return;
    }
    const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      walk(left[key], right[key], at === "" ? key : `${at}.${key}`);
    }
  };
  walk(before, after, path);
  const shown = keys.slice(0, 4).join(", ");
  return keys.length > 4 ? `${shown} and ${keys.length - 4} more differ` : `${shown} differs`;
}

interface StageRecord<T> {
  inputs: string;
  seconds: number;
  result: T;
}

/**
 * Runs a stage unless its record says that it has run on the same inputs.
 * @param inputs everything the stage's result depends on; upstream stages by their inputs' hash
 * @param run writes the stage's files whole and returns what later stages need to know (small, JSON)
 * @param needed files that the caller reads afterwards: where somebody has deleted one, the stage runs again
 */
export async function runStage<T>(
  folder: RunFolder,
  name: string,
  inputs: unknown,
  run: (inputsHash: string) => Promise<T>,
  needed: readonly string[] = [],
): Promise<{ result: T; hash: string; cached: boolean }> {
  const hash = hashOf(inputs);
  const record = await folder.readJson<StageRecord<T>>("stages", `${name}.json`);
  const isThere = needed.every((file) => existsSync(join(folder.path, file)));
  if (record !== undefined && record.inputs === hash && isThere)
    return { result: record.result, hash, cached: true };
  const started = performance.now();
  // Its files are written over from here on: nobody may take them for the old result, should this stage be stopped.
  await rm(folder.file("stages", `${name}.json`), { force: true });
  const result = await run(hash);
  const seconds = (performance.now() - started) / 1000;
  await folder.writeJson(
    { inputs: hash, seconds, result } satisfies StageRecord<T>,
    "stages",
    `${name}.json`,
  );
  return { result, hash, cached: false };
}
