/** Parquet, row group by row group. */
import * as zlib from "node:zlib";
import { asyncBufferFromFile, type Compressors, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { inputError } from "../../util/errors.ts";
import type { TableRow } from "./table.ts";

/** Rows of one row group are held in memory; writers use about a million at most. */
const mostRowsPerGroup = 10_000_000;

/** Codecs beyond the reader's own (none, Snappy), as far as this Node has them. */
function compressors(): Compressors {
  const limits = (size: number): zlib.ZlibOptions => ({ maxOutputLength: Math.max(size, 1) });
  const { zstdDecompressSync } = zlib as {
    zstdDecompressSync?: (input: Uint8Array, o: object) => Uint8Array;
  };
  return {
    GZIP: (input, size) => zlib.gunzipSync(input, limits(size)),
    BROTLI: (input, size) => zlib.brotliDecompressSync(input, limits(size)),
    ...(zstdDecompressSync === undefined
      ? {}
      : { ZSTD: (input, size) => zstdDecompressSync(input, limits(size)) }),
  };
}

export async function* readParquet(path: string): AsyncGenerator<TableRow> {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message.slice(0, 200) : "unknown reason";
      throw inputError(
        `the Parquet file cannot be read: ${reason}`,
        { file: path },
        "Write it again with Snappy compression, or convert it to JSON lines.",
      );
    }
  };
  const file = await guard(() => asyncBufferFromFile(path));
  const metadata = await guard(() => parquetMetadataAsync(file));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    if (!(groupRows >= 0 && groupRows <= mostRowsPerGroup))
      throw inputError(
        `a row group has ${groupRows} rows, more than ${mostRowsPerGroup}`,
        { file: path },
        "Write the file with smaller row groups.",
      );
    const rowEnd = rowStart + groupRows;
    const from = rowStart;
    const rows = await guard(() =>
      parquetReadObjects({ file, metadata, rowStart: from, rowEnd, compressors: compressors() }),
    );
    for (const [index, row] of rows.entries()) yield { row, line: rowStart + index + 1 };
    rowStart = rowEnd;
  }
}
