/** Stops a training that has gone wrong before it wastes hours, and says which batch it was. */
import type { StepReport } from "../engine/engine.ts";
import type { PlannedBatch } from "../method/items/types.ts";
import { SkipthinkError } from "../util/errors.ts";
import { mean } from "../util/mean.ts";

const settleSteps = 50;

/** Where the loss began and where it is, smoothed. */
export interface LossTrend {
  start: number;
  average: number;
  steps: number;
}

export class DivergenceGuard {
  private readonly seen: LossTrend;
  private readonly mayRise: boolean;

  /**
   * @param options.mayRise the targets change, so that a rising loss is no sign of divergence
   * @param options.trend of an earlier part of the training: against a loss that is low already, every rise would look large
   */
  constructor(options: { mayRise?: boolean; trend?: LossTrend | undefined } = {}) {
    this.mayRise = options.mayRise ?? false;
    this.seen = { ...(options.trend ?? { start: 0, average: 0, steps: 0 }) };
  }

  /** To go on from later. */
  trend(): LossTrend {
    return { ...this.seen };
  }

  /** @throws SkipthinkError (exit 1) if the loss is not a number, or has risen far above where it began */
  check(
    report: StepReport,
    batch: PlannedBatch,
    place: { method: string; epoch: number; step: number },
  ): void {
    const where = `${place.method}, step ${place.step}, epoch ${place.epoch + 1}, stage ${batch.stage}`;
    const rationales = batch.rationaleIds.slice(0, 4).join(", ");
    if (!Number.isFinite(report.loss) || !Number.isFinite(report.gradientNorm)) {
      throw new SkipthinkError(`the loss is not a number (${where}; rationales ${rationales})`, {
        remedy:
          "Lower train.learningRate or set train.maxGradientNorm; the last checkpoint is intact and --resume starts from it.",
      });
    }
    const { seen } = this;
    seen.steps += 1;
    // Items without their weights: those of a task that counts little would make the next task's look like a rise.
    const loss = mean([...report.sequenceLosses]);
    const smoothing = Math.min(0.95, 1 - 1 / seen.steps);
    seen.average = smoothing * seen.average + (1 - smoothing) * loss;
    if (seen.steps <= 20) seen.start = seen.average;
    if (!this.mayRise && seen.steps > settleSteps && seen.average > 2 * seen.start + 1) {
      throw new SkipthinkError(
        `training diverges: the mean loss rose from ${seen.start.toFixed(2)} to ${seen.average.toFixed(2)} (${where}; rationales ${rationales})`,
        { remedy: "Lower train.learningRate; the last checkpoint is intact." },
      );
    }
  }
}
