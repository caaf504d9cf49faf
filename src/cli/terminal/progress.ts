/** One progress line, and the speed it quotes. */
import { formatCount, formatLearningRate, formatSeconds } from "./format.ts";

export interface ProgressUpdate {
  done: number;
  total: number;
  /** What is counted; default "step". */
  unit?: string;
  loss?: number;
  learningRate?: number;
  /** Tokens since the stage began (any start will do; only differences count). */
  tokens?: number;
}

/** Speed is taken over this long, so that it follows a change and does not jump with every step. */
const windowSeconds = 30;
/** Samples nearer than this to the one before them are replaced by the next, so that fast steps do not pile up. */
const sampleSeconds = 0.2;

interface Sample {
  seconds: number;
  done: number;
  tokens: number | undefined;
}

/** Speed over the last half minute. The first update is the baseline, so a resumed stage starts at its own count. */
export class SpeedMeter {
  private samples: Sample[] = [];

  /** @param seconds clock of the update */
  add(update: ProgressUpdate, seconds: number): void {
    const beforeLast = this.samples.at(-2);
    if (beforeLast !== undefined && seconds - beforeLast.seconds < sampleSeconds) this.samples.pop();
    this.samples.push({ seconds, done: update.done, tokens: update.tokens });
    // The oldest sample kept is the last one outside the window: the window stays covered in full.
    while (this.samples.length > 2 && this.samples[1]!.seconds <= seconds - windowSeconds)
      this.samples.shift();
  }

  /** Per second, undefined until two updates are apart in time. */
  speed(): { done: number; tokens: number | undefined } | undefined {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.seconds <= first.seconds) return undefined;
    const seconds = last.seconds - first.seconds;
    const tokens =
      first.tokens === undefined || last.tokens === undefined
        ? undefined
        : (last.tokens - first.tokens) / seconds;
    return { done: (last.done - first.done) / seconds, tokens };
  }
}

/** `step 120/1000 (12%) | loss 2.314 | lr 3.0e-4 | 10,240 tok/s | eta 11.9m`; unknown parts are left out. */
export function progressLine(update: ProgressUpdate, speed: ReturnType<SpeedMeter["speed"]>): string {
  const { done, total, unit = "step", loss, learningRate } = update;
  const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
  const parts = [`${unit} ${done}/${total} (${percent}%)`];
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(3)}`);
  if (learningRate !== undefined) parts.push(`lr ${formatLearningRate(learningRate)}`);
  if (speed?.tokens !== undefined) parts.push(`${formatCount(speed.tokens)} tok/s`);
  if (speed !== undefined && speed.done > 0 && done < total) {
    parts.push(`eta ${formatSeconds((total - done) / speed.done)}`);
  }
  return parts.join(" | ");
}
