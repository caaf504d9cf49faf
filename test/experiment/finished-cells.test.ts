import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { finishedCells } from "../../src/experiment/finished-cells.ts";
import { budgetOverrides, type GridSelection, gridCells } from "../../src/experiment/grid.ts";
import { runCells } from "../../src/experiment/run-cells.ts";
import { experimentSchema } from "../../src/pipeline/config/experiment.ts";
import { cli } from "../cli/run-cli.ts";
import { writeCell } from "./cells.ts";

let folder: string;
let recipe: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-grid-"));
  recipe = join(folder, "recipe.yaml");
  await writeFile(
    recipe,
    [
      "task: { train: 20, test: 4 }",
      "methods: [full, cwt-sbc]",
      "experiment:",
      "  seeds: [1, 2]",
      "  axes: { M: { two: [chunk.count=2], three: [chunk.count=3] } }",
      "  equal: [{ as: cwt-sbc, methods: [full] }]",
      "",
    ].join("\n"),
  );
});
afterEach(() => rm(folder, { recursive: true }));

const experiment = experimentSchema.parse({
  seeds: [1, 2],
  axes: { M: { two: ["chunk.count=2"], three: ["chunk.count=3"] } },
  equal: [{ as: "cwt-sbc", methods: ["full"] }],
});
const full = { correct: [true, false, true, false] };
const methods = { full, "cwt-sbc": { correct: [true, true, true, false], trainedTokens: 4321 } };
const cells = () => join(folder, "out/cells");

/** Runs a selection with fake runs and reads what the folder holds then. */
async function run(selection: GridSelection, stopAfter = Number.POSITIVE_INFINITY) {
  const selected = gridCells(experiment, selection);
  let started = 0;
  const outcome = await runCells(selected, {
    recipe,
    folder: cells(),
    parallel: 1,
    stopRequested: () => started >= stopAfter,
    async start({ cell, folder: at, overrides }) {
      started++;
      await writeCell(at, recipe, overrides, cell.follows === undefined ? methods : { full });
      return { code: 0, message: "" };
    },
  });
  const options = { recipe, folder: cells(), overrides: selection.overrides ?? [] };
  const { results, ...others } = await finishedCells(experiment, selected, outcome, options);
  return { ids: results.map(({ cell }) => cell.id), ...others };
}

describe("the cells that a folder holds", () => {
  it("are those of every selection that was run into it, in the order of the grid", async () => {
    const first = await run({ only: { M: ["three"] }, seeds: [1] });
    expect(first.ids).toEqual(["three-seed-1", "three-seed-1-trainedTokens-of-cwt-sbc"]);
    expect(first.unfinished).toHaveLength(6);
    const second = await run({ only: { M: ["two"] }, seeds: [1] });
    expect(second).toMatchObject({ ids: expect.arrayContaining(first.ids), notes: [] });
    expect(second.ids.map((id) => id.slice(0, 5))).toEqual(["two-s", "two-s", "three", "three"]);
    expect(second.unfinished.every((id) => id.includes("seed-2"))).toBe(true);
  });

  it("are also those of seeds beyond the recipe's, which nobody waits for", async () => {
    await run({ seeds: [7], only: { M: ["two"] } });
    const { ids, unfinished } = await run({ seeds: [1, 2] });
    expect(ids).toContain("two-seed-7");
    expect(ids).toHaveLength(10);
    expect(unfinished).toEqual([]);
  });

  it("are also those that a stopped command had not come to yet", async () => {
    await run({ seeds: [2] });
    const { ids, unfinished } = await run({ seeds: [1, 2] }, 1);
    expect(ids.filter((id) => id.includes("seed-2"))).toHaveLength(4);
    expect(unfinished).toHaveLength(3);
  });

  it("are not those whose inputs have changed since, nor those of another recipe, which are named", async () => {
    await run({});
    const note = join(cells(), "two-seed-1.inputs.json");
    const record = JSON.parse(await readFile(note, "utf8")) as object;
    await writeFile(note, JSON.stringify({ ...record, finished: false }));
    await writeCell(join(cells(), "three-seed-1"), recipe, ["chunk.count=9"], methods);
    const { ids, unfinished, notes } = await run({ seeds: [2] });
    expect(ids.every((id) => id.includes("seed-2"))).toBe(true);
    // With them goes what follows them.
    expect(unfinished).toHaveLength(4);
    expect(notes).toEqual([expect.stringMatching(/three-seed-1: .*run of another recipe/)]);
  });
});

it("a selection leaves the other cells in the tables and says what is missing", async () => {
  for (const seed of [1, 2]) {
    const [first, follower] = gridCells(experiment, { seeds: [seed], only: { M: ["two"] } });
    await writeCell(join(cells(), first!.id), recipe, first!.overrides, methods);
    const budget = budgetOverrides(follower!.follows!.equal, 4321);
    await writeCell(join(cells(), follower!.id), recipe, [...follower!.overrides, ...budget], { full });
  }
  const out = join(folder, "out");
  const words = ["experiment", recipe, "--out", out, "--only", "M=two", "--seeds", "1"];
  const { code, stdout, stderr } = await cli([...words, "--json"]);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ cells: 8, unfinished: { length: 4 } });
  const missing = "4 of 8 runs are finished; not yet: three-seed-1, ";
  expect(stderr).toContain(missing);
  const text = await readFile(join(out, "table.md"), "utf8");
  // The built-in task's chance comes from its recipe.
  expect(text).toContain("| two | cwt-sbc | recipe's | 2 | 75.0 ± 0.0 | 33.3 |");
  expect(text).toContain(missing);
  // The command that makes what is shown, not the last selection.
  expect(text).toContain(`experiment ${recipe} --out ${out}\``);
  expect(await readFile(join(out, "experiment.html"), "utf8")).toContain(missing);
});
