/** The recipes that come with the package: list, copy and validate them. Printing is the command's job. */
import { access, constants, copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { loadRecipe } from "../../pipeline/config/load.ts";
import { isPath } from "../../pipeline/config/paths.ts";
import type { Recipe } from "../../pipeline/config/schema.ts";
import { shippedRecipeNames, shippedRecipePath } from "../../pipeline/config/shipped.ts";
import { inputError, SkipthinkError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";

export interface RecipeListing {
  /** What `skipthink distill` takes. */
  name: string;
  title: string;
  /** One sentence: what it is for. */
  purpose: string;
  file: string;
}

/** The shipped recipes by name; title and purpose are the `# Recipe:` and `# For:` lines of their header. */
export async function listRecipes(): Promise<RecipeListing[]> {
  const names = await shippedRecipeNames();
  return Promise.all(
    names.map(async (name) => {
      const file = shippedRecipePath(name);
      const text = await readFile(file, "utf8");
      return { name, title: headerLine(text, "Recipe"), purpose: headerLine(text, "For"), file };
    }),
  );
}

/**
 * Copies a shipped recipe.
 *
 * @param target a new file, or an existing folder (the copy is then `<name>.yaml` in it)
 * @returns the path of the copy
 * @throws SkipthinkError (exit code 2) for an unknown name or a file that exists: nothing is ever overwritten
 */
export async function copyRecipe(name: string, target: string): Promise<string> {
  const names = await shippedRecipeNames();
  if (!names.includes(name)) {
    const meant = nearest(name, names);
    const hint = meant === undefined ? "" : `Did you mean "${meant}"? `;
    throw inputError(`no recipe is named "${name}"`, {}, `${hint}Recipes: ${names.join(", ")}.`);
  }
  const isFolder = (await stat(target).catch(() => undefined))?.isDirectory() ?? false;
  const path = resolve(isFolder ? join(target, `${basename(name)}.yaml`) : target);
  await mkdir(dirname(path), { recursive: true });
  try {
    await copyFile(shippedRecipePath(name), path, constants.COPYFILE_EXCL);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new SkipthinkError("the file exists already and is left as it is", {
      exitCode: 2,
      place: { file: path },
      remedy: "Choose another name, or delete the file first.",
      cause,
    });
  }
  return path;
}

export interface RecipeValidation {
  source: string;
  recipe: Recipe;
  resolvedYaml: string;
  /** Files and folders that the recipe names and that are not there (yet): a recipe can be right before its data is. */
  missing: { key: string; path: string }[];
}

/**
 * Checks a recipe as a run would, short of reading its data.
 *
 * @throws SkipthinkError (exit code 2) that says what is wrong and where
 */
export async function validateRecipe(
  pathOrName: string,
  overrides: readonly string[] = [],
): Promise<RecipeValidation> {
  const { recipe, source, resolvedYaml } = await loadRecipe(pathOrName, overrides);
  const { data, student } = recipe;
  const named: [string, string | null | undefined][] = [
    ["data.train", data?.train],
    ["data.dev", data?.dev],
    ["data.test", data?.test],
    ["student.model", student.model],
  ];
  const missing: RecipeValidation["missing"] = [];
  for (const [key, path] of named) {
    if (path == null || !isPath(path)) continue;
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (!exists) missing.push({ key, path });
  }
  return { source, recipe, resolvedYaml, missing };
}

function headerLine(text: string, label: string): string {
  return text.match(new RegExp(`^# ${label}: (.+)$`, "m"))?.[1]?.trim() ?? "";
}
