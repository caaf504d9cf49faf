/** Prints what went wrong, where, and what to do; the exit code follows from it. */
import { overridePlace } from "../../pipeline/config/overrides.ts";
import { type ExitCode, exitCodes, SkipthinkError } from "../../util/errors.ts";
import { stripControlCharacters, toOneLine } from "./sanitize.ts";
import { colorsFor, type TerminalStream, wantsColor } from "./stream.ts";

export interface ReportErrorOptions {
  stream?: TerminalStream;
  color?: boolean;
  /** One JSON line in place of the text. */
  json?: boolean;
  environment?: Readonly<Record<string, string | undefined>>;
}

/** What the operating system refuses is the user's machine's matter, not a defect of the program: exit code 2. */
const systemRemedies: Readonly<Record<string, string>> = {
  ENOSPC: "Free some disk space and run the command again; a run goes on with --resume.",
  EDQUOT: "Free some of your disk quota and run the command again; a run goes on with --resume.",
  EFBIG:
    "Raise the limit of a file's size (ulimit -f) and run the command again; a run goes on with --resume.",
  ENOTDIR: "Choose another path: a part of this one is a file.",
  EACCES: "Check the permissions of that path.",
  EPERM: "Check the permissions of that path.",
  EROFS: "Choose a folder that can be written to.",
  EMFILE: "Raise the limit of open files (ulimit -n) and run the command again.",
  EISDIR: "Name a file: there is a folder of that name.",
  EEXIST: "Choose another path: a part of this one is there already, and it is no folder.",
  ENAMETOOLONG: "Choose a shorter name.",
  ESPIPE: "Write what comes through the pipe to a file and give that: a pipe cannot be read twice.",
  EADDRINUSE: "Choose another port.",
  EADDRNOTAVAIL: "Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them.",
  ENOTFOUND: "Check the host's name: no address is known for it.",
  EAI_AGAIN: "Check the host's name and the connection: no name server has answered.",
};

/** Prints `error` on stderr (or `stream`) and returns the exit code to end with. */
export function reportError(error: unknown, options: ReportErrorOptions = {}): ExitCode {
  const stream = options.stream ?? process.stderr;
  const environment = options.environment ?? process.env;
  const { message, place, remedy, exitCode, stack } = explain(error);
  if (options.json) {
    stream.write(`${JSON.stringify({ event: "error", message, ...place, remedy, exitCode })}\n`);
    return exitCode;
  }
  const colors = colorsFor(options.color ?? wantsColor(stream, environment));
  const lines = [`${colors.red("error:")} ${stripControlCharacters(message).replaceAll("\n", "\n  ")}`];
  const where = whereText(place);
  if (where !== "") lines.push(`  ${toOneLine(where)}`);
  if (remedy !== undefined) lines.push(`  ${colors.cyan("fix:")} ${toOneLine(remedy)}`);
  if (stack !== undefined && environment.SKIPTHINK_DEBUG === "1") lines.push(stripControlCharacters(stack));
  stream.write(`${lines.join("\n")}\n`);
  return exitCode;
}

/** "at my.yaml:3 (seed)", or "on the command line (--seeds)". */
function whereText({ file, line, key }: SkipthinkError["place"]): string {
  const isOption = file === undefined && key?.startsWith("--");
  if (file === undefined && !isOption) return key === undefined ? "" : `at ${key}`;
  const place =
    isOption || file === overridePlace
      ? "on the command line"
      : `at ${[file, line].filter((part) => part !== undefined).join(":")}`;
  return key === undefined ? place : `${place} (${key})`;
}

interface Explanation {
  message: string;
  place: SkipthinkError["place"];
  remedy: string | undefined;
  exitCode: ExitCode;
  stack: string | undefined;
}

/** What Node says of a call that the system refused. */
type SystemError = NodeJS.ErrnoException & { dest?: string };

function explain(error: unknown): Explanation {
  const stack = error instanceof Error ? stackOf(error) : undefined;
  if (error instanceof SkipthinkError) {
    const { message, place, remedy, exitCode } = error;
    return { message, place, remedy, exitCode, stack };
  }
  const message = error instanceof Error ? error.message : String(error);
  const { code, path, dest } = error instanceof Error ? (error as SystemError) : {};
  const systemRemedy = code === undefined ? undefined : systemRemedies[code];
  if (systemRemedy !== undefined) {
    // Of a copy, the file that was to be written.
    return { message, place: { file: dest ?? path }, remedy: systemRemedy, exitCode: exitCodes.usage, stack };
  }
  return {
    message: `${message || "an error without a message"}\nthis is a defect of skipthink, not of your input`,
    place: {},
    remedy: "Run again with SKIPTHINK_DEBUG=1 and report what it prints.",
    exitCode: exitCodes.failure,
    stack,
  };
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own;
}
