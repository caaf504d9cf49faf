/** YAML (or JSON) text as a mapping of keys to values, with what error messages need to name the line of a key. */
import { type Document, LineCounter, parseDocument } from "yaml";
import { inputError } from "../../util/errors.ts";
import { isMapping, type Mapping } from "./tree.ts";

/** A recipe or configuration is a page of text; a larger file is some other one. */
export const largestYamlBytes = 1 << 20;

export interface YamlMapping {
  /** Empty for an empty file, so that what gets reported is the first key that is missing. */
  tree: Mapping;
  document: Document;
  lines: LineCounter;
}

/**
 * @param what what the text is called where it is no mapping, and what to do then
 * @throws SkipthinkError (exit 2) that names the file, and the line where the YAML is at fault
 */
export function parseYamlMapping(
  text: string,
  file: string,
  what: { title: string; remedy: string },
): YamlMapping {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
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
    // An alias without its anchor, or aliases that multiply beyond the parser's cap.
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw inputError(reason, { file }, "Write the values out in place of the YAML aliases.");
  }
  if (value === null || value === undefined) return { tree: {}, document, lines };
  if (isMapping(value)) return { tree: value, document, lines };
  throw inputError(`${what.title} is a mapping of keys to values`, { file }, what.remedy);
}
