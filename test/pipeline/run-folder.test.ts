/** Who may open a run folder: a run that has done nothing yet stands in nobody's way, one that has is kept. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadRecipe } from "../../src/pipeline/config/load.ts";
import { openRunFolder, runStage } from "../../src/pipeline/run-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-run-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const claim = async (seed: number, resume = false) => {
  const { recipe } = await loadRecipe("demo", [`seed=${seed}`]);
  return await openRunFolder(folder, { recipe, command: "skipthink demo", versions: {}, resume });
};
/** As a run that has ended. */
const open = async (seed: number, resume = false) => {
  const run = await claim(seed, resume);
  await run.close();
  return run;
};
const seedInFolder = async (): Promise<number> =>
  (JSON.parse(await readFile(join(folder, "run.json"), "utf8")) as { recipe: { seed: number } }).recipe.seed;

describe("openRunFolder", () => {
  test.each([false, true])(
    "takes over a run that ended before its first stage (resume: %s)",
    async (resume) => {
      await open(1);
      await open(2, resume);
      expect(await seedInFolder()).toBe(2);
    },
  );

  test("does not take a mistyped path for a run to go on with", async () => {
    await expect(open(1, true)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("no run to go on with"),
      remedy: expect.stringContaining("--out"),
    });
  });

  test("keeps a second process out while the first works", async () => {
    const first = await claim(1);
    await writeFile(join(folder, "rationales.jsonl"), "");
    await expect(claim(1, true)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/is in use: process \d+ on \S+ is working on its run/),
      remedy: expect.stringContaining("run.lock"),
    });
    await first.close();
    const second = await claim(1, true);
    await second.close();
  });

  test("takes over a damaged description with nothing beside it", async () => {
    await writeFile(join(folder, "run.json"), '{"format": 1,');
    await open(3);
    expect(await seedInFolder()).toBe(3);
  });

  test("refuses another recipe once there is something to lose", async () => {
    await open(1);
    await writeFile(join(folder, "rationales.jsonl"), "");
    await expect(open(2)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("seed differs"),
    });
    await expect(open(2, true)).rejects.toMatchObject({ exitCode: 5 });
    await expect(open(1)).rejects.toMatchObject({ exitCode: 2, remedy: expect.stringContaining("--resume") });
    await open(1, true);
    expect(await seedInFolder()).toBe(1);
  });

  test("refuses a damaged description beside results, and leaves both", async () => {
    await open(1);
    await writeFile(join(folder, "rationales.jsonl"), "");
    await writeFile(join(folder, "run.json"), "{");
    await expect(open(1, true)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("damaged"),
      remedy: expect.stringContaining("new folder"),
    });
    expect(await readFile(join(folder, "run.json"), "utf8")).toBe("{");
  });
});

describe("runStage", () => {
  test("does not take a stage for done whose files another, stopped one has begun to write over", async () => {
    const run = await open(1);
    let runs = 0;
    const stage = (data: string, work: () => void = () => {}) =>
      runStage(run, "train", { data }, async () => {
        runs += 1;
        work();
        return data;
      });
    await stage("old");
    expect(await stage("old")).toMatchObject({ cached: true, result: "old" });
    const stopped = stage("new", () => {
      throw new Error("stopped");
    });
    await expect(stopped).rejects.toThrow("stopped");
    expect(await stage("old")).toMatchObject({ cached: false, result: "old" });
    expect(runs).toBe(3);
  });
});
