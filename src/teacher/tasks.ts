/** The tasks of a configuration with their questions read, each with a name of its own. */
import { basename, extname } from "node:path";
import { readProblems } from "../rationale/problem-table.ts";
import type { Problem } from "../tasks/problem.ts";
import { inputError } from "../util/errors.ts";
import type { QuestionSet } from "./config.ts";

export interface TeachTask {
  name: string;
  set: QuestionSet;
  problems: Problem[];
}

/** @throws SkipthinkError (exit 2) for files that cannot be read, and for two tasks of one name */
export async function readTasks(
  sets: readonly QuestionSet[],
): Promise<{ tasks: TeachTask[]; notes: string[] }> {
  const tasks: TeachTask[] = [];
  const notes: string[] = [];
  for (const [index, set] of sets.entries()) {
    const name = set.name ?? nameOf(set.file);
    if (tasks.some((task) => task.name.toLowerCase() === name.toLowerCase())) {
      throw inputError(
        `two tasks are named "${name}"`,
        { key: `questions.${index}.name` },
        "Give each task a name of its own.",
      );
    }
    const { question, answer, id } = set.fields;
    const table = await readProblems({
      path: set.file,
      format: set.format,
      fields: { question, answer, ...(id === undefined ? {} : { id }) },
      answerKind: set.answerKind,
      caseSensitive: set.caseSensitive,
      role: "train",
      onBadRow: set.onBadRow,
    });
    notes.push(...table.notes);
    const problems = table.entries.map(({ problem }) => problem);
    tasks.push({ name, set, problems: problems.slice(0, set.limit ?? problems.length) });
  }
  return { tasks, notes };
}

/** A file's base name as a name of files, without what a file name should not hold. */
function nameOf(file: string): string {
  const base = basename(file, extname(file)).replace(/[^A-Za-z0-9._-]+/g, "-");
  return /^[A-Za-z0-9]/.test(base) ? base.slice(0, 100) : `task${base.slice(0, 96)}`;
}
