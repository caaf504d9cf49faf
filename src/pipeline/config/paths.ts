/** Path values of a recipe: environment variables filled in, relative paths made absolute. */
import { isAbsolute, resolve } from "node:path";
import { inputError } from "../../util/errors.ts";
import { applyOverrides, overridePlace } from "./overrides.ts";
import { isMapping, liesWithin, type Mapping, valueAt } from "./tree.ts";

const pathKeys = ["data.train", "data.dev", "data.test", "student.model"];
const variablePattern = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Whether a value of such a key names a file or folder: not so a student of the package or of the hub, or none at all. */
export function isPath(value: string): boolean {
  return value !== "" && !/^(?:builtin|hf):/.test(value);
}

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
 * Changes the path values of `tree` in place, also those that overrides of the experiment's axes set. "builtin:…" and
 * "hf:…" stay as they are. Values that are not text are left to the schema.
 *
 * @throws SkipthinkError (exit code 2) for a variable that is unset and has no default, or one outside a path value, and
 *   for an axis's override of a path that is no YAML
 */
export function resolvePaths(tree: Mapping, context: PathContext): void {
  resolveAxes(tree, context);
  refuseVariablesElsewhere(tree, "", context);
  resolveIn(tree, context, (key) => originOf(key, context));
}

/** Where a value stands, and the folder that it starts from if it is a relative path. */
interface Origin {
  file: string;
  key: string;
  folder: string;
}

/** @returns true if a path was changed */
function resolveIn(tree: Mapping, context: PathContext, origin: (key: string) => Origin): boolean {
  let changed = false;
  for (const key of pathKeys) {
    const value = valueAt(tree, key);
    if (typeof value !== "string" || !isPath(value)) continue;
    const place = origin(key);
    const expanded = expandVariables(value, place, context.environment);
    const path = isAbsolute(expanded) ? expanded : resolve(place.folder, expanded);
    const [parent, last] = key.split(".") as [string, string];
    (tree[parent] as Mapping)[last] = path;
    changed ||= path !== value;
  }
  return changed;
}

function resolveAxes(tree: Mapping, context: PathContext): void {
  for (const [axis, values] of entriesOf(valueAt(tree, "experiment.axes"))) {
    for (const [value, overrides] of entriesOf(values)) {
      if (!Array.isArray(overrides)) continue;
      for (const [index, override] of overrides.entries()) {
        if (typeof override !== "string") continue;
        const origin = originOf(`experiment.axes.${axis}.${value}.${index}`, context);
        overrides[index] = resolveOverride(override, origin, context);
      }
    }
  }
}

/** An override as it was, or with the paths in it made absolute where it sets some: "data.train=…", "data={train: …}". */
function resolveOverride(override: string, origin: Origin, context: PathContext): string {
  const key = override.slice(0, Math.max(override.indexOf("="), 0)).trim();
  if (!pathKeys.some((pathKey) => liesWithin(pathKey, key))) return override;
  const tree: Mapping = {};
  applyOverrides(tree, [override], origin.file);
  // JSON is YAML, and keeps marks in a path from being read as such.
  return resolveIn(tree, context, () => origin) ? `${key}=${JSON.stringify(valueAt(tree, key))}` : override;
}

/** `${NAME}` and `${NAME:-default}`; as in a shell, the default also stands in for an empty variable. */
function expandVariables(
  text: string,
  { file, key }: Origin,
  environment: PathContext["environment"],
): string {
  return text.replace(variablePattern, (_, name: string, fallback: string | undefined) => {
    const value = environment[name];
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    throw inputError(
      `environment variable ${name} is not set`,
      { file, key },
      `Set ${name}, or write \${${name}:-folder} to give it a default.`,
    );
  });
}

function refuseVariablesElsewhere(value: unknown, key: string, context: PathContext): void {
  if (typeof value === "string") {
    if (pathKeys.includes(key) || value.search(variablePattern) < 0) return;
    throw inputError(
      "environment variables are filled in only where a path is expected",
      { file: originOf(key, context).file, key },
      `Write the value itself. Paths are: ${pathKeys.join(", ")}.`,
    );
  }
  for (const [name, child] of Array.isArray(value) ? value.entries() : entriesOf(value)) {
    refuseVariablesElsewhere(child, key === "" ? String(name) : `${key}.${name}`, context);
  }
}

function originOf(key: string, context: PathContext): Origin {
  return context.overridden.some((overridden) => liesWithin(key, overridden))
    ? { file: overridePlace, key, folder: context.workingFolder }
    : { file: context.file, key, folder: context.recipeFolder };
}

function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : [];
}
