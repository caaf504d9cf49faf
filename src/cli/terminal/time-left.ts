/** How much of a run is done and how long the rest takes, from stages of known relative cost. */

export interface WeightedStage {
  title: string;
  /** Expected cost relative to the other stages; above 0. */
  weight: number;
}

/** What this process has done of a stage. */
export interface StageWork {
  title: string;
  /** Share of the stage that was done already, in a run that was resumed; default 0. */
  from?: number;
  seconds: number;
}

/** Less than so many seconds, or so small a share of the run, is no measure of the rest: the first steps build graphs. */
const leastSeconds = 5;
const leastShare = 0.004;
/** The weight of a stage that is next to nothing may be wrong by any factor. */
const smallStage = 0.01;

/**
 * Stages are finished or skipped in any order. The estimate takes the seconds per weight of what this process has done;
 * skipped stages cost nothing, and neither they nor what was there before a resume say anything about speed.
 */
export class TimeLeft {
  private readonly weights = new Map<string, number>();
  private doneWeight = 0;
  private readonly measured: { stage: number; weight: number; seconds: number }[] = [];

  constructor(stages: readonly WeightedStage[]) {
    for (const { title, weight } of stages) this.weights.set(title, weight);
  }

  finish({ title, from = 0, seconds }: StageWork): void {
    const weight = this.weights.get(title);
    if (weight === undefined) return;
    this.weights.delete(title);
    this.doneWeight += weight;
    this.measured.push({ stage: weight, weight: weight * (1 - from), seconds });
  }

  skip(title: string): void {
    this.weights.delete(title);
  }

  /**
   * @param running the stage at work, and the share of it that is done
   * @returns share of the work done, in [0, 1], and seconds left; undefined until something can be said
   */
  estimate(running?: StageWork & { share: number }): { share: number; seconds: number } | undefined {
    let total = this.doneWeight;
    for (const weight of this.weights.values()) total += weight;
    let done = this.doneWeight;
    const measured = [...this.measured];
    const stage = running === undefined ? undefined : this.weights.get(running.title);
    if (running !== undefined && stage !== undefined) {
      const share = Math.min(1, running.share);
      done += stage * share;
      measured.push({ stage, weight: stage * (share - (running.from ?? 0)), seconds: running.seconds });
    }
    const telling = measured.filter((one) => one.weight > 0 && one.stage >= smallStage * total);
    const weight = telling.reduce((sum, one) => sum + one.weight, 0);
    const seconds = telling.reduce((sum, one) => sum + one.seconds, 0);
    if (seconds < leastSeconds || weight <= leastShare * total) return undefined;
    return { share: done / total, seconds: (seconds / weight) * (total - done) };
  }
}
