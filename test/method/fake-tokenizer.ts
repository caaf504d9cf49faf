/** A tokenizer for tests: a token is a word with the white space before it; ids are given in order of appearance. */
import type { Tokenizer } from "../../src/students/tokenizer-interface.ts";

export class FakeTokenizer implements Tokenizer {
  readonly endOfSequence = 0;
  private readonly tokens: string[];
  private readonly special: Set<string>;

  constructor(special: readonly string[] = ["<eos>"], tokens: readonly string[] = special) {
    this.special = new Set(special);
    this.tokens = [...tokens];
  }

  get vocabularySize(): number {
    return this.tokens.length;
  }

  encode(text: string): number[] {
    return (text.match(/\s*\S+|\s+$/g) ?? []).map((token) => {
      const id = this.tokens.indexOf(token);
      return id >= 0 && !this.special.has(token) ? id : this.tokens.push(token) - 1;
    });
  }

  decode(ids: readonly number[], options: { keepSpecial?: boolean } = {}): string {
    return ids
      .map((id) => this.tokens[id] ?? "")
      .filter((token) => options.keepSpecial || !this.special.has(token))
      .join("");
  }

  idOf(token: string): number | undefined {
    const id = this.tokens.indexOf(token);
    return id < 0 ? undefined : id;
  }

  withAddedTokens(tokens: readonly string[]): FakeTokenizer {
    const added = tokens.filter((token) => !this.special.has(token));
    return new FakeTokenizer([...this.special, ...added], [...this.tokens, ...added]);
  }

  async save(): Promise<void> {}
}
