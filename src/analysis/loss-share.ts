/** How much of an optimizer step's loss falls on core tokens, and how much of its tokens they are (docs/method.md §7). */
import type { Student } from "../engine/engine.ts";
import type { MarkedBatch } from "./marked-batches.ts";

export interface StepShare {
  stage: MarkedBatch["stage"];
  /** Share of the loss if every token had the same loss: what the weighting of items alone makes of core tokens. */
  tokenShare: number;
  lossShare: number;
}

/** One result per batch, under the weights the student has now. */
export async function lossShares(student: Student, batches: readonly MarkedBatch[]): Promise<StepShare[]> {
  const parts = batches.map(({ microBatches }) => microBatches.flatMap(({ sequences }) => sequences));
  const scores = await student.score(parts.flat());
  let next = 0;
  return batches.map(({ stage, microBatches }) => {
    const [tokens, loss] = [new Split(), new Split()];
    for (const { sequences, core } of microBatches) {
      sequences.forEach(({ target, weight }, i) => {
        const { logProbabilities } = scores[next++]!;
        // The engine averages over an item's tokens, then weighs items: this is each token's part of the step's loss.
        const share = weight / target.length;
        core[i]!.forEach((isCore, t) => {
          tokens.add(share, isCore);
          loss.add(-share * logProbabilities[t]!, isCore);
        });
      });
    }
    return { stage, tokenShare: tokens.share(), lossShare: loss.share() };
  });
}

class Split {
  private all = 0;
  private core = 0;

  add(value: number, isCore: number): void {
    this.all += value;
    this.core += value * isCore;
  }

  share(): number {
    return this.all > 0 ? this.core / this.all : 0;
  }
}
