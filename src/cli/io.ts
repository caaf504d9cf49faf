/** The outside world as a command sees it; tests give their own. */
import { createReporter, type Reporter } from "./terminal/reporter.ts";
import { type TerminalStream, wantsColor } from "./terminal/stream.ts";

export interface CliIo {
  /** Results, and nothing else. */
  stdout: TerminalStream;
  /** Messages and progress. */
  stderr: TerminalStream;
  environment: Readonly<Record<string, string | undefined>>;
  /** Reads standard input to its end. */
  readStdin(): Promise<string>;
}

export const processIo: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  async readStdin() {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return Buffer.concat(parts).toString("utf8");
  },
};

/** People's reporter on stderr, also under --json: there the one JSON object goes to stdout. */
export function reporterOf(io: CliIo, quiet: boolean): Reporter {
  return createReporter({ stream: io.stderr, quiet, color: wantsColor(io.stderr, io.environment) });
}

export function printJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}
