import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { budgetOverrides, gridCells } from "../../src/experiment/grid.ts";
import { experimentSchema } from "../../src/pipeline/config/experiment.ts";
import { loadRecipe } from "../../src/pipeline/config/load.ts";

const experiment = experimentSchema.parse({
  seeds: [1, 2],
  axes: {
    task: { coin_flip: ["task.builtin=coin_flip"], dates: ["task.builtin=date_understanding"] },
    M: { "2": ["chunk.count=2"], "4": ["chunk.count=4", "items.stageWeight=2"] },
  },
  equal: [{}],
});

describe("gridCells", () => {
  it("is the product of axes and seeds, the first seed first, each followed by its equal-budget run", () => {
    const cells = gridCells(experiment, { overrides: ["task.train=9"] });
    expect(cells).toHaveLength(2 * 2 * 2 * 2);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
    expect(cells.slice(0, 8).every(({ seed }) => seed === 1)).toBe(true);
    expect(cells[0]).toEqual({
      id: "coin_flip-2-seed-1",
      setting: { task: "coin_flip", M: "2" },
      seed: 1,
      overrides: ["experiment=null", "task.train=9", "task.builtin=coin_flip", "chunk.count=2", "seed=1"],
    });
    expect(cells[1]).toMatchObject({
      id: "coin_flip-2-seed-1-trainedTokens-of-cwt-sbc",
      overrides: [...cells[0]!.overrides, "methods=[full]"],
      follows: { id: cells[0]!.id, equal: { unit: "trainedTokens", as: "cwt-sbc" } },
    });
  });

  it("keeps paths of an axis with the recipe, though a cell's overrides count as the command line's", async () => {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-grid-"));
    try {
      const path = join(folder, "grid.yaml");
      const axis = `{ near: [data.train=near.jsonl], far: ['data.train="\${FAR:-/far}/far.jsonl"'] }`;
      await writeFile(
        path,
        `data: { train: own.jsonl }\nexperiment: { seeds: [1], axes: { set: ${axis} } }\n`,
      );
      const load = { environment: {}, workingFolder: "/elsewhere" };
      const { recipe } = await loadRecipe(path, [], load);
      const trains: (string | undefined)[] = [];
      for (const { overrides } of gridCells(recipe.experiment!))
        trains.push((await loadRecipe(path, overrides, load)).recipe.data?.train);
      expect(trains).toEqual([join(folder, "near.jsonl"), "/far/far.jsonl"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("runs only the values and seeds that are asked for", () => {
    const cells = gridCells(experiment, { seeds: [7, 7], only: { M: ["4"] } });
    expect(cells.filter(({ follows }) => follows === undefined).map(({ id }) => id)).toEqual([
      "coin_flip-4-seed-7",
      "dates-4-seed-7",
    ]);
  });

  it("knows what was meant by a value or an axis that is not there", () => {
    expect(() => gridCells(experiment, { only: { task: ["coin_flop"] } })).toThrow(
      expect.objectContaining({ exitCode: 2, remedy: expect.stringMatching(/^Did you mean "coin_flip"/) }),
    );
    expect(() => gridCells(experiment, { only: { N: ["2"] } })).toThrow(/has no "N"/);
  });

  it("refuses names that would share a folder, and grids that are a slip of the pen", () => {
    const same = experimentSchema.parse({ axes: { a: { "x y": [], "x+y": [] } } });
    expect(() => gridCells(same)).toThrow(/same folder/);
    const values = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`v${i}`, []]));
    const large = experimentSchema.parse({ axes: { a: values, b: values, c: values } });
    expect(() => gridCells(large)).toThrow(/more than 10000/);
  });

  it("is one cell per seed without axes", () => {
    const cells = gridCells(experimentSchema.parse({ seeds: [3] }));
    expect(cells.map(({ id }) => id)).toEqual(["run-seed-3"]);
  });
});

describe("experiment section", () => {
  const issues = (value: unknown) => experimentSchema.safeParse(value).error?.issues[0]?.message;

  it("refuses hostile names, empty axes and methods that cannot follow", () => {
    expect(issues({ axes: { "../up": { a: [] } } })).toBeDefined();
    expect(issues({ axes: { task: { "../../etc": [] } } })).toBeDefined();
    expect(issues({ axes: { task: {} } })).toMatch(/no values/);
    expect(issues({ equal: [{ methods: ["stt"] }] })).toMatch(/starts from the base model/);
    expect(issues({ seeds: [] })).toBeDefined();
  });

  it("names the overrides of an equal budget", () => {
    const [equal] = experimentSchema.parse({ equal: [{ unit: "optimizerSteps" }] }).equal;
    expect(budgetOverrides(equal!, 120)).toEqual([
      "train.budget={unit: optimizerSteps, amount: 120}",
      "train.budgets=null",
    ]);
  });
});
