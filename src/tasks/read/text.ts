/** Text of a file in chunks, checked to be UTF-8; a byte order mark at its start is dropped. */
import { createReadStream } from "node:fs";
import { inputError } from "../../util/errors.ts";

const chunkBytes = 1 << 20;

export async function* readText(path: string): AsyncGenerator<string> {
  // TextDecoder drops the byte order mark and, being fatal, refuses what is not UTF-8.
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let offset = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw inputError(
        `the file is not UTF-8 text (near byte ${offset})`,
        { file: path },
        "Convert it to UTF-8, or set the format that the file has.",
      );
    }
  };
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    const text = decode(chunk);
    if (text !== "") yield text;
    offset += chunk.length;
  }
  const rest = decode();
  if (rest !== "") yield rest;
}
