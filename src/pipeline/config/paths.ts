/** Path values of a recipe: environment variables filled in, relative paths made absolute. */
import { isAbsolute, resolve } from "node:path";
import { inputError } from "../../util/errors.ts";
import { overridePlace } from "./overrides.ts";
import { isMapping, liesWithin, type Mapping, valueAt } from "./tree.ts";

const pathKeys = ["data.train", "data.dev", "data.test", "student.model"];
const variablePattern = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export interface PathContext {
  /** The recipe's file. */
  file: string;
  /** Folder that relative paths in the recipe start from. */
  recipeFolder: string;
  /** Folder that relative paths given on the command line start from. */
  workingFolder: string;
  /** Keys that were set on the command line. */
  overridden: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Changes the path values of `tree` in place. "builtin:…" stays as it is. Values that are not text are left to the schema.
 *
 * @throws SkipthinkError (exit code 2) for a variable that is unset and has no default, or one outside a path value
 */
export function resolvePaths(tree: Mapping, context: PathContext): void {
  refuseVariablesElsewhere(tree, "", context);
  for (const key of pathKeys) {
    const value = valueAt(tree, key);
    if (typeof value !== "string" || value === "" || value.startsWith("builtin:")) continue;
    const expanded = expandVariables(value, key, context);
    const base = isOverridden(key, context) ? context.workingFolder : context.recipeFolder;
    const [parent, last] = key.split(".") as [string, string];
    (tree[parent] as Mapping)[last] = isAbsolute(expanded) ? expanded : resolve(base, expanded);
  }
}

/** `${NAME}` and `${NAME:-default}`; as in a shell, the default also stands in for an empty variable. */
function expandVariables(text: string, key: string, context: PathContext): string {
  return text.replace(variablePattern, (_, name: string, fallback: string | undefined) => {
    const value = context.environment[name];
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    throw inputError(
      `environment variable ${name} is not set`,
      { file: isOverridden(key, context) ? overridePlace : context.file, key },
      `Set ${name}, or write \${${name}:-folder} to give it a default.`,
    );
  });
}

function refuseVariablesElsewhere(value: unknown, key: string, context: PathContext): void {
  if (typeof value === "string") {
    if (pathKeys.includes(key) || value.search(variablePattern) < 0) return;
    throw inputError(
      "environment variables are filled in only where a path is expected",
      { file: isOverridden(key, context) ? overridePlace : context.file, key },
      `Write the value itself. Paths are: ${pathKeys.join(", ")}.`,
    );
  }
  const entries = Array.isArray(value) ? value.entries() : isMapping(value) ? Object.entries(value) : [];
  for (const [name, child] of entries) {
    refuseVariablesElsewhere(child, key === "" ? String(name) : `${key}.${name}`, context);
  }
}

function isOverridden(key: string, context: PathContext): boolean {
  return context.overridden.some((overridden) => liesWithin(key, overridden));
}
