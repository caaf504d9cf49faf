/** From a file and options to a checked configuration of a teacher: read, override, fill in paths, check. */
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { recipeError } from "../../pipeline/config/issues.ts";
import { applyOverrides } from "../../pipeline/config/overrides.ts";
import { isMapping } from "../../pipeline/config/tree.ts";
import { largestYamlBytes, parseYamlMapping } from "../../pipeline/config/yaml-mapping.ts";
import { type TeachConfig, teachSchema, teachSchemaJson } from "../../teacher/config.ts";
import { inputError } from "../../util/errors.ts";

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
  const text = options.file === undefined ? "" : await readConfig(source);
  const { tree, document, lines } = parseYamlMapping(text, source, {
    title: "a configuration",
    remedy: "See docs/teacher.md.",
  });
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
  if (found.size > largestYamlBytes) {
    throw inputError(`${found.size} bytes are too many for a configuration`, { file: path });
  }
  return await readFile(path, "utf8");
}
