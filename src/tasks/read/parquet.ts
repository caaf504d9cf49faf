/**
 * Parquet, row group by row group. Decoding happens in a process of its own: the decoder trusts the counts that the file
 * claims, and JavaScript's engine ends a whole process, worker threads included, whose arrays grow beyond its limits.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { getHeapStatistics } from "node:v8";
import { inputError } from "../../util/errors.ts";
import type { TableRow } from "./table.ts";

/** Rows of one row group are held in memory; writers use about a million at most. */
const mostRowsPerGroup = 10_000_000;

/** What the decoder answers to each request: rows, or the end (nothing), or why there are none. */
interface Reply {
  rows?: Record<string, unknown>[];
  groupRows?: number;
  fault?: string;
}

/**
 * The decoder's program. It is text, so that it runs beside sources and compiled files alike; what it may decompress beyond
 * the reader's own codecs (none, Snappy) depends on this Node.
 */
const decoder = `
const [, library, path, mostRows] = process.argv;
async function* replies() {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import(library);
  const zlib = await import("node:zlib");
  const within = (decompress) => (input, size) => decompress(input, { maxOutputLength: Math.max(size, 1) });
  const compressors = { GZIP: within(zlib.gunzipSync), BROTLI: within(zlib.brotliDecompressSync) };
  if (zlib.zstdDecompressSync !== undefined) compressors.ZSTD = within(zlib.zstdDecompressSync);
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    if (!(groupRows >= 0 && groupRows <= Number(mostRows))) return yield { groupRows };
    const rowEnd = rowStart + groupRows;
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
    for (let from = 0; from < rows.length; from += 256) yield { rows: rows.slice(from, from + 256) };
    rowStart = rowEnd;
  }
}
const source = replies();
process.on("message", () =>
  source.next().then(
    ({ value }) => process.send(value ?? {}),
    (error) => process.send({ fault: String(error?.message).slice(0, 200) }),
  ),
);
process.on("disconnect", () => process.exit());
// An interrupt is for the process that reads.
process.on("SIGINT", () => {});
`;

/** @param heapMegabytes what the decoder's heap may take: as much as this process's own */
export async function* readParquet(
  path: string,
  heapMegabytes: number = Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20),
): AsyncGenerator<TableRow> {
  let line = 0;
  for await (const { rows = [], groupRows, fault } of decode(path, heapMegabytes)) {
    if (fault !== undefined)
      throw inputError(
        `the Parquet file cannot be read: ${fault}`,
        { file: path },
        "Write it again with Snappy compression and smaller row groups, or convert it to JSON lines.",
      );
    if (groupRows !== undefined)
      throw inputError(
        `a row group has ${groupRows} rows, more than ${mostRowsPerGroup}`,
        { file: path },
        "Write the file with smaller row groups.",
      );
    for (const row of rows) yield { row, line: ++line };
  }
}

async function* decode(path: string, heapMegabytes: number): AsyncGenerator<Reply> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve("hyparquet")).href;
  const options = [`--max-old-space-size=${heapMegabytes}`, "--input-type=module", "--eval", decoder];
  const child = spawn(process.execPath, [...options, library, path, String(mostRowsPerGroup)], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced", // Dates and bigints arrive as such.
  });
  const ended = endOf(child);
  try {
    for (;;) {
      child.send("next", () => {}); // Where it fails the process has ended, which is told below.
      const reply = await Promise.race([once(child, "message").then(([message]) => message as Reply), ended]);
      if (Object.keys(reply).length === 0) return;
      yield reply;
    }
  } finally {
    child.kill("SIGKILL");
  }
}

/** Resolves when the decoder has ended before its last reply, whatever ended it. */
function endOf(child: ChildProcess): Promise<Reply> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) =>
      resolve({
        fault: `its decoder ended with ${signal ?? `code ${code}`}, as it does where counts in the file are false or memory is short`,
      }),
    );
    child.on("error", (error) => resolve({ fault: `its decoder did not start (${error.message})` }));
  });
}
