/** CSV with a header line (RFC 4180: commas, double quotes, line breaks inside quotes), streamed. */
import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { inputError } from "../../util/errors.ts";
import { quoteExcerpt } from "./excerpt.ts";
import type { TableRow } from "./table.ts";
import { readText } from "./text.ts";

/** As in JSON lines: a record beyond this is a quote that was never closed. */
const longestRecord = 16_000_000;
const mostColumns = 10_000;

export async function* readCsv(path: string): AsyncGenerator<TableRow> {
  const parser = parse({
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRecord,
  });
  // An error of the file's text reaches the loop below through the parser; a loop that ends early closes the file.
  pipeline(Readable.from(readText(path)), parser, () => {});
  let header: string[] | undefined;
  try {
    for await (const item of parser) {
      const { record, info } = item as { record: string[]; info: { lines: number } };
      if (header === undefined) {
        header = checkedHeader(record, path);
        continue;
      }
      if (record.length !== header.length)
        throw inputError(
          `the row has ${record.length} fields, the header has ${header.length}: ${quoteExcerpt(record.join(","))}`,
          { file: path, line: info.lines },
          "Put fields that contain commas, quotes or line breaks into double quotes.",
        );
      const names = header;
      yield {
        row: Object.fromEntries(record.map((value, column) => [names[column], value])),
        line: info.lines,
      };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw inputError(
      `the file is not CSV (${error.code.toLowerCase().replaceAll("_", " ")})`,
      { file: path, line: typeof error.lines === "number" ? error.lines : undefined },
      'Close every quoted field, and write a quote inside one as "".',
    );
  }
}

function checkedHeader(names: string[], path: string): string[] {
  const remedy = "Give every column its own name in the first line.";
  if (names.length > mostColumns)
    throw inputError(`the header has more than ${mostColumns} columns`, { file: path, line: 1 }, remedy);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw inputError(
      `the header names the column ${quoteExcerpt(repeated)} twice`,
      { file: path, line: 1, key: repeated },
      remedy,
    );
  return names;
}
