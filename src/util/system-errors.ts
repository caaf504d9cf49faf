/** What the operating system refuses is the user's machine's matter, not a defect of the program: what it means and what to do. */

import { exitCodes, SkipthinkError } from "./errors.ts";

export interface SystemErrorHelp {
  /** Why a file cannot be written; undefined for what is no matter of writing files. */
  reason?: string;
  remedy: string;
}

const goOn = "run the command again; a run goes on with --resume.";
const partIsFile = "a part of the path is a file, not a folder";

const systemErrors: Readonly<Record<string, SystemErrorHelp>> = {
  ENOSPC: { reason: "the disk is full", remedy: `Free some disk space and ${goOn}` },
  EDQUOT: { reason: "the disk quota is used up", remedy: `Free some of your disk quota and ${goOn}` },
  EFBIG: {
    reason: "the file would be larger than the system allows",
    remedy: `Raise the limit of a file's size (ulimit -f) and ${goOn}`,
  },
  EACCES: { reason: "permission denied", remedy: "Check the permissions of that path, or choose another." },
  EPERM: { reason: "permission denied", remedy: "Check the permissions of that path, or choose another." },
  EROFS: { reason: "the file system is read-only", remedy: "Choose a folder that can be written to." },
  EISDIR: {
    reason: "there is a folder of that name",
    remedy: "Name a file: there is a folder of that name.",
  },
  ENOTDIR: { reason: partIsFile, remedy: "Choose another path: a part of this one is a file." },
  EEXIST: {
    reason: partIsFile,
    remedy: "Choose another path: a part of this one is there already, and it is no folder.",
  },
  EMFILE: { remedy: "Raise the limit of open files (ulimit -n) and run the command again." },
  ENAMETOOLONG: { reason: "the name is too long", remedy: "Choose a shorter name." },
  ESPIPE: {
    remedy: "Write what comes through the pipe to a file and give that: a pipe cannot be read twice.",
  },
  EADDRINUSE: { remedy: "Choose another port." },
  EADDRNOTAVAIL: {
    remedy: "Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them.",
  },
  ENOTFOUND: { remedy: "Check the host's name: no address is known for it." },
  EAI_AGAIN: { remedy: "Check the host's name and the connection: no name server has answered." },
};

/** Undefined for errors that are not the system's, and those that ask nothing of the user. */
export function helpFor(error: unknown): SystemErrorHelp | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && Object.hasOwn(systemErrors, code) ? systemErrors[code] : undefined;
}

/** The error to throw where `path` could not be written: a SkipthinkError (exit 2) with the remedy, or `error` itself if it is none of these. */
export function writingError(error: unknown, path: string): unknown {
  const help = helpFor(error);
  if (help?.reason === undefined) return error;
  return new SkipthinkError(`cannot write ${path}: ${help.reason}`, {
    exitCode: exitCodes.usage,
    place: { file: path },
    remedy: help.remedy,
    cause: error,
  });
}
