/** A file that is one JSON value, or one array of objects. */
import { readFile, stat } from "node:fs/promises";
import { inputError } from "../../util/errors.ts";
import { quoteExcerpt } from "./excerpt.ts";
import { isRecord, kindOf, parserReason } from "./jsonl.ts";
import type { TableRow } from "./table.ts";

/** A file is parsed in one piece, so it must stay below the longest string of the JavaScript engine (about 2^29). */
const largestFile = 400_000_000;

export async function* readJsonArray(path: string): AsyncGenerator<TableRow> {
  const value = await readJson(path);
  if (!Array.isArray(value))
    throw inputError(
      `the file holds ${kindOf(value)}, not an array of objects`,
      { file: path },
      "Put the rows into one JSON array, or write them as JSON lines (.jsonl).",
    );
  for (const [index, row] of value.entries()) {
    if (!isRecord(row))
      throw inputError(
        `row ${index + 1} is ${kindOf(row)}, not an object${excerptOf(row)}`,
        { file: path, line: index + 1 },
        'Write each row as an object, such as {"question": "...", "answer": "..."}.',
      );
    yield { row, line: index + 1 };
  }
}

/**
 * The value of a whole file.
 * @param remedy for a file that is no JSON
 * @throws input error (exit code 2) for a file that is too large, no UTF-8 text or no JSON
 */
export async function readJson(
  path: string,
  remedy = "Correct the file; if it holds one object per line, set the format to jsonl.",
): Promise<unknown> {
  const { size } = await stat(path);
  if (size > largestFile)
    throw inputError(
      `the file is larger than ${largestFile} bytes, too large for JSON in one piece`,
      { file: path },
      "Convert it to JSON lines (one object per line, .jsonl), which are streamed.",
    );
  const bytes = await readFile(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw inputError("the file is not UTF-8 text", { file: path }, "Convert it to UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw brokenJson(text, path, error, remedy);
  }
}

/** Nothing for a row that is nested too deeply to be written out. */
function excerptOf(row: unknown): string {
  try {
    return `: ${quoteExcerpt(JSON.stringify(row))}`;
  } catch {
    return "";
  }
}

/** The place of a syntax error, as the parser tells it ("... at position 17"), as a line with an excerpt. */
function brokenJson(text: string, path: string, error: unknown, remedy: string): Error {
  const told = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  const position = Math.min(told === undefined ? text.length : Number(told), text.length);
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) line++;
  const excerpt = quoteExcerpt(text.slice(Math.max(0, position - 30), position + 30));
  return inputError(
    `the file is not JSON (${parserReason(error)}) near ${excerpt}`,
    { file: path, line },
    remedy,
  );
}
