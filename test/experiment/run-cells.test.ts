import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cellInputs, type KnownHashes } from "../../src/experiment/cell-inputs.ts";
import { gridCells } from "../../src/experiment/grid.ts";
import { type CellEnd, runCells, type StartCell } from "../../src/experiment/run-cells.ts";
import { experimentSchema } from "../../src/pipeline/config/experiment.ts";
import { loadRecipe } from "../../src/pipeline/config/load.ts";
import type { RunContext } from "../../src/pipeline/context.ts";
import { RunFolder } from "../../src/pipeline/run-folder.ts";
import { dataStage } from "../../src/pipeline/stages/data.ts";
import { type FakeMethod, writeCell } from "./cells.ts";

let folder: string;
let recipe: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-cells-"));
  recipe = join(folder, "recipe.yaml");
  await writeFile(recipe, "task: { train: 20, test: 4 }\nmethods: [full, cwt-sbc]\n");
});
afterEach(() => rm(folder, { recursive: true }));

const experiment = experimentSchema.parse({
  seeds: [1, 2],
  axes: { M: { "2": ["chunk.count=2"], "3": ["chunk.count=3"] } },
  equal: [{ as: "cwt-sbc", methods: ["full"] }],
});
const methods: Record<string, FakeMethod> = {
  full: { correct: [true, false, true, false] },
  "cwt-sbc": { correct: [true, true, true, false], trainedTokens: 4321 },
};

/** Runs that write what a real one would; the first `together` of them wait until so many run side by side. */
function fakeRuns(
  spoil: (id: string) => Awaited<ReturnType<StartCell>> | undefined = () => undefined,
  together = 1,
) {
  const started: string[] = [];
  let running = 0;
  let most = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((done) => {
    open = done;
  });
  const start: StartCell = async ({ cell, folder: at, overrides }) => {
    started.push(cell.id);
    most = Math.max(most, ++running);
    if (running >= together) open();
    await gate;
    running--;
    const end = spoil(cell.id);
    if (end !== undefined) return end;
    await writeCell(at, recipe, overrides, cell.follows === undefined ? methods : { full: methods.full! });
    return { code: 0, message: "" };
  };
  return { started, start, most: () => most };
}

const run = (start: StartCell, more: Partial<Parameters<typeof runCells>[1]> = {}) =>
  runCells(gridCells(experiment), { recipe, folder: join(folder, "cells"), parallel: 3, start, ...more });

describe("runCells", () => {
  it("runs every cell once, side by side, and none a second time", async () => {
    const first = fakeRuns(undefined, 3);
    const outcome = await run(first.start);
    expect(outcome).toMatchObject({ failures: [], interrupted: false });
    expect(outcome.results).toHaveLength(8);
    expect(new Set(first.started).size).toBe(8);
    expect(first.most()).toBe(3);
    const again = fakeRuns();
    const ends: CellEnd[] = [];
    const second = await run(again.start, { onEnd: (end) => ends.push(end) });
    expect(again.started).toEqual([]);
    expect(second.results).toEqual(outcome.results);
    expect(ends.map(({ kind }) => kind)).toEqual(Array(8).fill("unchanged"));
  });

  it("gives a following run the budget that the first one used, after it", async () => {
    const { started, start } = fakeRuns();
    const seen = new Map<string, readonly string[]>();
    await run(async (one) => {
      seen.set(one.cell.id, one.overrides);
      return await start(one);
    });
    const id = "2-seed-1-trainedTokens-of-cwt-sbc";
    expect(started.indexOf(id)).toBeGreaterThan(started.indexOf("2-seed-1"));
    expect(seen.get(id)).toContain("train.budget={unit: trainedTokens, amount: 4321}");
  });

  it("loses nothing to a failed cell but what follows it, and runs only those again", async () => {
    const failing = fakeRuns((id) => (id === "3-seed-1" ? { code: 1, message: "out of memory" } : undefined));
    const outcome = await run(failing.start);
    expect(outcome.results).toHaveLength(6);
    expect(outcome.failures.map(({ cell, message }) => [cell.id, message])).toEqual([
      ["3-seed-1", "out of memory"],
      ["3-seed-1-trainedTokens-of-cwt-sbc", "it follows 3-seed-1, which failed"],
    ]);
    const again = fakeRuns();
    expect((await run(again.start)).failures).toEqual([]);
    expect(again.started).toEqual(["3-seed-1", "3-seed-1-trainedTokens-of-cwt-sbc"]);
  });

  it("reports a run that ends well but leaves nothing, and a folder with another recipe", async () => {
    const silent = fakeRuns(() => ({ code: 0, message: "" }));
    const { failures } = await run(silent.start);
    expect(failures[0]!.message).toBe("the run ended without a result");
    // Without results it may have ended at a fault that the recipe is mended of: its own process decides.
    const place = join(folder, "cells/2-seed-1");
    await writeCell(place, recipe, ["chunk.count=9"], methods);
    await rm(join(place, "results.json"));
    expect((await run(silent.start)).failures[0]!.message).toBe("the run ended without a result");
    await writeCell(place, recipe, ["chunk.count=9"], methods);
    const other = await run(fakeRuns().start);
    expect(other.failures[0]!.message).toMatch(/run of another recipe/);
    expect(other.failures).toHaveLength(2);
  });

  it("loses no other cell to what the system refuses one", async () => {
    const { start } = fakeRuns();
    const outcome = await run(async (one) => {
      if (one.cell.id === "2-seed-1") await readdir(join(folder, "nowhere"));
      return await start(one);
    });
    expect(outcome.failures[0]!.message).toMatch(/^ENOENT.*nowhere/);
    expect(outcome.results).toHaveLength(6);
  });

  it("stops starting runs when asked to, and keeps what is there", async () => {
    const { started, start } = fakeRuns();
    const outcome = await run(start, { parallel: 1, stopRequested: () => started.length >= 3 });
    expect(started).toHaveLength(3);
    expect(outcome.interrupted).toBe(true);
    expect(outcome.results).toHaveLength(3);
    const stopped = await run(async () => ({ code: 130, message: "stopped" }));
    expect(stopped).toMatchObject({ interrupted: true, failures: [] });
  });

  it("finds a fault of any cell's recipe before it runs the first", async () => {
    const wrong = experimentSchema.parse({ seeds: [1], axes: { M: { "2": [], no: ["chunk.count=0"] } } });
    const { started, start } = fakeRuns();
    const cells = gridCells(wrong);
    await expect(
      runCells(cells, { recipe, folder: join(folder, "cells"), parallel: 1, start }),
    ).rejects.toMatchObject({ exitCode: 2, place: { key: "chunk.count" } });
    expect(started).toEqual([]);
    expect(await readdir(folder)).toEqual(["recipe.yaml"]);
  });

  it("finds out before the first run that none will train the method whose budget others take", async () => {
    const { started, start } = fakeRuns();
    const cells = gridCells(experiment, { overrides: ["methods=[answer-only, full]"] });
    await expect(
      runCells(cells, { recipe, folder: join(folder, "cells"), parallel: 1, start }),
    ).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining("the budget of cwt-sbc") });
    expect(started).toEqual([]);
  });
});

describe("a finished cell", () => {
  const plain = experimentSchema.parse({ seeds: [1, 2] });
  const ids = gridCells(plain).map(({ id }) => id);
  const train = () => join(folder, "train.jsonl");
  const weights = () => join(folder, "student/model.safetensors");
  beforeEach(async () => {
    await writeFile(
      recipe,
      "data: { train: train.jsonl, answerKind: number }\nstudent: { model: ./student }\nmethods: [full, cwt-sbc]\n",
    );
    await writeRows(10);
    await mkdir(join(folder, "student"));
    await writeFile(join(folder, "student/config.json"), "{}");
    await writeFile(weights(), "weights");
  });
  const writeRows = async (count: number): Promise<void> => {
    const rows = Array.from({ length: count }, (_, i) =>
      JSON.stringify({ question: `What is ${i} + 2?`, rationale: `It is ${i + 2}.`, answer: `${i + 2}` }),
    );
    await writeFile(train(), `${rows.join("\n")}\n`);
  };
  const runPlain = (start: StartCell) =>
    runCells(gridCells(plain), { recipe, folder: join(folder, "cells"), parallel: 1, start });
  /** Ids of the cells that are run. */
  const runAgain = async (): Promise<string[]> => {
    const { started, start } = fakeRuns();
    expect((await runPlain(start)).failures).toEqual([]);
    return started;
  };

  it("is run again when its data or its student has other contents under the same name, and only then", async () => {
    expect(await runAgain()).toEqual(ids);
    expect(await runAgain()).toEqual([]);
    await writeRows(11);
    expect(await runAgain()).toEqual(ids);
    expect(await runAgain()).toEqual([]);
    await writeFile(weights(), "WEIGHTS");
    expect(await runAgain()).toEqual(ids);
    expect(await runAgain()).toEqual([]);
    // Nothing can be compared: the results stay.
    await rm(train());
    await rm(join(folder, "student"), { recursive: true });
    expect(await runAgain()).toEqual([]);
  });

  it("takes those that follow it along, whose budget is another then", async () => {
    const grid = gridCells(
      experimentSchema.parse({ seeds: [1], equal: [{ as: "cwt-sbc", methods: ["full"] }] }),
    );
    const runWith = async (trainedTokens: number): Promise<string[]> => {
      const started: string[] = [];
      const start: StartCell = async ({ cell, folder: at, overrides }) => {
        started.push(cell.id);
        const cwt = { ...methods["cwt-sbc"]!, trainedTokens };
        const both = { full: methods.full!, "cwt-sbc": cwt };
        await writeCell(at, recipe, overrides, cell.follows === undefined ? both : { full: methods.full! });
        return { code: 0, message: "" };
      };
      const { failures } = await runCells(grid, {
        recipe,
        folder: join(folder, "cells"),
        parallel: 1,
        start,
      });
      expect(failures).toEqual([]);
      return started;
    };
    expect(await runWith(1000)).toHaveLength(2);
    expect(await runWith(2000)).toEqual([]);
    await writeRows(11);
    expect(await runWith(2000)).toHaveLength(2);
    expect(await runWith(2000)).toEqual([]);
  });

  it("does not count with its old results where the run on new data came to no end", async () => {
    await runAgain();
    await writeRows(11);
    const { results } = await runPlain(async () => ({ code: 1, message: "killed" }));
    expect(results).toEqual([]);
    expect(await runAgain()).toEqual(ids);
  });

  it("of before there were records is compared by its data stage, and counts where that is not there", async () => {
    await runAgain();
    const folders = ids.map((id) => join(folder, "cells", id));
    for (const path of folders) await rm(`${path}.inputs.json`);
    expect(await runAgain()).toEqual([]);
    for (const [index, path] of folders.entries()) {
      const loaded = await loadRecipe(recipe, gridCells(plain)[index]!.overrides);
      const reporter = { stage: () => undefined, note: () => undefined } as unknown as RunContext["reporter"];
      const context = { recipe: loaded.recipe, folder: new RunFolder(path), reporter };
      await dataStage(context as RunContext);
    }
    expect(await runAgain()).toEqual([]);
    await writeRows(11);
    expect(await runAgain()).toEqual(ids);
  });

  it("does not stand beside one that read other data because a file was changed meanwhile", async () => {
    const { start } = fakeRuns();
    const outcome = await runPlain(async (one) => {
      const end = await start(one);
      if (one.cell.seed === 1) await writeRows(12);
      return end;
    });
    expect(outcome.results).toEqual([]);
    expect(outcome.failures).toHaveLength(2);
    expect(outcome.failures[0]!.message).toContain(`${train()} was changed while the experiment ran`);
    expect(await runAgain()).toEqual(ids);
  });

  it("costs no second reading of a file", async () => {
    const loaded = await loadRecipe(recipe);
    const known: KnownHashes = new Map();
    const inputs = await cellInputs(loaded.recipe, known);
    const hashes = [...known.values()];
    expect([...known.keys()]).toEqual([train(), join(folder, "student/config.json"), weights()]);
    expect(await cellInputs(loaded.recipe, known)).toEqual(inputs);
    expect([...known.values()].every((one, index) => one === hashes[index])).toBe(true);
  });
});
