import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyRecipe, listRecipes, validateRecipe } from "../../src/cli/recipes/recipes.ts";
import { gridCells } from "../../src/experiment/grid.ts";
import { readTable } from "../../src/tasks/read/table.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-recipes-"));
});
afterAll(() => rm(folder, { recursive: true }));

const shipped = [
  "demo",
  "gsm8k-teacher",
  "last-letters",
  "own-data",
  "real-sets",
  "study",
  "study-causes",
  "svamp-wordiness",
  "tracking",
];

describe("shipped recipes", () => {
  it("are listed with title and purpose", async () => {
    const listings = await listRecipes();
    const names = listings.map(({ name }) => name).filter((name) => !name.startsWith("tasks/"));
    expect(names).toEqual(shipped);
    for (const { title, purpose } of listings) {
      expect(title.length).toBeGreaterThan(10);
      expect(purpose).toMatch(/\.$/);
    }
  });

  it.each(shipped)("%s is valid", async (name) => {
    const { recipe, resolvedYaml } = await validateRecipe(name);
    expect(recipe.methods).toContain("stt");
    expect(resolvedYaml).toContain(`learningRate: ${recipe.train.learningRate}\n`);
  });

  it.for(["tracking", "last-letters", "real-sets", "svamp-wordiness", "gsm8k-teacher"])(
    "%s finds the shared data and its fields, in every cell of its experiment",
    async (name, context) => {
      const shared = resolve(process.env.SKIPTHINK_SHARED ?? join(import.meta.dirname, "../../../shared"));
      const there = await access(join(shared, "data/mentor-kd")).then(
        () => true,
        () => false,
      );
      if (!there) context.skip(`no data in ${shared}; set SKIPTHINK_SHARED`);
      const { experiment } = (await validateRecipe(name)).recipe;
      const cells = experiment === undefined ? [] : gridCells({ ...experiment, seeds: [1] });
      for (const overrides of [[], ...cells.map((cell) => cell.overrides)]) {
        const { recipe, missing } = await validateRecipe(name, overrides);
        expect(missing).toEqual([]);
        const { train, test, fields, testFields } = recipe.data!;
        const first = async (path: string) => (await readTable(path).next()).value?.row;
        for (const field of [fields.question, fields.rationale, fields.answer])
          expect(await first(train)).toHaveProperty(field);
        for (const field of [testFields.question ?? fields.question, testFields.answer ?? fields.answer])
          expect(await first(test!)).toHaveProperty(field);
      }
    },
  );

  it("own-data names the files that are still missing", async () => {
    const { missing } = await validateRecipe("own-data");
    expect(missing.map(({ key }) => key)).toEqual(["data.train"]);
  });
});

describe("copyRecipe", () => {
  it("copies into a folder or to a new file, byte for byte", async () => {
    const first = await copyRecipe("demo", folder);
    const second = await copyRecipe("demo", join(folder, "new/mine.yaml"));
    expect(first).toBe(join(folder, "demo.yaml"));
    const shipped = await readFile(join(import.meta.dirname, "../../recipes/demo.yaml"), "utf8");
    expect(await readFile(first, "utf8")).toBe(shipped);
    expect(await readFile(second, "utf8")).toBe(shipped);
    expect((await validateRecipe(second)).source).toBe(second);
  });

  it("never overwrites, and knows the nearest name", async () => {
    const path = join(folder, "mine.yaml");
    await writeFile(path, "mine");
    await expect(copyRecipe("demo", path)).rejects.toMatchObject({ exitCode: 2, place: { file: path } });
    expect(await readFile(path, "utf8")).toBe("mine");
    await expect(copyRecipe("deno", folder)).rejects.toMatchObject({
      exitCode: 2,
      remedy: expect.stringMatching(/^Did you mean "demo"\?/),
    });
  });
});
