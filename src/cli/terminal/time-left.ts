/** How much of a run is done and how long the rest takes, from stages of known relative cost. */

export interface WeightedStage {
  title: string;
  /** Expected cost relative to the other stages; above 0. */
  weight: number;
}

/**
 * Stages are finished or skipped in any order. The estimate takes the seconds per weight of what was done so far; skipped
 * stages cost nothing and say nothing about speed.
 */
export class TimeLeft {
  private readonly weights = new Map<string, number>();
  private doneWeight = 0;
  private doneSeconds = 0;

  constructor(stages: readonly WeightedStage[]) {
    for (const { title, weight } of stages) this.weights.set(title, weight);
  }

  finish(title: string, seconds: number): void {
    this.doneWeight += this.weights.get(title) ?? 0;
    if (this.weights.delete(title)) this.doneSeconds += seconds;
  }

  skip(title: string): void {
    this.weights.delete(title);
  }

  /**
   * @param running the stage at work, the share of it that is done and its seconds so far
   * @returns share of the work done, in [0, 1], and seconds left; undefined until something can be said
   */
  estimate(running?: {
    title: string;
    share: number;
    seconds: number;
  }): { share: number; seconds: number } | undefined {
    let total = this.doneWeight;
    for (const weight of this.weights.values()) total += weight;
    let done = this.doneWeight;
    let seconds = this.doneSeconds;
    const weight = running === undefined ? undefined : this.weights.get(running.title);
    if (running !== undefined && weight !== undefined && running.share > 0) {
      done += weight * Math.min(1, running.share);
      seconds += running.seconds;
    }
    if (done <= 0 || seconds <= 0) return undefined;
    return { share: done / total, seconds: (seconds / done) * (total - done) };
  }
}
