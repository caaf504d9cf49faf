/** Files that are either whole or not there: written beside their place, flushed, then renamed. */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SkipthinkError } from "../util/errors.ts";

/**
 * Writes `path` through `write`. Readers see the old file or the complete new one; on any failure the temporary file is
 * removed and the old file stays. Missing folders are made.
 *
 * @throws SkipthinkError naming the file when the system refuses (disk full, no permission, read-only)
 */
export async function writeFileAtomically(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  let handle: FileHandle | undefined;
  try {
    await mkdir(folder, { recursive: true });
    handle = await open(temporary, "wx");
    await write(handle);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
  } catch (error) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    throw explainSystemError(error, path);
  }
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

const remedies: Record<string, [reason: string, remedy: string]> = {
  ENOSPC: ["the disk is full", "Free space or choose another folder, then run again."],
  EDQUOT: ["the disk quota is used up", "Free space or choose another folder, then run again."],
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
    place: { file: path },
    remedy,
    cause: error,
  });
}
