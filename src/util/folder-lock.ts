/**
 * Keeps a folder to one process at a time: a small file in it names the holder. It is made whole or not at all, and one
 * that a killed process left is taken over by exactly one of those who want it.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { inputError, type SkipthinkError } from "./errors.ts";
import { writingError } from "./system-errors.ts";

export interface FolderLock {
  release(): Promise<void>;
}

export interface FolderLockOptions {
  /** What the holder does, for the message: "process 7 on box is asking for its answers". */
  activity: string;
}

interface Holder {
  host: string;
  pid: number;
  /** Tells a process from an earlier one of the same number; undefined where the system does not say. */
  started?: string | undefined;
  /** Tells two locks of one process apart. */
  token: string;
}

/** A lock that is just being made or taken over is looked at again after so long, milliseconds. */
const pause = 50;
const looks = 20;

/**
 * Takes the lock, or takes it over from a process of this machine that is gone. The holder of another machine cannot be
 * asked, so its lock is never taken over. Processes of one host name are taken for the same machine's, which lets a
 * container that was restarted go on.
 * @param path the lock's file, e.g. `run/run.lock`; its folder is made if it is not there
 * @throws SkipthinkError (exit 2) naming folder and holder while another process, or this one, has the lock, or where the
 *   system refuses the file
 */
export async function lockFolder(path: string, options: FolderLockOptions): Promise<FolderLock> {
  try {
    return await takeLock(path, options);
  } catch (error) {
    throw writingError(error, path);
  }
}

async function takeLock(path: string, options: FolderLockOptions): Promise<FolderLock> {
  const own: Holder = {
    host: hostname(),
    pid: process.pid,
    started: await startOf(process.pid),
    token: randomUUID(),
  };
  await mkdir(dirname(path), { recursive: true });
  for (let look = 0; look < looks; look++) {
    if (look > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    await create(path, own);
    let holder = await readHolder(path);
    if (holder !== undefined && (await isGone(holder))) {
      await takeOver(path, own, holder);
      holder = await readHolder(path);
    }
    // What stands there decides, not what the calls said: over a network a link may be made and reported as refused.
    if (holder?.token === own.token) return { release: () => release(path, own) };
    if (holder !== undefined && !(await isGone(holder))) throw refusal(path, holder, options);
  }
  throw refusal(path, undefined, options);
}

/** Makes the lock, with its content from the first moment, unless there is one. */
async function create(path: string, own: Holder): Promise<void> {
  const text = JSON.stringify(own);
  const finished = join(dirname(path), `.${basename(path)}.${own.token}.tmp`);
  await writeNew(finished, text);
  try {
    await link(finished, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    // Some file systems have no hard links: there a lock is empty for a moment.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
    await writeNew(path, text);
  } finally {
    await rm(finished, { force: true });
  }
}

/**
 * Puts our lock in the place of a dead holder's. The right to do so is a file that bears the dead lock's token, so that
 * nobody removes the fresh lock of whoever was faster.
 */
async function takeOver(path: string, own: Holder, dead: Holder): Promise<void> {
  const right = join(dirname(path), `.${basename(path)}.after-${dead.token}`);
  if (!(await writeNew(right, JSON.stringify(own)))) return;
  try {
    if ((await readHolder(path))?.token === dead.token) await rename(right, path);
  } finally {
    await rm(right, { force: true });
  }
}

/** A lock that somebody else has by now, since it was deleted by hand, stays. */
async function release(path: string, own: Holder): Promise<void> {
  if ((await readHolder(path))?.token === own.token) await rm(path, { force: true });
}

/** @returns false if there is a file of that name */
async function writeNew(path: string, text: string): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await open(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    await handle.writeFile(text, "utf8");
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

/** Undefined where there is no lock, or anything but one of ours. */
async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let value: Partial<Record<keyof Holder, unknown>> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { host, pid, started, token } = value ?? {};
  if (typeof host !== "string" || typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0)
    return undefined;
  if (started !== undefined && typeof started !== "string") return undefined;
  // It becomes a part of a file's name.
  if (typeof token !== "string" || !/^[0-9a-f-]{1,64}$/.test(token)) return undefined;
  return { host, pid, started, token };
}

/** Whether the holder is known not to run any more. */
async function isGone({ host, pid, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user is there, too.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return true;
  }
  const now = await startOf(pid);
  return started !== undefined && now !== undefined && started !== now;
}

/** When a process began, in the kernel's own count; undefined on systems other than Linux. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The program's name stands in brackets and may hold anything; the start is the 20th field behind it.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

function refusal(path: string, holder: Holder | undefined, { activity }: FolderLockOptions): SkipthinkError {
  const folder = dirname(path);
  if (holder === undefined) {
    return inputError(
      `${folder} is locked, and the lock does not say by whom`,
      { file: path },
      `If no process of skipthink works in that folder, delete ${path}.`,
    );
  }
  const { host, pid } = holder;
  const here = host === hostname();
  return inputError(
    `${folder} is in use: process ${pid} on ${host.slice(0, 200)} ${activity}`,
    { file: path },
    here
      ? `Wait until it ends, or stop it; if process ${pid} is none of skipthink's, delete ${path}.`
      : `Wait until it ends. From here it cannot be seen whether it still runs: if it does not, delete ${path}.`,
  );
}
