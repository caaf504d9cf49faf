/** From a file and options to a checked configuration of a teacher: read, override, fill in paths, check. */
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import { recipeError } from "../../pipeline/config/issues.ts";
import { applyOverrides } from "../../pipeline/config/overrides.ts";
import { isMapping, type Mapping } from "../../pipeline/config/tree.ts";
import { type TeachConfig, teachSchema, teachSchemaJson } from "../../teacher/config.ts";
import { inputError } from "../../util/errors.ts";

/** As for recipes: more than this is some other file. */
const largestBytes = 1 << 20;

export interface TeachConfigOptions {
  /** YAML or JSON; undefined: everything comes from the overrides. */
  file: string | undefined;
  /** `key=value` texts in the order in which they hold. */
  overrides: readonly string[];
  /** A file of questions from the command line; takes the place of the configuration's. */
  questionsFile?: string | undefined;
  answerKind?: string | undefined;
}

/** @throws SkipthinkError (exit 2) that names file, line and key, and the nearest known key */
export async function loadTeachConfig(options: TeachConfigOptions): Promise<TeachConfig> {
  const source = options.file === undefined ? "command line" : resolve(options.file);
  const lines = new LineCounter();
  const text = options.file === undefined ? "" : await readConfig(source);
  const document = parseDocument(text, { lineCounter: lines });
  const tree = treeOf(document, lines, source);
  const base = options.file === undefined ? process.cwd() : dirname(source);
  // One task needs no list.
  if (isMapping(tree.questions)) tree.questions = [tree.questions];
  const overridden = applyOverrides(tree, options.overrides);
  if (isMapping(tree.questions)) tree.questions = [tree.questions];
  for (const set of Array.isArray(tree.questions) ? tree.questions : []) {
    if (isMapping(set) && typeof set.file === "string" && set.file !== "") set.file = resolve(base, set.file);
  }
  if (options.questionsFile !== undefined) {
    const [first] = Array.isArray(tree.questions) ? (tree.questions as unknown[]) : [];
    const { name: _name, ...rest } = isMapping(first) ? first : {};
    tree.questions = [{ ...rest, file: resolve(options.questionsFile) }];
  }
  if (options.answerKind !== undefined && Array.isArray(tree.questions)) {
    tree.questions = tree.questions.map((set: unknown) =>
      isMapping(set) ? { ...set, answerKind: options.answerKind } : set,
    );
  }
  const checked = teachSchema.safeParse(tree);
  if (checked.success) return checked.data;
  throw recipeError(checked.error.issues, {
    file: source,
    document,
    lines,
    overridden,
    tree,
    schema: teachSchemaJson(),
    title: "a teacher's configuration",
  });
}

async function readConfig(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw inputError("no such configuration file", { file: path }, "Check the path.");
  if (found.size > largestBytes) {
    throw inputError(`${found.size} bytes are too many for a configuration`, { file: path });
  }
  return await readFile(path, "utf8");
}

function treeOf(document: Document, lines: LineCounter, file: string): Mapping {
  const fault = document.errors[0];
  if (fault !== undefined) {
    throw inputError(
      `not valid YAML: ${fault.message.split("\n")[0]?.replace(/ at line \d+.*$/, "")}`,
      { file, line: lines.linePos(fault.pos[0]).line },
      "Check the indentation and the quotes around that line.",
    );
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw inputError(reason, { file }, "Write the values out in place of the YAML aliases.");
  }
  if (value === null || value === undefined) return {};
  if (isMapping(value)) return value;
  throw inputError("a configuration is a mapping of keys to values", { file }, "See docs/teacher.md.");
}
