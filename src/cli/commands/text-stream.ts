/** A student's text on a terminal, line by line as it comes. */
import { stripControlCharacters } from "../terminal/sanitize.ts";
import type { TerminalStream } from "../terminal/stream.ts";

/** Writes text without control characters; line breaks never make empty lines. */
export class LineWriter {
  private readonly stream: TerminalStream;
  private lineIsEmpty = true;

  constructor(stream: TerminalStream) {
    this.stream = stream;
  }

  write(text: string): void {
    let clean = stripControlCharacters(text);
    // A line's leading white space belongs to the text, not to the line.
    if (this.lineIsEmpty) clean = clean.trimStart();
    if (clean === "") return;
    this.stream.write(clean);
    this.lineIsEmpty = clean.endsWith("\n");
  }

  breakLine(): void {
    if (!this.lineIsEmpty) this.stream.write("\n");
    this.lineIsEmpty = true;
  }

  end(): void {
    this.breakLine();
  }
}
