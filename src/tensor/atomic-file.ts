/** Files that are either whole or not there: written beside their place, flushed, then renamed; and files that grow. */
import { randomUUID } from "node:crypto";
import { appendFile, type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exitCodes, SkipthinkError } from "../util/errors.ts";

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
    throw explainSystemError(error, path);
  }
  const commit = async () => {
    try {
      await rename(temporary, path);
    } catch (error) {
      await discard();
      throw explainSystemError(error, path);
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
    throw explainSystemError(error, path);
  }
}

const remedies: Record<string, [reason: string, remedy: string]> = {
  ENOSPC: ["the disk is full", "Free space or choose another folder, then run again."],
  EDQUOT: ["the disk quota is used up", "Free space or choose another folder, then run again."],
  EFBIG: ["the file would be larger than the system allows", "Raise the limit (ulimit -f), then run again."],
  EACCES: ["permission denied", "Choose a folder you may write to."],
  EPERM: ["permission denied", "Choose a folder you may write to."],
  EROFS: ["the file system is read-only", "Choose a folder you may write to."],
  EISDIR: ["there is a folder of that name", "Choose another path."],
  ENOTDIR: ["a part of the path is a file, not a folder", "Choose another path."],
  EEXIST: ["a part of the path is a file, not a folder", "Choose another path."],
};

function explainSystemError(error: unknown, path: string): unknown {
  const known = remedies[(error as NodeJS.ErrnoException | null)?.code ?? ""];
  if (known === undefined) return error;
  const [reason, remedy] = known;
  return new SkipthinkError(`cannot write ${path}: ${reason}`, {
    exitCode: exitCodes.usage,
    place: { file: path },
    remedy,
    cause: error,
  });
}
