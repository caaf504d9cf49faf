/** What the method asks of a tokenizer; the implementation reads and writes Hugging Face tokenizer files. */
export interface Tokenizer {
  /** Number of ids, added tokens included: every id is below this. */
  readonly vocabularySize: number;
  readonly endOfSequence: number;
  /** Text to ids, no special tokens added. Added tokens that appear literally in user text are NOT parsed (untrusted text). */
  encode(text: string): number[];
  /** Ids to text. Special tokens are left out unless `keepSpecial`. Never throws, also for an empty list or unknown ids. */
  decode(ids: readonly number[], options?: { keepSpecial?: boolean }): string;
  /** Id of an added or ordinary token by its exact content, or undefined. */
  idOf(token: string): number | undefined;
  /** A copy with special tokens added (existing ones are kept as they are). */
  withAddedTokens(tokens: readonly string[]): Tokenizer;
  /** Writes tokenizer.json and tokenizer_config.json so that transformers loads them unchanged. */
  save(folder: string): Promise<void>;
}
