/** Where a command finds a student: a model folder, or one of the students of a run folder. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MethodName } from "../../method/baselines/plan.ts";
import { inputError } from "../../util/errors.ts";

/** Students of a run folder; undefined where `path` is no run folder. */
async function studentsOf(path: string): Promise<string[] | undefined> {
  if (!existsSync(join(path, "run.json"))) return undefined;
  const folder = join(path, "students");
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.filter((name) => existsSync(join(folder, name, "skipthink.json")));
}

/** The model folder a command means. @throws SkipthinkError (exit 2) when a run folder is given without one of its methods */
export async function studentFolder(path: string, method: MethodName | undefined): Promise<string> {
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
