/**
 * Trains a byte-level BPE vocabulary on a user's texts and returns it as a tokenizer.json object. The 256 byte
 * characters are always in the vocabulary, so every text round-trips. Counting is incremental: a merge touches only the
 * words that hold its pair.
 */
import { inputError } from "../util/errors.ts";
import { byteCharacters, byteLevelPreTokenizer, splitWords } from "./byte-level.ts";

export interface BpeOptions {
  /** Ids in the finished vocabulary: end of text, 256 bytes, merges. Fewer when no pair occurs twice any more. */
  vocabularySize: number;
  /** Content of the end-of-text token (id 0), e.g. "<|endoftext|>". */
  endOfText: string;
  /** Every digit is a token of its own, so that numbers are always read digit by digit. */
  splitDigits: boolean;
}

/** The parts of a tokenizer.json file that are read or changed here; unknown keys are kept. */
export interface TokenizerDocument {
  added_tokens: AddedTokenEntry[];
  pre_tokenizer: Record<string, unknown> | null;
  model: Record<string, unknown>;
  [key: string]: unknown;
}

export interface AddedTokenEntry {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

const firstMergedId = 257;

/**
 * Byte-pair encoding after Sennrich et al. 2016 over GPT-2's words. Deterministic: the most frequent pair merges first, ties
 * go to the lexicographically smaller pair (left token, then right token, by code unit). A pair whose joined content is a
 * token already is passed over, so that every merge adds exactly one token.
 */
export function trainByteLevelBpe(texts: Iterable<string>, options: BpeOptions): TokenizerDocument {
  const { vocabularySize, endOfText, splitDigits } = options;
  if (!Number.isInteger(vocabularySize) || vocabularySize < firstMergedId || vocabularySize > 1_000_000) {
    throw inputError(
      `a byte-level vocabulary cannot have ${vocabularySize} entries`,
      { key: "vocabularySize" },
      `Use a whole number from ${firstMergedId} (end of text and 256 bytes) to 1,000,000.`,
    );
  }
  if (endOfText.length < 2) {
    throw inputError(
      `"${endOfText}" cannot mark the end of a text`,
      { key: "endOfText" },
      "Use <|endoftext|>.",
    );
  }
  const { tokens, merges } = mergePairs(countWords(texts, splitDigits), vocabularySize, endOfText);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [specialTokenEntry(0, endOfText)],
    normalizer: null,
    pre_tokenizer: byteLevelPreTokenizer(splitDigits),
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** A special added token as tokenizer.json writes it. */
export function specialTokenEntry(id: number, content: string): AddedTokenEntry {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function countWords(texts: Iterable<string>, splitDigits: boolean): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitWords(text, splitDigits)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

interface Pair {
  left: number;
  right: number;
  count: number;
  /** Indices of words that hold the pair, or held it once. */
  words: Set<number>;
}

function mergePairs(wordCounts: ReadonlyMap<string, number>, vocabularySize: number, endOfText: string) {
  // Ids as in Hugging Face's trainer: special token, byte characters in code-unit order, merges in order of creation.
  const alphabet = [...byteCharacters].sort();
  const tokens = [endOfText, ...alphabet];
  const known = new Set(tokens);
  const merges: [string, string][] = [];
  const idOfByte = byteCharacters.map((character) => 1 + alphabet.indexOf(character));

  // Each word is its symbols, shortened in place as pairs merge.
  const words: number[][] = [];
  const frequencies: number[] = [];
  for (const [word, count] of wordCounts) {
    words.push(Array.from(Buffer.from(word, "utf8"), (byte) => idOfByte[byte]!));
    frequencies.push(count);
  }

  const pairs = new Map<number, Pair>();
  const keyOf = (left: number, right: number) => left * vocabularySize + right;
  const addToPair = (left: number, right: number, word: number, count: number): Pair => {
    const key = keyOf(left, right);
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, words: new Set() };
      pairs.set(key, pair);
    }
    pair.count += count;
    if (count > 0) pair.words.add(word);
    return pair;
  };
  words.forEach((symbols, word) => {
    for (let i = 1; i < symbols.length; i++) {
      addToPair(symbols[i - 1]!, symbols[i]!, word, frequencies[word]!);
    }
  });

  const queue = new PairQueue(tokens);
  for (const pair of pairs.values()) queue.push(pair, pair.count);
  while (tokens.length < vocabularySize) {
    const entry = queue.pop();
    if (entry === undefined) break;
    const { pair, count } = entry;
    if (count !== pair.count) {
      // The pair lost occurrences since it was queued (a pair never gains any after the merge that created it).
      queue.push(pair, pair.count);
      continue;
    }
    const joined = tokens[pair.left]! + tokens[pair.right]!;
    if (known.has(joined)) continue;
    const merged = tokens.length;
    tokens.push(joined);
    known.add(joined);
    merges.push([tokens[pair.left]!, tokens[pair.right]!]);

    const created = new Set<Pair>();
    for (const word of pair.words) {
      const symbols = words[word]!;
      const frequency = frequencies[word]!;
      let write = 0;
      for (let read = 0; read < symbols.length; read++) {
        const symbol = symbols[read]!;
        if (symbol !== pair.left || symbols[read + 1] !== pair.right) {
          symbols[write++] = symbol;
          continue;
        }
        // symbols[write - 1] is the left neighbour (already merged where it could be), symbols[read + 2] the right one.
        const after = symbols[read + 2];
        if (write > 0) {
          const before = symbols[write - 1]!;
          addToPair(before, symbol, word, -frequency);
          created.add(addToPair(before, merged, word, frequency));
        }
        if (after !== undefined) {
          addToPair(pair.right, after, word, -frequency);
          created.add(addToPair(merged, after, word, frequency));
        }
        symbols[write++] = merged;
        read++;
      }
      symbols.length = write;
    }
    pairs.delete(keyOf(pair.left, pair.right));
    for (const candidate of created) queue.push(candidate, candidate.count);
  }
  return { tokens, merges };
}

/** Binary max-heap of pairs with the count each had when it was queued. */
class PairQueue {
  private readonly heap: { pair: Pair; count: number }[] = [];
  private readonly tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  /** Pairs that occur less than twice are left out: merging them would only memorize one word. */
  push(pair: Pair, count: number): void {
    if (count < 2) return;
    const { heap } = this;
    let index = heap.length;
    heap.push({ pair, count });
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  pop(): { pair: Pair; count: number } | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let index = 0; ; ) {
      let best = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && this.isBefore(child, best)) best = child;
      }
      if (best === index) return top;
      this.swap(index, best);
      index = best;
    }
  }

  private isBefore(first: number, second: number): boolean {
    const a = this.heap[first]!;
    const b = this.heap[second]!;
    if (a.count !== b.count) return a.count > b.count;
    const leftA = this.tokens[a.pair.left]!;
    const leftB = this.tokens[b.pair.left]!;
    if (leftA !== leftB) return leftA < leftB;
    return this.tokens[a.pair.right]! < this.tokens[b.pair.right]!;
  }

  private swap(first: number, second: number): void {
    const { heap } = this;
    [heap[first], heap[second]] = [heap[second]!, heap[first]!];
  }
}
