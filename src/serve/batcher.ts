/**
 * Requests wait here for the student, which does one thing at a time. Greedy ones that wait together are decoded together;
 * drawn ones go alone, so that a seed gives the same text whatever else is asked.
 */
import type { Student } from "../engine/engine.ts";

export interface GenerationJob {
  prompt: readonly number[];
  maxNewTokens: number;
  /** 0: greedy. */
  temperature: number;
  seed: number;
  /** @returns false to end the text here */
  onToken: (token: number) => boolean;
}

export interface GenerationEnd {
  /** New tokens, the end of sequence included. */
  tokens: number;
  /** The student ended the text itself, or `onToken` did. */
  stopped: boolean;
}

interface Waiting {
  job: GenerationJob;
  tokens: number;
  ended: boolean;
  resolve: (end: GenerationEnd) => void;
  reject: (error: unknown) => void;
}

/** Thrown inside a batch whose requests have all ended, to leave the decoder. */
const nothingLeft = new Error("every request of the batch has ended");

/** A request that is not taken, and why: others may be later, or at another server. */
export class NotTaken extends Error {}

export class Batcher {
  private readonly student: Student;
  private readonly endOfSequence: number;
  private readonly suppressTokens: readonly number[];
  private readonly maxBatch: number;
  private readonly maxWaiting: number;
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private isEnding = false;

  constructor(
    student: Student,
    options: {
      endOfSequence: number;
      suppressTokens: readonly number[];
      maxBatch: number;
      maxWaiting: number;
    },
  ) {
    this.student = student;
    this.endOfSequence = options.endOfSequence;
    this.suppressTokens = options.suppressTokens;
    this.maxBatch = options.maxBatch;
    this.maxWaiting = options.maxWaiting;
  }

  /** @throws NotTaken when too many wait, and after `end` */
  generate(job: GenerationJob): Promise<GenerationEnd> {
    if (this.isEnding) throw new NotTaken("the server is shutting down");
    if (this.waiting.length >= this.maxWaiting) throw new NotTaken("too many requests are waiting");
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, tokens: 0, ended: false, resolve, reject });
      // Requests that arrive in the same moment share the first batch.
      this.running ??= new Promise<void>((next) => setImmediate(next)).then(() => this.work());
    });
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.isEnding = true;
    await this.running;
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) await this.runBatch(this.nextBatch());
    this.running = undefined;
  }

  private nextBatch(): Waiting[] {
    const first = this.waiting[0]!;
    const batch =
      first.job.temperature > 0
        ? [first]
        : this.waiting.filter(({ job }) => job.temperature === 0).slice(0, this.maxBatch);
    this.waiting = this.waiting.filter((one) => !batch.includes(one));
    return batch;
  }

  private async runBatch(batch: readonly Waiting[]): Promise<void> {
    const { temperature, seed } = batch[0]!.job;
    let open = batch.length;
    try {
      await this.student.generate(
        batch.map(({ job }) => ({ prompt: job.prompt, context: [] })),
        {
          maxNewTokens: Math.max(...batch.map(({ job }) => job.maxNewTokens)),
          stopTokens: [this.endOfSequence],
          suppressTokens: this.suppressTokens,
          temperature,
          seed,
          batchSize: batch.length,
          onToken: (index, token) => {
            const one = batch[index]!;
            if (one.ended) return;
            one.tokens++;
            const isEnd = token === this.endOfSequence;
            const stopped = isEnd || !one.job.onToken(token);
            if (!stopped && one.tokens < one.job.maxNewTokens) return;
            one.ended = true;
            one.resolve({ tokens: one.tokens, stopped });
            if (--open === 0) throw nothingLeft;
          },
        },
      );
      // The context was full.
      for (const one of batch) if (!one.ended) one.resolve({ tokens: one.tokens, stopped: false });
    } catch (error) {
      if (error !== nothingLeft) for (const one of batch) if (!one.ended) one.reject(error);
    }
  }
}
