/**
 * A small deterministic student for tests: the next token depends on the last token and on the bag of all tokens before, by
 * seeded hashes, and on rules ("after `after`, if all of `needs` were seen, `next` follows"). `score` and `generate` use the
 * same logits, so they must agree wherever the method says they do.
 */
import type {
  EngineCounters,
  GenerateOptions,
  Generation,
  ScoreOptions,
  SequenceScore,
  Student,
  StudentCapabilities,
  TokenSequence,
} from "../../src/engine/engine.ts";

export interface Rule {
  after: number;
  needs: readonly number[];
  next: number;
}

export interface FakeStudentOptions {
  seed: number;
  vocabularySize: number;
  rules?: readonly Rule[];
  /** Tokens the student does not see, e.g. markers. */
  ignored?: ReadonlySet<number>;
}

/** Uniform in [0, 1) from four integers. */
function hash(...values: number[]): number {
  let state = 0x811c9dc5;
  for (const value of values) {
    state = Math.imul(state ^ (value + 1), 0x01000193) >>> 0;
    state = Math.imul(state ^ (state >>> 15), 0x735a2d97) >>> 0;
  }
  return ((state ^ (state >>> 16)) >>> 0) / 2 ** 32;
}

export class FakeStudent implements Student {
  private readonly options: FakeStudentOptions;
  private readonly counts: EngineCounters = {
    scoredSequences: 0,
    scoredTokens: 0,
    forwardPasses: 0,
    trainingSteps: 0,
    generatedTokens: 0,
  };

  constructor(options: FakeStudentOptions) {
    this.options = options;
  }

  capabilities(): StudentCapabilities {
    const { vocabularySize } = this.options;
    return { family: "fake", parameters: 0, contextLength: 1024, vocabularySize, encoderDecoder: false };
  }

  counters(): EngineCounters {
    return { ...this.counts };
  }

  async score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<SequenceScore[]> {
    return sequences.map(({ prompt, context, target }) => {
      if (target.length === 0) throw new Error("empty target");
      this.counts.scoredSequences += 1;
      this.counts.scoredTokens += target.length;
      const given = [...prompt, ...context];
      const rows = Array.from({ length: target.length + 1 }, (_, i) =>
        this.logProbabilities([...given, ...target.slice(0, i)]),
      );
      return {
        logProbabilities: Float32Array.from(target, (token, i) => rows[i]![token]!),
        isArgmax: Uint8Array.from(target, (token, i) => (argmax(rows[i]!) === token ? 1 : 0)),
        alsoLogProbabilities: (options.alsoTokens ?? []).map((token) =>
          Float32Array.from(rows, (row) => row[token]!),
        ),
      };
    });
  }

  async generate(
    prompts: readonly Pick<TokenSequence, "prompt" | "context">[],
    options: GenerateOptions,
  ): Promise<Generation[]> {
    return prompts.map(({ prompt, context }) => {
      const given = [...prompt, ...context];
      const tokens: number[] = [];
      while (tokens.length < options.maxNewTokens) {
        const token = argmax(this.logProbabilities([...given, ...tokens]));
        tokens.push(token);
        if (options.stopTokens.includes(token)) return { tokens, stopped: true };
      }
      return { tokens, stopped: false };
    });
  }

  /** log p of every token after `before`. [vocabulary] */
  private logProbabilities(before: readonly number[]): Float64Array {
    const { seed, vocabularySize, rules = [], ignored } = this.options;
    const seen = ignored === undefined ? before : before.filter((token) => !ignored.has(token));
    const last = seen.at(-1) ?? -1;
    const bag = new Set(seen);
    const logits = new Float64Array(vocabularySize);
    for (let token = 0; token < vocabularySize; token++) {
      logits[token] = 3 * hash(seed, last, token);
      for (const earlier of bag) logits[token]! += hash(seed + 1, earlier, token) / 2;
    }
    for (const { after, needs, next } of rules)
      if (last === after && needs.every((token) => bag.has(token))) logits[next]! += 30;
    const largest = logits.reduce((a, b) => Math.max(a, b));
    const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) + largest;
    return logits.map((logit) => logit - logSum);
  }

  train(): never {
    throw new Error("the fake student does not learn");
  }
  saveModel(): never {
    throw new Error("the fake student has no files");
  }
  saveCheckpoint(): never {
    throw new Error("the fake student has no files");
  }
  loadCheckpoint(): never {
    throw new Error("the fake student has no files");
  }
  async close(): Promise<void> {}
}

function argmax(row: Float64Array): number {
  return row.reduce((best, value, token) => (value > row[best]! ? token : best), 0);
}
