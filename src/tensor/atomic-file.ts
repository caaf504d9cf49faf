/** Files that are either whole or not there: written beside their place, flushed, then renamed; and files that grow. */
import { randomUUID } from "node:crypto";
import { appendFile, type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writingError } from "../util/system-errors.ts";

/** A complete file under a temporary name, ready to take its place. */
export interface StagedFile {
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Writes a file under a temporary name beside `path` and flushes it to disk. Several files can be staged before the first
 * takes its place, so that a full disk leaves the old ones untouched. Missing folders are made.
 *
 * @throws SkipthinkError naming the file when the system refuses (disk full, no permission); nothing is left behind
 */
export async function stageFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<StagedFile> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  const discard = () => rm(temporary, { force: true }).catch(() => {});
  let handle: FileHandle | undefined;
  try {
    await mkdir(folder, { recursive: true });
    handle = await open(temporary, "wx");
    await write(handle);
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle?.close().catch(() => {});
    await discard();
    throw writingError(error, path);
  }
  const commit = async () => {
    try {
      await rename(temporary, path);
    } catch (error) {
      await discard();
      throw writingError(error, path);
    }
  };
  return { commit, discard };
}

/** Writes `path` through `write`: readers see the old file or the complete new one. Errors as stageFile. */
export async function writeFileAtomically(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  await (await stageFile(path, write)).commit();
}

export async function writeTextAtomically(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, (handle) => handle.writeFile(text, "utf8"));
}

/** Writes all bytes at the handle's position; a short write (disk nearly full) is continued until the system refuses. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}

/**
 * Adds text to a file that grows. A full disk may leave a part of it behind, as a kill does, so readers must expect an
 * unfinished last line. Errors as stageFile.
 */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text);
  } catch (error) {
    throw writingError(error, path);
  }
}
