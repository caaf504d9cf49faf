/** One cell as a process of its own: `skipthink distill` with the cell's overrides, its messages in a log beside its folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import type { StartCell } from "./run-cells.ts";

/** The compiled command line, which lies beside this folder. */
const commandFile = resolve(import.meta.dirname, "../cli/main.js");
/** What is kept of a process's messages, to say why it failed. */
const messageCharacters = 2_000;

export interface CellProcesses {
  start: StartCell;
  /** Hands a stop on to the processes that run: each saves and stops. */
  interrupt(): void;
}

/**
 * @param recipe path or shipped name
 * @param threads of each process's engine
 */
export function cellProcesses(recipe: string, threads: number): CellProcesses {
  const running = new Set<ChildProcess>();
  let isStopping = false;
  // A process that ends without a word takes its children with it; each has a checkpoint to go on from. Those that were asked to stop
  // already take it as the second Ctrl-C and stop at once.
  process.once("exit", () => running.forEach((child) => void child.kill("SIGINT")));
  const start: StartCell = async ({ folder, overrides }) => {
    await mkdir(dirname(folder), { recursive: true });
    if (isStopping) return { code: exitCodes.interrupted, message: "" };
    const resume = existsSync(join(folder, "run.json")) ? ["--resume"] : [];
    // Threads last: a cell has its share of the machine, whatever the recipe and its overrides say.
    const settings = [...overrides, `threads=${threads}`].flatMap((one) => ["--set", one]);
    const options = ["--out", folder, "--quiet"];
    const child = spawn(
      process.execPath,
      [commandFile, "distill", recipe, ...options, ...resume, ...settings],
      {
        stdio: ["ignore", "ignore", "pipe"],
        // Ctrl-C goes to the parent alone, which hands it on once; a process group would get it twice.
        detached: process.platform !== "win32",
        env: { ...process.env, NO_COLOR: "1" },
      },
    );
    running.add(child);
    const logFile = `${folder}.log`;
    const log = createWriteStream(logFile, { flags: "a" });
    const logEnd = finished(log).catch((error: Error) => {
      child.kill("SIGTERM");
      return error;
    });
    let message = "";
    child.stderr.on("data", (data: Buffer) => {
      if (!log.destroyed) log.write(data);
      message = (message + data.toString("utf8")).slice(-messageCharacters);
    });
    const code = await new Promise<number | null>((done, fail) => {
      child.on("error", fail);
      child.on("close", done);
    }).finally(() => {
      running.delete(child);
      log.end();
    });
    const logError = await logEnd;
    if (logError !== undefined)
      throw new SkipthinkError(`the log ${logFile} cannot be written: ${logError.message}`, {
        place: { file: logFile },
        remedy: "Free some disk space, or make way for the log, and run the same command again.",
        cause: logError,
      });
    // A stop ends a process that has not come far enough to handle it.
    if (code === null && isStopping) return { code: exitCodes.interrupted, message: "" };
    return { code, message: message.trim() };
  };
  const interrupt = (): void => {
    isStopping = true;
    for (const child of running) child.kill("SIGINT");
  };
  return { start, interrupt };
}
