/** From tokens to lines on a terminal, as they come. */
import type { Tokenizer } from "../../students/tokenizer-interface.ts";
import { stripControlCharacters } from "../terminal/sanitize.ts";
import type { TerminalStream } from "../terminal/stream.ts";

/** Text of a growing list of tokens; half a character (its other bytes are in the next token) is held back. */
export class TextStream {
  /** What has been given out so far. */
  text = "";
  private readonly tokenizer: Tokenizer;
  private readonly tokens: number[] = [];

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** @returns the text that this token adds */
  push(token: number): string {
    this.tokens.push(token);
    const whole = this.tokenizer.decode(this.tokens);
    return whole.endsWith("\uFFFD") ? "" : this.advance(whole);
  }

  /** @returns what was held back */
  flush(): string {
    return this.advance(this.tokenizer.decode(this.tokens));
  }

  private advance(whole: string): string {
    const fresh = whole.slice(this.text.length);
    this.text = whole;
    return fresh;
  }
}

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
