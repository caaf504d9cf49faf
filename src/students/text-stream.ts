/** From tokens to text, as they come. */
import type { Tokenizer } from "./tokenizer-interface.ts";

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
