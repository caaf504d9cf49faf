/** JSON lines, streamed. */
import { inputError } from "../../util/errors.ts";
import { quoteExcerpt } from "./excerpt.ts";
import type { TableRow } from "./table.ts";
import { readText } from "./text.ts";

/** A row holds a few text fields of at most 200,000 characters each; a longer line is not such a file. */
const longestLine = 16_000_000;

export async function* readJsonLines(path: string): AsyncGenerator<TableRow> {
  for await (const { text, line } of readLines(path)) {
    if (text.trim() === "") continue;
    yield { row: parseRow(text, path, line), line };
  }
}

function parseRow(text: string, path: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw inputError(
      `the line is not JSON (${parserReason(error)}): ${quoteExcerpt(text)}`,
      { file: path, line },
      "Each line must be one JSON object; for a JSON array over several lines set the format to json.",
    );
  }
  if (!isRecord(value))
    throw inputError(
      `the line is ${kindOf(value)}, not a JSON object: ${quoteExcerpt(text)}`,
      { file: path, line },
      'Write each row as an object, such as {"question": "...", "answer": "..."}.',
    );
  return value;
}

async function* readLines(path: string): AsyncGenerator<{ text: string; line: number }> {
  let rest: string[] = [];
  let restLength = 0;
  let line = 0;
  for await (const chunk of readText(path)) {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", from)) {
      rest.push(chunk.slice(from, end));
      yield { text: rest.join(""), line: ++line };
      rest = [];
      restLength = 0;
      from = end + 1;
    }
    rest.push(chunk.slice(from));
    restLength += chunk.length - from;
    if (restLength > longestLine)
      throw inputError(
        `the line is longer than ${longestLine} characters`,
        { file: path, line: line + 1 },
        "Write one JSON object per line; for a JSON array set the format to json.",
      );
  }
  yield { text: rest.join(""), line: line + 1 };
}

/** The parser's reason without the text it quotes, which is untrusted and may be long. */
export function parserReason(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  return (
    /^(?:Unexpected end of JSON input|Unexpected token|Unterminated string|Expected (?:[^"']|'.'){1,80}?(?= in JSON)|Bad [a-z ]{0,40})/.exec(
      message,
    )?.[0] ?? "syntax error"
  ).trim();
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
