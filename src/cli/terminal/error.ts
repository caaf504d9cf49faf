/** Prints what went wrong, where, and what to do; the exit code follows from it. */
import { overridePlace } from "../../pipeline/config/overrides.ts";
import { type ExitCode, exitCodes, SkipthinkError } from "../../util/errors.ts";
import { helpFor } from "../../util/system-errors.ts";
import { stripControlCharacters, toOneLine } from "./sanitize.ts";
import { colorsFor, type TerminalStream, wantsColor } from "./stream.ts";

export interface ReportErrorOptions {
  stream?: TerminalStream;
  color?: boolean;
  /** One JSON line in place of the text. */
  json?: boolean;
  environment?: Readonly<Record<string, string | undefined>>;
}

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
  const help = error instanceof Error ? helpFor(error) : undefined;
  if (help !== undefined) {
    const { path, dest } = error as SystemError;
    // Of a copy, the file that was to be written.
    return { message, place: { file: dest ?? path }, remedy: help.remedy, exitCode: exitCodes.usage, stack };
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
