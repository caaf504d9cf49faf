/** First stage: the problems and rationales of the run, generated or read from the user's files, written as JSONL. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { loadDataset } from "../../rationale/dataset.ts";
import { readRationales, writeRationales } from "../../rationale/rationale.ts";
import { normalizeGold } from "../../tasks/answers/answers.ts";
import { benchmarkSources, isBenchmark } from "../../tasks/benchmarks/sources.ts";
import { builtinTask, generateBuiltin } from "../../tasks/builtin/index.ts";
import type { AnswerKind, Problem, Rationale } from "../../tasks/problem.ts";
import type { FieldMapping } from "../../tasks/read/mapping.ts";
import { checkRegularFile } from "../../tasks/read/table.ts";
import { recordOfTrainFile, type TeacherRecord } from "../../teacher/record.ts";
import { inputError } from "../../util/errors.ts";
import type { Recipe } from "../config/schema.ts";
import { contentHash } from "../content-hash.ts";
import type { RunContext, RunData } from "../context.ts";
import { dataSettings, runStage } from "../run-folder.ts";

interface DataResult {
  train: number;
  dev: number;
  test: number;
  notes: string[];
  /** As the answer folder was when the data was read. */
  teacher?: TeacherRecord;
}

async function teacherOf({ recipe }: RunContext): Promise<TeacherRecord | undefined> {
  return recipe.data === undefined ? undefined : await recordOfTrainFile(recipe.data.train);
}

/** @throws SkipthinkError (exit 2) for files that are missing or wrong, naming file, line and remedy */
export async function dataStage(context: RunContext): Promise<RunData> {
  const { folder, recipe, reporter } = context;
  const about = describeTask(context);
  const inputs = { ...dataInputs(context), files: await fileHashes(context) };
  const title = "data";
  const { result, hash, cached } = await runStage<DataResult>(
    folder,
    "data",
    inputs,
    async () => {
      reporter.stage(title);
      const data = await makeData(context, about.answerKind);
      await writeRationales(folder.file("rationales.jsonl"), data.train);
      await folder.writeJsonLines(data.dev, "dev.jsonl");
      await folder.writeJsonLines(data.test, "test.jsonl");
      const teacher = await teacherOf(context);
      return {
        train: data.train.length,
        dev: data.dev.length,
        test: data.test.length,
        notes: data.notes,
        ...(teacher === undefined ? {} : { teacher }),
      };
    },
    ["rationales.jsonl", "dev.jsonl", "test.jsonl"],
  );
  if (cached) reporter.stageSkipped(title, "unchanged");
  for (const note of result.notes) reporter.note(note);
  return {
    ...about,
    hash,
    caseSensitive: recipe.data?.caseSensitive ?? true,
    train: await readRationales(folder.file("rationales.jsonl")),
    dev: await folder.readJsonLines<Problem>("dev.jsonl"),
    test: await folder.readJsonLines<Problem>("test.jsonl"),
    notes: result.notes,
    ...(result.teacher === undefined ? {} : { teacher: result.teacher }),
  };
}

function dataInputs({ recipe }: RunContext): object {
  return recipe.task !== undefined
    ? { task: recipe.task, seed: recipe.seed }
    : { data: dataSettings(recipe), seed: recipe.seed };
}

function describeTask({
  recipe,
}: RunContext): Pick<RunData, "answerKind" | "taskName" | "taskDescription" | "chance"> {
  if (recipe.task !== undefined) {
    const task = builtinTask(recipe.task.builtin);
    return {
      taskName: task.name,
      taskDescription: task.description,
      answerKind: task.answerKind,
      chance: task.chance,
    };
  }
  const { answerKind, chance } = recipe.data!;
  return {
    taskName: recipe.name,
    taskDescription: `Own data, answers read as ${answerKind}.`,
    answerKind,
    chance,
  };
}

async function fileHashes({ recipe }: RunContext): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const path of [recipe.data?.train, recipe.data?.dev, recipe.data?.test]) {
    if (path === undefined) continue;
    if (!existsSync(path)) {
      throw inputError(
        "the data file is not there",
        { file: path },
        missingDataRemedy(path, recipe.data!.answerKind),
      );
    }
    await checkRegularFile(path);
    hashes[path] = await contentHash(path);
  }
  return hashes;
}

/** A benchmark's files are made from those that its authors publish; files of other names come from elsewhere. */
function missingDataRemedy(path: string, answerKind: AnswerKind): string {
  const check = "Check data.train, data.dev and data.test in the recipe.";
  if (!isBenchmark(answerKind) || !["train.jsonl", "test.jsonl"].includes(basename(path))) return check;
  const { url } = benchmarkSources[answerKind];
  return `${check} skipthink tasks prepare ${answerKind} makes train.jsonl and test.jsonl from the authors' files (${url}), skipthink teach the rationales.`;
}

async function makeData(
  { recipe }: RunContext,
  answerKind: AnswerKind,
): Promise<{ train: Rationale[]; dev: Problem[]; test: Problem[]; notes: string[] }> {
  if (recipe.task !== undefined) {
    const { builtin, train, dev, test, wordiness, difficulty, rationalesPerProblem } = recipe.task;
    const made = generateBuiltin(builtin, { train, dev, test }, recipe.seed, {
      wordiness,
      difficulty,
      rationalesPerProblem,
    });
    return { ...made, notes: [] };
  }
  const { testFields: _own, ...spec } = recipe.data!;
  const loaded = await loadDataset({
    ...spec,
    testFields: testFieldsOf(recipe.data!),
    answerKind,
    seed: recipe.seed,
  });
  if (loaded.train.length === 0) {
    throw inputError(
      "the training file holds no rationales",
      { file: spec.train, key: "fields.rationale" },
      "Map data.fields.rationale to the field with the teacher's text.",
    );
  }
  if (loaded.test.length === 0) {
    throw inputError(
      "no test problem is left",
      { file: spec.test ?? spec.train, key: "data.test" },
      "Give a test file with problems, or a larger data.testShare.",
    );
  }
  if (loaded.dev.length === 0 && recipe.train.select === "best") {
    throw inputError(
      "no dev problem is left, so that no epoch can be chosen by it (questions of the test split are taken out of it)",
      { file: spec.dev ?? spec.train, key: "data.dev" },
      "Give dev questions that are not test questions, or a larger data.devShare; train.select=last takes the last epoch.",
    );
  }
  // The student learns to write the answer in the form in which it is read, e.g. C for (C).
  const train = loaded.train.map((rationale) => ({
    ...rationale,
    answer: normalizeGold(answerKind, rationale.answer) ?? rationale.answer,
  }));
  return { train, dev: loaded.dev, test: loaded.test, notes: loaded.notes };
}

/** Names of the fields in a test file. */
export function testFieldsOf({ fields, testFields }: NonNullable<Recipe["data"]>): FieldMapping {
  return { ...fields, ...definedOnly(testFields) };
}

/** Without the keys whose value is undefined, so that a spread does not erase what it overrides. */
function definedOnly<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
