/** What happens to a row that cannot be used: the run stops at it, or it is counted and told in the notes. */
import { inputError } from "../util/errors.ts";

export type BadRowPolicy = "stop" | "skip";

/** Line numbers named per reason; the rest are only counted. */
const linesNamed = 5;

/** "line 3, 8, 12, ...": where the first of many rows stand. */
export function namedLines(lines: readonly number[]): string {
  return `line ${lines.slice(0, linesNamed).join(", ")}${lines.length > linesNamed ? ", ..." : ""}`;
}

export class BadRows {
  readonly file: string;
  readonly policy: BadRowPolicy;
  private readonly linesOfReason = new Map<string, number[]>();

  constructor(file: string, policy: BadRowPolicy) {
    this.file = file;
    this.policy = policy;
  }

  /** Throws the row's error, or counts it under `reason`. */
  report(reason: string, line: number, error: unknown): void {
    if (this.policy === "stop") throw error;
    const lines = this.linesOfReason.get(reason) ?? [];
    lines.push(line);
    this.linesOfReason.set(reason, lines);
  }

  /** As `report`, with an error made of the reason. */
  reject(reason: string, line: number, detail: string, key: string, remedy: string): void {
    this.report(reason, line, inputError(`${reason}${detail}`, { file: this.file, line, key }, remedy));
  }

  notes(): string[] {
    return [...this.linesOfReason].map(([reason, lines]) => {
      return `${this.file}: ${lines.length} row${lines.length === 1 ? "" : "s"} skipped: ${reason} (${namedLines(lines)})`;
    });
  }
}
