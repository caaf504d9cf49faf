/** Which checkpoints are kept, and which one a training goes on from. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Student } from "../../src/engine/engine.ts";
import { loadCheckpoint, saveCheckpoint, type TrainingPosition } from "../../src/pipeline/checkpoint.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-checkpoints-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const loaded: string[] = [];
const student = {
  saveCheckpoint: async (path: string) => void (await mkdir(path, { recursive: true })),
  loadCheckpoint: async (path: string) => void loaded.push(path),
} as Partial<Student> as Student;

const at = (inputs: string, step: number): TrainingPosition => ({
  ...{ inputs, step, epoch: 0, batch: step, trainedTokens: 0, seconds: 0, boundaries: undefined },
  ...{
    searchedEpoch: undefined,
    history: [],
    measured: [],
    best: undefined,
    bestOnTest: undefined,
    losses: undefined,
  },
});
const save = (inputs: string, step: number, keep = 1) =>
  saveCheckpoint(folder, student, at(inputs, step), keep);
const kept = async (): Promise<string[]> => (await readdir(folder)).sort();

test("the newest ones of a training are kept", async () => {
  for (const step of [5, 10, 15, 100]) await save("a", step, 2);
  expect(await kept()).toEqual(["checkpoint-100", "checkpoint-15"]);
});

test("those of an older training go, however far it came", async () => {
  await save("old data", 500);
  await save("new data", 50);
  expect(await kept()).toEqual(["checkpoint-50"]);
  expect(await loadCheckpoint(folder, student, "new data")).toEqual(
    JSON.parse(JSON.stringify(at("new data", 50))),
  );
  expect(loaded).toEqual([join(folder, "checkpoint-50")]);
  expect(await loadCheckpoint(folder, student, "old data")).toBeUndefined();
});

test("one without its position, written by a process that was killed, is neither used nor kept", async () => {
  await save("a", 10);
  await mkdir(join(folder, "checkpoint-20"));
  expect((await loadCheckpoint(folder, student, "a"))?.step).toBe(10);
  await save("a", 15);
  expect(await kept()).toEqual(["checkpoint-15"]);
});
