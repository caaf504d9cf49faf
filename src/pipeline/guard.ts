/** Stops a training that has gone wrong before it wastes hours, and says which batch it was. */
import type { StepReport } from "../engine/engine.ts";
import type { PlannedBatch } from "../method/items/types.ts";
import { SkipthinkError } from "../util/errors.ts";
import { mean } from "../util/mean.ts";

const settleSteps = 50;

export class DivergenceGuard {
  private start = 0;
  private average = 0;
  private steps = 0;
  private readonly mayRise: boolean;

  /** @param options.mayRise the targets change, so that a rising loss is no sign of divergence */
  constructor(options: { mayRise?: boolean } = {}) {
    this.mayRise = options.mayRise ?? false;
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
    this.steps += 1;
    // Items without their weights: those of a task that counts little would make the next task's look like a rise.
    const loss = mean([...report.sequenceLosses]);
    const smoothing = Math.min(0.95, 1 - 1 / this.steps);
    this.average = smoothing * this.average + (1 - smoothing) * loss;
    if (this.steps <= 20) this.start = this.average;
    if (!this.mayRise && this.steps > settleSteps && this.average > 2 * this.start + 1) {
      throw new SkipthinkError(
        `training diverges: the mean loss rose from ${this.start.toFixed(2)} to ${this.average.toFixed(2)} (${where}; rationales ${rationales})`,
        { remedy: "Lower train.learningRate; the last checkpoint is intact." },
      );
    }
  }
}
