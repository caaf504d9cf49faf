/** From a row with the user's own column names to question, answer, rationale and id. */
import { inputError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";
import { quoteExcerpt } from "./excerpt.ts";
import { isRecord, kindOf } from "./jsonl.ts";
import type { TableRow } from "./table.ts";

/**
 * Where each field comes from: a column's name ("question"), a path into nested objects ("meta.q"), or a template with
 * columns or paths in braces ("{Body} {Question}").
 */
export interface FieldMapping {
  question: string;
  answer: string;
  rationale?: string | undefined;
  id?: string | undefined;
}

export interface MappedRow {
  question: string;
  answer: string;
  /** Present exactly if the mapping names it. */
  rationale?: string;
  id?: string;
  line: number;
}

/** Longer fields are no question, rationale or answer; they would only exhaust memory further on. */
export const longestField = 200_000;

/**
 * Maps rows one by one; numbers and booleans become text. With `onBadRow`, a row that does not fit is handed to it
 * and left out; without, its error is thrown.
 * @throws input error with file, line and key for a field that is missing, null, an object or array, or too long
 */
export async function* mapRows(
  rows: AsyncIterable<TableRow>,
  mapping: FieldMapping,
  options: { file: string; onBadRow?: ((line: number, error: unknown) => void) | undefined },
): AsyncGenerator<MappedRow> {
  for await (const { row, line } of rows) {
    let mapped: MappedRow;
    try {
      const read = (spec: string): string => readField(row, spec, { file: options.file, line });
      mapped = {
        question: read(mapping.question),
        answer: read(mapping.answer),
        ...(mapping.rationale === undefined ? {} : { rationale: read(mapping.rationale) }),
        ...(mapping.id === undefined ? {} : { id: read(mapping.id) }),
        line,
      };
    } catch (error) {
      if (options.onBadRow === undefined) throw error;
      options.onBadRow(line, error);
      continue;
    }
    yield mapped;
  }
}

interface Place {
  file: string;
  line: number;
}

function readField(row: Record<string, unknown>, spec: string, place: Place): string {
  const text =
    Object.hasOwn(row, spec) || !/\{[^{}]+\}/.test(spec)
      ? textOf(lookUp(row, spec, place), spec, place)
      : spec.replace(/\{([^{}]+)\}/g, (_, path: string) => textOf(lookUp(row, path, place), path, place));
  if (text.length > longestField)
    throw inputError(
      `the field ${quoteExcerpt(spec)} has ${text.length} characters, more than ${longestField}`,
      { ...place, key: spec },
      "Shorten the field or leave the row out.",
    );
  return text;
}

/** A column by its exact name, else by its path. Only own properties count: names come from the user's file. */
function lookUp(row: Record<string, unknown>, path: string, place: Place): unknown {
  if (Object.hasOwn(row, path)) return row[path];
  let value: unknown = row;
  for (const name of path.split(".")) {
    if (!isRecord(value) || !Object.hasOwn(value, name)) throw missingField(row, path, place);
    value = value[name];
  }
  return value;
}

function textOf(value: unknown, path: string, place: Place): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      if (value instanceof Date) return value.toISOString();
      throw inputError(
        `the field ${quoteExcerpt(path)} is ${value === undefined ? "absent" : kindOf(value)}, not text or a number`,
        { ...place, key: path },
        isRecord(value)
          ? `Map one of its parts by its path, such as ${quoteExcerpt(`${path}.${Object.keys(value)[0] ?? "name"}`)}.`
          : "Fill the field, map another one (fields), or skip bad rows (onBadRow: skip).",
      );
  }
}

function missingField(row: Record<string, unknown>, path: string, place: Place): Error {
  const names = fieldNames(row);
  const shown = names.slice(0, 20).map(quoteExcerpt).join(", ");
  const meant = nearest(path, names);
  return inputError(
    `the row has no field ${quoteExcerpt(path)}; it has ${shown === "" ? "no fields" : shown}${names.length > 20 ? ", ..." : ""}`,
    { ...place, key: path },
    meant === undefined
      ? "Fill the field, name one of these in the field mapping (fields), or skip bad rows (onBadRow: skip)."
      : `Did you mean ${quoteExcerpt(meant)}? Correct the field mapping (fields).`,
  );
}

/** Columns, and the paths one level into columns that hold objects. */
function fieldNames(row: Record<string, unknown>): string[] {
  return Object.entries(row)
    .slice(0, 200)
    .flatMap(([name, value]) =>
      isRecord(value) && !(value instanceof Date)
        ? Object.keys(value)
            .slice(0, 50)
            .map((inner) => `${name}.${inner}`)
        : [name],
    );
}
