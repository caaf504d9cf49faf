/** Where a command finds a student: a model folder, one of the students of a run folder, the package's base student or the hub. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MethodName } from "../../method/baselines/plan.ts";
import { overridePlace } from "../../pipeline/config/overrides.ts";
import { isPath } from "../../pipeline/config/paths.ts";
import { resolveModelFolder } from "../../pipeline/stages/student.ts";
import { inputError, SkipthinkError } from "../../util/errors.ts";
import { withPlace } from "./recipe-errors.ts";

/** What these commands take as a student, for their help. */
export const studentArgument = 'model folder, a run folder with --method, or "builtin:base"';

/** Students of a run folder; undefined where `path` is no run folder. */
async function studentsOf(path: string): Promise<string[] | undefined> {
  if (!existsSync(join(path, "run.json"))) return undefined;
  const folder = join(path, "students");
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.filter((name) => existsSync(join(folder, name, "skipthink.json")));
}

/** The model folder a command means. @throws SkipthinkError (exit 2) when a run folder is given without one of its methods */
export async function studentFolder(path: string, method: MethodName | undefined): Promise<string> {
  if (path !== "" && !isPath(path) && method === undefined) return await namedModel(path);
  if (!existsSync(path))
    throw inputError("there is no such folder", { file: path }, `Give a ${studentArgument}.`);
  const students = await studentsOf(path);
  if (students === undefined) {
    if (method === undefined) return path;
    throw inputError("that folder holds no run", { file: path }, "Leave --method out, or give a run folder.");
  }
  if (method !== undefined && students.includes(method)) return join(path, "students", method);
  throw inputError(
    method === undefined
      ? "that is a run folder with several students"
      : `that run has no student of ${method}`,
    { file: path },
    students.length === 0
      ? "No student of it is trained yet: run skipthink train."
      : `Choose one with --method: ${students.join(", ")}.`,
  );
}

/** A recipe would name it as student.model; here it stands on the command line. */
async function namedModel(name: string): Promise<string> {
  try {
    return await resolveModelFolder(name);
  } catch (error) {
    if (!(error instanceof SkipthinkError) || error.place.file !== undefined) throw error;
    throw withPlace(error, { file: overridePlace });
  }
}
