/** Turns what the schema found wrong into one error: which key, on which line, and which key or value was meant. */
import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from "yaml";
import type { z } from "zod";
import { inputError, type SkipthinkError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";
import { overridePlace } from "./overrides.ts";
import { recipeSchemaJson } from "./schema.ts";
import { isMapping, liesWithin, valueAt } from "./tree.ts";

export interface RecipeText {
  file: string;
  document: Document;
  lines: LineCounter;
  /** Keys that were set on the command line. */
  overridden: readonly string[];
  /** The tree that was checked (overrides and paths applied). */
  tree: unknown;
  /** JSON Schema of the tree; default: the recipe's. */
  schema?: unknown;
  /** What the tree is called in messages; default: "a recipe". */
  title?: string;
}

interface Problem {
  message: string;
  key: string;
  line: number | undefined;
  remedy: string | undefined;
}

const problemsShown = 5;

/** One error (exit code 2) at the first problem in file order; its message names the others too. */
export function recipeError(issues: readonly z.core.$ZodIssue[], recipe: RecipeText): SkipthinkError {
  const problems = issues.flatMap((issue) => describe(issue, recipe));
  const position = (problem: Problem): number => problem.line ?? Number.POSITIVE_INFINITY;
  problems.sort((first, second) => {
    const [a, b] = [position(first), position(second)];
    return a === b ? 0 : a - b;
  });
  const [first, ...others] = problems as [Problem, ...Problem[]];
  const also = others.slice(0, problemsShown).map(({ key, message, remedy }) => {
    const meant = remedy?.startsWith("Did you mean") ? `; ${remedy.replace("Did", "did")}` : "";
    return `\nalso ${key === "" ? "" : `${key}: `}${message}${meant}`;
  });
  const unnamed = others.length - also.length;
  if (unnamed > 0) also.push(`\nand ${unnamed} more`);
  // An override may also have made the mapping around the value that it sets.
  const fromCommandLine = recipe.overridden.some(
    (overridden) =>
      liesWithin(first.key, overridden) ||
      (liesWithin(overridden, first.key) && !recipe.document.hasIn(first.key.split("."))),
  );
  return inputError(
    first.message + also.join(""),
    {
      file: fromCommandLine ? overridePlace : recipe.file,
      line: fromCommandLine ? undefined : first.line,
      key: first.key === "" ? undefined : first.key,
    },
    first.remedy,
  );
}

function describe(issue: z.core.$ZodIssue, recipe: RecipeText): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((name) => ({
      message: `unknown key "${name}"`,
      key: [...path, name].join("."),
      line: lineOf(recipe, [...path, name]),
      remedy: keyRemedy(name, path, recipe),
    }));
  }
  const key = path.join(".");
  const value = path.length === 0 ? recipe.tree : valueAtPath(recipe.tree, path);
  let message = issue.message.replace(/^Invalid (input|option): /, "");
  let remedy: string | undefined;
  if (issue.code === "invalid_value") {
    const known = issue.values.map(String);
    message = `${JSON.stringify(value) ?? "nothing"} is none of ${known.join(", ")}`;
    const meant = typeof value === "string" ? nearest(value, known) : undefined;
    if (meant !== undefined) remedy = `Did you mean "${meant}"?`;
  } else if (issue.code === "invalid_type" && value === undefined) {
    message = `${path.at(-1) ?? recipe.title ?? "the recipe"} is missing`;
    remedy = "Add it.";
  } else if (issue.code === "invalid_type" && value === null) {
    remedy = "Give it a value, or take the line out so that its default holds.";
  } else if (issue.code === "custom") {
    remedy = typeof issue.params?.remedy === "string" ? issue.params.remedy : undefined;
  }
  remedy ??= "Correct the value, or take the key out so that its default holds.";
  return [{ message, key, line: lineOf(recipe, path), remedy }];
}

/** Says which key was meant: a neighbour's, or the same name elsewhere in the recipe. */
function keyRemedy(name: string, parent: readonly string[], { schema, title }: RecipeText): string {
  const whole = schema ?? recipeSchemaJson();
  const siblings = keysOf(schemaAt(parent, whole));
  const meant = nearest(name, siblings);
  if (meant !== undefined) return `Did you mean "${[...parent, meant].join(".")}"?`;
  const elsewhere = allKeys(whole).find((key) => key.split(".").at(-1)?.toLowerCase() === name.toLowerCase());
  const where = parent.length === 0 ? (title ?? "a recipe") : parent.join(".");
  const keys = `Keys of ${where}: ${siblings.join(", ")}.`;
  if (elsewhere === undefined) return `Take it out. ${keys}`;
  // Its place in the recipe is what is wrong, so the whole path is the answer; a top-level key has none.
  return elsewhere.includes(".")
    ? `Did you mean "${elsewhere}"?`
    : `"${elsewhere}" stands at the recipe's top. ${keys}`;
}

/** The part of the JSON Schema that describes the value at `path`. */
function schemaAt(path: readonly string[], whole: unknown): unknown {
  let schema = whole;
  for (const part of path) {
    const below = valueAtPath(schema, ["properties", part]);
    schema = below ?? valueAtPath(schema, ["additionalProperties"]) ?? valueAtPath(schema, ["items"]);
  }
  return schema;
}

/** Keys that a mapping may have: fixed ones, or the method names of a mapping from method to value. */
function keysOf(schema: unknown): string[] {
  const properties = valueAt(schema, "properties");
  if (isMapping(properties)) return Object.keys(properties);
  const names = valueAt(schema, "propertyNames.enum");
  return Array.isArray(names) ? names.map(String) : [];
}

function allKeys(schema: unknown, prefix = ""): string[] {
  const properties = valueAt(schema, "properties");
  if (!isMapping(properties)) return [];
  return Object.entries(properties).flatMap(([name, below]) => [
    prefix + name,
    ...allKeys(below, `${prefix}${name}.`),
  ]);
}

/** As valueAt, and through lists too. */
function valueAtPath(tree: unknown, path: readonly string[]): unknown {
  let value = tree;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else if (isMapping(value) && Object.hasOwn(value, part)) value = value[part];
    else return undefined;
  }
  return value;
}

/** Line of the key at `path`, or of the nearest ancestor that the file holds. */
function lineOf({ document, lines }: RecipeText, path: readonly string[]): number | undefined {
  let node: unknown = document.contents;
  let found: number | undefined;
  for (const part of path) {
    let place: Node | undefined;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      place = pair?.key as Node | undefined;
      node = pair?.value;
    } else {
      node = isSeq(node) ? node.items[Number(part)] : undefined;
      place = node as Node | undefined;
    }
    if (place?.range == null) break;
    found = lines.linePos(place.range[0]).line;
  }
  return found;
}
