/**
 * From one scored sequence to the cost of every chunk inside it. A causal student's token losses do not depend on what comes
 * later, and the engine also returns the loss of end-of-chunk at every position; so with prefix sums each candidate chunk of
 * the sequence costs one subtraction instead of one forward pass.
 */
import type { SequenceScore } from "../../engine/engine.ts";
import { SkipthinkError } from "../../util/errors.ts";

/** Losses of a run of steps that was scored as one target. */
export class StepLosses {
  /** ends[s]: tokens in the first s steps. */
  private readonly ends: number[] = [0];
  /** before[i]: summed NLL of the first i tokens, nats. */
  private readonly before: Float64Array;
  private readonly endOfChunk: Float32Array;

  /**
   * @param steps the steps whose tokens, joined, were the target
   * @param score its score, with end-of-chunk as the one `alsoTokens` entry
   */
  constructor(steps: readonly (readonly number[])[], score: SequenceScore, rationaleId: string) {
    for (const step of steps) this.ends.push(this.ends.at(-1)! + step.length);
    this.endOfChunk = score.alsoLogProbabilities[0]!;
    this.before = new Float64Array(score.logProbabilities.length + 1);
    score.logProbabilities.forEach((logProbability, i) => {
      this.before[i + 1] = this.before[i]! - logProbability;
    });
    if (!(Number.isFinite(this.before.at(-1)) && this.endOfChunk.every(Number.isFinite)))
      throw new SkipthinkError("The student's loss is not a finite number.", {
        place: { key: rationaleId },
        remedy: "Training has diverged: start again with a lower learning rate.",
      });
  }

  /** Mean NLL of steps `from` … `to - 1` and the end-of-chunk token after them. Steps count from the first one scored. */
  meanNll(from: number, to: number): number {
    const start = this.ends[from]!;
    const end = this.ends[to]!;
    return (this.before[end]! - this.before[start]! - this.endOfChunk[end]!) / (end - start + 1);
  }
}
