/**
 * What a recipe adds to an error of its run: the file, or the command line, where a key stands that the error names alone;
 * and for data that are not there, the variable that their path comes from and the recipe's own words on what it needs.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { overridePlace } from "../../pipeline/config/overrides.ts";
import { type Recipe, recipeSchemaJson } from "../../pipeline/config/schema.ts";
import { liesWithin, valueAt } from "../../pipeline/config/tree.ts";
import { parseYamlMapping } from "../../pipeline/config/yaml-mapping.ts";
import { type ErrorPlace, SkipthinkError } from "../../util/errors.ts";

export interface RecipeOrigin {
  recipe: Recipe;
  /** The file that the recipe was read from. */
  source: string;
  /** `key=value` texts of the command line. */
  overrides: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
}

/** The error to throw in place of one that a run of the recipe has ended with. */
export async function ofRecipe(error: unknown, origin: RecipeOrigin): Promise<unknown> {
  if (!(error instanceof SkipthinkError)) return error;
  const { file } = error.place;
  const key = (["train", "dev", "test"] as const).find((name) => origin.recipe.data?.[name] === file);
  if (file === undefined || key === undefined || existsSync(file)) return placeInRecipe(error, origin);
  return withPlace(error, error.place, await missingDataRemedy(error, `data.${key}`, origin));
}

/** Names the recipe's file, or the command line, where the error names no more than a key of the recipe. */
export function placeInRecipe(
  error: unknown,
  { source, overrides }: Pick<RecipeOrigin, "source" | "overrides">,
): unknown {
  if (!(error instanceof SkipthinkError)) return error;
  const { file, key } = error.place;
  if (file !== undefined || key === undefined || !isRecipeKey(key)) return error;
  return withPlace(error, { key, file: isOverridden(key, overrides) ? overridePlace : source });
}

/** The same error elsewhere. */
export function withPlace(error: SkipthinkError, place: ErrorPlace, remedy = error.remedy): SkipthinkError {
  const { message, exitCode } = error;
  return new SkipthinkError(message, {
    exitCode,
    place,
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

async function missingDataRemedy(
  { remedy }: SkipthinkError,
  key: string,
  { source, overrides, environment }: RecipeOrigin,
): Promise<string> {
  const text = await readFile(source, "utf8");
  const { tree } = parseYamlMapping(text, source, { title: "a recipe", remedy: "" });
  const written = isOverridden(key, overrides) ? undefined : valueAt(tree, key);
  const variable = String(written).match(/\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}/)?.[1];
  const value = variable === undefined ? undefined : environment[variable];
  return [
    ...(variable === undefined
      ? []
      : value
        ? [`${key} of the recipe is below ${variable}, which is ${value}.`]
        : [`Set ${variable}: ${key} of the recipe is below it, and it is not set.`]),
    ...(remedy === undefined ? [] : [remedy]),
    ...(/^# Needs:/m.test(text) ? [`What the recipe needs stands at its head: ${source}.`] : []),
  ].join(" ");
}

function isRecipeKey(key: string): boolean {
  const { properties } = recipeSchemaJson() as { properties: object };
  return Object.hasOwn(properties, key.split(".")[0]!);
}

function isOverridden(key: string, overrides: readonly string[]): boolean {
  return overrides.some((one) => liesWithin(key, one.slice(0, Math.max(one.indexOf("="), 0)).trim()));
}
