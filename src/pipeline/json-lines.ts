/**
 * Files with one JSON value per line, read and written in parts: those of a million rationales are longer than the longest string
 * there is (half a gigabyte in Node.js).
 */
import { createReadStream } from "node:fs";
import { writeFileAtomically, writeFully } from "../tensor/atomic-file.ts";

const partLength = 1 << 20;

/** The values in order; empty lines are passed over. @throws SyntaxError at a line that is not JSON */
export async function* readJsonLines<T>(path: string): AsyncGenerator<T> {
  let rest = "";
  for await (const part of createReadStream(path, { encoding: "utf8", highWaterMark: partLength })) {
    const lines = (rest + (part as string)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.length > 0) yield JSON.parse(line) as T;
  }
  if (rest.length > 0) yield JSON.parse(rest) as T;
}

/** The values before the first line that is not JSON: a killed process leaves its last line unfinished. */
export async function readFinishedJsonLines<T>(path: string): Promise<T[]> {
  const values: T[] = [];
  try {
    for await (const value of readJsonLines<T>(path)) values.push(value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return values;
}

/** Readers see the old file or the complete new one. @throws SkipthinkError as writeFileAtomically */
export async function writeJsonLines(path: string, values: Iterable<unknown>): Promise<void> {
  await writeFileAtomically(path, async (handle) => {
    let part = "";
    for (const value of values) {
      part += JSON.stringify(value) + "\n";
      if (part.length < partLength) continue;
      await writeFully(handle, Buffer.from(part));
      part = "";
    }
    await writeFully(handle, Buffer.from(part));
  });
}
