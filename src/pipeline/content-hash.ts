/** What a data file or a model folder holds, for telling whether it has changed. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** SHA-256 of a file's bytes, 16 hex digits. */
export async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex").slice(0, 16);
}

/**
 * File name → hash, over the files that make a model and its tokenizer. All of their bytes: a student that was trained in its
 * middle layers alone has the size, the first and the last megabyte of the one it comes from.
 * @param hashFile undefined for what is no file
 */
export async function modelFolderHashes(
  folder: string,
  hashFile: (path: string) => Promise<string | undefined> = contentHash,
): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => /\.(json|safetensors|txt|model)$/.test(name)).sort();
  const hashes: Record<string, string> = {};
  for (const name of names) {
    const hash = await hashFile(join(folder, name));
    if (hash !== undefined) hashes[name] = hash;
  }
  return hashes;
}
