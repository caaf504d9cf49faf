/** From a recipe's name or path to a checked recipe: read, override, fill in paths, check. */
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { stringify } from "yaml";
import { inputError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";
import { recipeError } from "./issues.ts";
import { applyOverrides } from "./overrides.ts";
import { resolvePaths } from "./paths.ts";
import { type Recipe, recipeSchema } from "./schema.ts";
import { shippedRecipeNames, shippedRecipePath } from "./shipped.ts";
import { largestYamlBytes, parseYamlMapping } from "./yaml-mapping.ts";

export interface LoadedRecipe {
  recipe: Recipe;
  /** Absolute path of the file it was read from. */
  source: string;
  /** The whole recipe, defaults filled in and paths absolute; loading this text gives the same recipe. */
  resolvedYaml: string;
}

export interface LoadOptions {
  environment?: Readonly<Record<string, string | undefined>>;
  /** Folder that paths given in overrides (and a relative `pathOrName`) start from. */
  workingFolder?: string;
}

/**
 * Reads a recipe.
 *
 * @param pathOrName path of a YAML (or JSON) file, or the name of a recipe that comes with the package
 * @param overrides `key.path=value` texts, applied in order
 * @throws SkipthinkError (exit code 2) that names the file, the line and the key, and the nearest known key
 */
export async function loadRecipe(
  pathOrName: string,
  overrides: readonly string[] = [],
  options: LoadOptions = {},
): Promise<LoadedRecipe> {
  const workingFolder = options.workingFolder ?? process.cwd();
  const source = await findRecipe(pathOrName, workingFolder);
  const { tree, document, lines } = parseYamlMapping(await readFile(source, "utf8"), source, {
    title: "a recipe",
    remedy: "Write lines such as task: {}.",
  });
  const overridden = applyOverrides(tree, overrides);
  resolvePaths(tree, {
    file: source,
    recipeFolder: dirname(source),
    workingFolder,
    overridden,
    environment: options.environment ?? process.env,
  });
  const checked = recipeSchema.safeParse(tree);
  if (!checked.success) {
    throw recipeError(checked.error.issues, { file: source, document, lines, overridden, tree });
  }
  return { recipe: checked.data, source, resolvedYaml: stringify(checked.data) };
}

/** A bare name means a recipe of the package first: a stray file of that name must not take its place. */
async function findRecipe(pathOrName: string, workingFolder: string): Promise<string> {
  const looksLikePath = /[\\/]|\.(ya?ml|json)$/i.test(pathOrName);
  const names = await shippedRecipeNames();
  if (names.includes(pathOrName)) return shippedRecipePath(pathOrName);
  const path = resolve(workingFolder, pathOrName);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) {
    if (found.size <= largestYamlBytes) return path;
    throw inputError(
      `${found.size} bytes are too many for a recipe`,
      { file: path },
      "Give a YAML recipe of at most 1 MiB.",
    );
  }
  if (looksLikePath) throw inputError("no such recipe file", { file: path }, "Check the path.");
  const meant = nearest(pathOrName, names);
  throw inputError(
    `no recipe is named "${pathOrName}"`,
    {},
    `${meant === undefined ? "" : `Did you mean "${meant}"? `}Recipes: ${names.join(", ")}; or give a path.`,
  );
}
