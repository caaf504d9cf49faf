/** The part of a terminal stream that messages need, and the choice of colour. */
import pc from "picocolors";

export interface TerminalStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** NO_COLOR switches colour off, FORCE_COLOR on; else a terminal that is not "dumb" gets it. */
export function wantsColor(
  stream: TerminalStream,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  if (environment.NO_COLOR) return false;
  if (environment.FORCE_COLOR && environment.FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && environment.TERM !== "dumb";
}

export function colorsFor(color: boolean): ReturnType<typeof pc.createColors> {
  return pc.createColors(color);
}
