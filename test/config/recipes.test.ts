import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyRecipe, listRecipes, validateRecipe } from "../../src/cli/recipes/recipes.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-recipes-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("shipped recipes", () => {
  it("are listed with title and purpose", async () => {
    const listings = await listRecipes();
    const names = listings.map(({ name }) => name).filter((name) => !name.startsWith("tasks/"));
    expect(names).toEqual(["demo", "last-letters", "own-data", "study", "tracking"]);
    for (const { title, purpose } of listings) {
      expect(title.length).toBeGreaterThan(10);
      expect(purpose).toMatch(/\.$/);
    }
  });

  it.each(["demo", "last-letters", "own-data", "study", "tracking"])("%s is valid", async (name) => {
    const { recipe, resolvedYaml } = await validateRecipe(name);
    expect(recipe.methods).toContain("stt");
    expect(resolvedYaml).toContain(`learningRate: ${recipe.train.learningRate}\n`);
  });

  it("tracking and last-letters find the shared data", async (context) => {
    const shared = resolve(process.env.SKIPTHINK_SHARED ?? join(import.meta.dirname, "../../../shared"));
    const there = await access(join(shared, "data/mentor-kd")).then(
      () => true,
      () => false,
    );
    if (!there) context.skip(`no data in ${shared}; set SKIPTHINK_SHARED`);
    for (const name of ["tracking", "last-letters"]) {
      const { recipe, missing } = await validateRecipe(name);
      expect(missing).toEqual([]);
      const rows = JSON.parse(await readFile(recipe.data!.train, "utf8")) as Record<string, unknown>[];
      const { question, rationale, answer } = recipe.data!.fields;
      for (const field of [question, rationale, answer]) expect(rows[0]).toHaveProperty(field);
    }
  });

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
