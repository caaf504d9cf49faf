/** What happens when stdout or stderr takes no more: the command goes on to its own end, whatever becomes of its output. */
import { exitCodes } from "../util/errors.ts";

export interface OutputStream {
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  write(text: string): unknown;
}

/** The part of `process` that is used here. */
export interface OutputProcess {
  stdout: OutputStream;
  stderr: OutputStream;
  exitCode?: number | string | null | undefined;
}

/**
 * Keeps failed writes from ending the process. A reader that closes early (`skipthink generate … | head`, Ctrl-C at
 * `skipthink distill … 2>&1 | tee log`) is no error of ours; results that cannot be written (a full disk behind `> file`)
 * are told once and end with exit code 1, unless the command has one of its own.
 */
export function surviveOutputErrors(target: OutputProcess): void {
  // There is nowhere left to tell it.
  target.stderr.on("error", () => {});
  let failed = false;
  target.stdout.on("error", (error) => {
    if (failed) return;
    failed = true;
    if (error.code === "EPIPE") return;
    target.exitCode ||= exitCodes.failure;
    target.stderr.write(`error: the results cannot be written to stdout: ${error.message}\n`);
  });
}
