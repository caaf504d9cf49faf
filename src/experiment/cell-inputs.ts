/**
 * What a cell's results were made from: the contents of its data files and of its student's folder, noted in a file beside the
 * cell's folder when its run ends. The recipe names paths only, and a file may be changed in place.
 */
import { stat } from "node:fs/promises";
import { z } from "zod";
import type { Recipe } from "../pipeline/config/schema.ts";
import { contentHash, modelFolderHashes } from "../pipeline/content-hash.ts";
import { dataSettings, hashOf, RunFolder } from "../pipeline/run-folder.ts";
import { resolveModelFolder } from "../pipeline/stages/student.ts";
import { hubFolder, isHubModel } from "../students/hub.ts";
import { readJsonIfThere } from "../students/json-file.ts";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { SkipthinkError } from "../util/errors.ts";

/** Files that were hashed already, by path: each is read once in an experiment, however many cells use it. */
export type KnownHashes = Map<string, { stamp: string; hash: Promise<string> }>;

export interface CellInputs {
  /** Path → hash, without files that are not there. */
  data: Record<string, string>;
  /** Over all files of its folder; absent for random weights, and where the folder is not there. */
  student?: string | undefined;
}

const recordSchema = z.object({
  /** False from the start of a run to its good end: until then results in the folder may be those of other inputs. */
  finished: z.boolean(),
  data: z.record(z.string(), z.string()).default({}),
  student: z.string().optional(),
  /** Runs that were made side by side with this one. */
  parallel: z.number().int().positive().optional(),
});

const recordFile = (folder: string): string => `${folder}.inputs.json`;

async function writeRecord(folder: string, record: z.input<typeof recordSchema>): Promise<void> {
  await writeTextAtomically(recordFile(folder), `${JSON.stringify(record, null, 2)}\n`);
}

/** @throws SkipthinkError for a file whose contents are not what they were when it was read first */
export async function cellInputs(recipe: Recipe, known: KnownHashes): Promise<CellInputs> {
  const data: Record<string, string> = {};
  for (const path of dataFiles(recipe)) {
    const hash = await hashFile(path, known);
    if (hash !== undefined) data[path] = hash;
  }
  return { data, student: await studentHash(recipe, known) };
}

/** To be called before a cell's run starts. */
export async function noteStart(folder: string): Promise<void> {
  await writeRecord(folder, { finished: false });
}

/**
 * To be called when a cell's run has ended well.
 * @param before the inputs when it started
 * @param parallel runs side by side, this one included: latencies are measured under that load
 * @throws SkipthinkError where the inputs are others now
 */
export async function noteEnd(
  folder: string,
  before: CellInputs,
  recipe: Recipe,
  known: KnownHashes,
  parallel: number,
): Promise<void> {
  const inputs = await cellInputs(recipe, known);
  if (areOthers(before, inputs)) throw changedMeanwhile(recipe.student.model ?? "its data");
  await writeRecord(folder, { finished: true, ...inputs, parallel });
}

/** How many runs were made side by side with a finished one; undefined where that was not noted yet. */
export async function sideBySide(folder: string): Promise<number | undefined> {
  return (await readJsonIfThere(recordFile(folder), recordSchema))?.parallel;
}

/** Whether the results in a cell's folder were made from other data or another student than are there now. */
export async function inputsChanged(folder: string, recipe: Recipe, known: KnownHashes): Promise<boolean> {
  const record = await readJsonIfThere(recordFile(folder), recordSchema);
  const now = await cellInputs(recipe, known);
  if (record === undefined) return await dataChanged(folder, recipe, now);
  return !record.finished || areOthers(record, now);
}

/**
 * The same for a cell that finished before there were such records. The record of its data stage holds a hash of its data
 * files with their settings; of the student nothing can be compared. Neither can the data where that record or a file is
 * not there, so such a cell counts as finished.
 */
async function dataChanged(folder: string, recipe: Recipe, { data: files }: CellInputs): Promise<boolean> {
  const { data, seed } = recipe;
  if (dataFiles(recipe).some((path) => files[path] === undefined)) return false;
  const stage = await new RunFolder(folder).readJson<{ inputs: string }>("stages", "data.json");
  const inputs = hashOf({ data: dataSettings(recipe), seed, files });
  return data !== undefined && stage !== undefined && stage.inputs !== inputs;
}

/** What only one of them has cannot be compared. */
function areOthers(one: CellInputs, other: CellInputs): boolean {
  const differ = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && a !== b;
  return (
    differ(one.student, other.student) ||
    Object.entries(one.data).some(([path, hash]) => differ(hash, other.data[path]))
  );
}

function dataFiles({ data }: Recipe): string[] {
  return [data?.train, data?.dev, data?.test].filter((path) => path !== undefined);
}

async function studentHash({ student }: Recipe, known: KnownHashes): Promise<string | undefined> {
  const folder = student.model == null ? undefined : await modelFolder(student.model);
  if (folder === undefined) return undefined;
  const hashes = await modelFolderHashes(folder, (path) => hashFile(path, known)).catch(() => ({}));
  return Object.keys(hashes).length === 0 ? undefined : hashOf(hashes);
}

/** undefined for a model that is not on this machine: its run says so, or downloads it. */
async function modelFolder(model: string): Promise<string | undefined> {
  const folder = isHubModel(model)
    ? hubFolder(model, { environment: { ...process.env, HF_HUB_OFFLINE: "1" } })
    : resolveModelFolder(model);
  return await folder.catch(() => undefined);
}

async function hashFile(path: string, known: KnownHashes): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const stamp = `${found.size} ${found.mtimeMs}`;
  const first = known.get(path);
  if (first?.stamp === stamp) return await first.hash;
  const hash = contentHash(path);
  if (first === undefined) known.set(path, { stamp, hash });
  else if ((await first.hash) === (await hash)) first.stamp = stamp;
  else throw changedMeanwhile(path);
  return await hash;
}

function changedMeanwhile(what: string): SkipthinkError {
  return new SkipthinkError(`${what} was changed while the experiment ran`, {
    remedy: "Run the same command again: runs that read the old contents are made anew.",
  });
}
