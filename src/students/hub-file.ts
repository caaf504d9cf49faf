/**
 * One file of the hub into the cache, in the layout of Python's huggingface_hub. The library writes every download of a file
 * under the same name, so two processes would write into each other's; here each has a name of its own until it is whole.
 */
import { randomUUID } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { ListFileEntry } from "@huggingface/hub";

/** A download writes all the time: what has not grown for so long was left by a process that was killed. */
const staleMilliseconds = 60 * 60 * 1000;

export interface HubFileSource {
  repo: string;
  /** Commit. */
  revision: string;
  hubUrl?: string;
  accessToken?: string;
}

/**
 * @param storage the model's folder in the cache
 * @throws the library's error, or one for a file that came short
 */
export async function fetchHubFile(
  source: HubFileSource,
  entry: ListFileEntry,
  storage: string,
): Promise<void> {
  const { downloadFile, downloadFileToCacheDir } = await import("@huggingface/hub");
  const { path, size } = entry;
  // As the library names blobs; what is no hash is left to it.
  const name = entry.lfs?.oid ?? entry.xetHash ?? entry.oid ?? "";
  const blobs = join(storage, "blobs");
  if (/^[0-9a-f]{40,64}$/.test(name) && !existsSync(join(blobs, name))) {
    await mkdir(blobs, { recursive: true });
    await removeStale(blobs, name);
    const incomplete = join(blobs, `${name}.${randomUUID()}.incomplete`);
    try {
      const content = await downloadFile({ ...source, path });
      if (content === null) throw new Error(`the hub has no ${path}`);
      await pipeline(Readable.fromWeb(content.stream() as ReadableStream), createWriteStream(incomplete));
      const written = (await stat(incomplete)).size;
      if (written !== size) throw new Error(`${path} came with ${written} of ${size} bytes`);
      await rename(incomplete, join(blobs, name));
    } catch (error) {
      await rm(incomplete, { force: true });
      throw error;
    }
  }
  // Finds the blob, and makes the link of the snapshot.
  await quietly(() => downloadFileToCacheDir({ ...source, path, cacheDir: join(storage, "..") }));
}

async function removeStale(blobs: string, name: string): Promise<void> {
  for (const left of await readdir(blobs)) {
    if (!left.startsWith(`${name}.`) || !left.endsWith(".incomplete")) continue;
    const path = join(blobs, left);
    const touched = await stat(path).catch(() => undefined);
    if (touched !== undefined && Date.now() - touched.mtimeMs > staleMilliseconds)
      await rm(path, { force: true });
  }
}

/** The library reports each download on stdout, where a command's JSON goes. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { debug } = console;
  console.debug = () => {};
  try {
    return await work();
  } finally {
    console.debug = debug;
  }
}
