/**
 * Rows out of a user's file, whatever its format. The file is untrusted: sizes are capped, and everything that is wrong
 * with it is an input error that names the file, the line and the remedy.
 */
import { open, stat } from "node:fs/promises";
import { extname } from "node:path";
import { inputError } from "../../util/errors.ts";
import { readCsv } from "./csv.ts";
import { readJsonArray } from "./json.ts";
import { readJsonLines } from "./jsonl.ts";
import { readParquet } from "./parquet.ts";

export const tableFormats = ["jsonl", "json", "csv", "parquet"] as const;
export type TableFormat = (typeof tableFormats)[number];

export interface TableRow {
  row: Record<string, unknown>;
  /** 1-based line of the file in JSONL and CSV; 1-based number of the row in a JSON array and in Parquet. */
  line: number;
}

const formatOfExtension: Readonly<Record<string, TableFormat>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".csv": "csv",
  ".parquet": "parquet",
};

/**
 * Reads a table row by row; JSONL and CSV are streamed, Parquet goes row group by row group. The format is the file's
 * extension unless it is given; a `.json` file that holds JSON lines is read as such.
 * @throws input error (exit code 2), while reading, for a file that is missing, empty, compressed or not what it says
 */
export async function* readTable(path: string, format?: TableFormat): AsyncGenerator<TableRow> {
  const head = await readHead(path);
  const compression = compressionOf(head);
  if (compression !== undefined)
    throw inputError(
      `the file is ${compression}-compressed, which is not supported`,
      { file: path },
      "Decompress it first and name the decompressed file.",
    );
  let chosen = format ?? formatOfExtension[extname(path).toLowerCase()];
  if (chosen === undefined)
    throw inputError(
      `the format of the file is unknown: its name ends in none of ${Object.keys(formatOfExtension).join(", ")}`,
      { file: path },
      `Rename the file or set the format to one of ${tableFormats.join(", ")}.`,
    );
  const isParquet = head.subarray(0, 4).toString("latin1") === "PAR1";
  if (isParquet !== (chosen === "parquet"))
    throw inputError(
      isParquet
        ? `the file is Parquet, not ${chosen}`
        : "the file is not Parquet: it does not begin with PAR1",
      { file: path },
      "Set the format that the file has.",
    );
  if (format === undefined && chosen === "json" && /^\ufeff?\s*\{/.test(head.toString("utf8")))
    chosen = "jsonl";

  let rows = 0;
  for await (const row of reader(chosen, path)) {
    rows++;
    yield row;
  }
  if (rows === 0) throw emptyFile(path);
}

function reader(format: TableFormat, path: string): AsyncIterable<TableRow> {
  switch (format) {
    case "jsonl":
      return readJsonLines(path);
    case "json":
      return readJsonArray(path);
    case "csv":
      return readCsv(path);
    case "parquet":
      return readParquet(path);
  }
}

function emptyFile(path: string): Error {
  return inputError("the file holds no rows", { file: path }, "Give a file with at least one row.");
}

/** @throws input error (exit code 2) for a folder, and for a pipe or device: a data file is read more than once */
export async function checkRegularFile(path: string): Promise<void> {
  const found = await stat(path);
  if (found.isDirectory())
    throw inputError("a folder stands where a data file is expected", { file: path }, "Name a file in it.");
  if (!found.isFile())
    throw inputError(
      "a pipe or device stands where a data file is expected, and it cannot be read twice",
      { file: path },
      "Write the rows to a file and name that.",
    );
}

/** The first bytes of the file. */
async function readHead(path: string): Promise<Buffer> {
  try {
    await checkRegularFile(path);
    const file = await open(path, "r");
    try {
      const buffer = Buffer.alloc(4096);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead === 0) throw emptyFile(path);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT")
      throw inputError(
        "the data file does not exist",
        { file: path },
        "Check the path; it is relative to the working folder.",
      );
    if (code === "EACCES" || code === "EPERM")
      throw inputError("the data file may not be read", { file: path }, "Check the file's permissions.");
    throw error;
  }
}

function compressionOf(head: Buffer): string | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return "zstd";
  if (head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4) return "zip";
  if (head.subarray(0, 3).toString("latin1") === "BZh") return "bzip2";
  return undefined;
}
