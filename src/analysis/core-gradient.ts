/**
 * Gradient smoothing (docs/method.md §7): the step's gradient is the sum of the core tokens' part and the part of all others. How
 * long is the core part, and does the step still point its way?
 */
import type { InspectableStudent } from "../engine/engine.ts";
import type { MarkedBatch } from "./marked-batches.ts";

export interface StepGradient {
  stage: MarkedBatch["stage"];
  /** ‖g‖ of the whole step, before clipping. */
  norm: number;
  /** ‖g_core‖; 0 where the step has no core tokens. */
  coreNorm: number;
  /** cos(g_core, g); absent where one of them is 0. */
  cosine?: number;
  /** (g_core · g) / ‖g‖², the part of the step that core tokens make up; absent where g is 0. */
  part?: number;
}

/** Under the weights the student has now; nothing is updated. */
export async function stepGradient(student: InspectableStudent, batch: MarkedBatch): Promise<StepGradient> {
  const whole = new GradientSum();
  const core = new GradientSum();
  for (const { sequences, core: factors } of batch.microBatches) {
    whole.add(await student.gradients(sequences));
    if (factors.some((row) => row.some((isCore) => isCore > 0)))
      core.add(await student.gradients(sequences, factors));
  }
  const product = whole.dot(core);
  const [norm, coreNorm] = [Math.sqrt(whole.dot(whole)), Math.sqrt(core.dot(core))];
  return {
    stage: batch.stage,
    norm,
    coreNorm,
    ...(norm > 0 && coreNorm > 0 ? { cosine: product / (norm * coreNorm) } : {}),
    ...(norm > 0 ? { part: product / norm ** 2 } : {}),
  };
}

/** Gradients of micro-batches, added up. */
class GradientSum {
  private readonly sums = new Map<string, Float32Array>();

  add(gradients: ReadonlyMap<string, Float32Array>): void {
    for (const [name, values] of gradients) {
      const sum = this.sums.get(name);
      if (sum === undefined) this.sums.set(name, values);
      else for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
    }
  }

  dot(other: GradientSum): number {
    let total = 0;
    for (const [name, a] of this.sums) {
      const b = other.sums.get(name);
      if (b === undefined) continue;
      for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
    }
    return total;
  }
}

/** `count` batches, as many of each stage as there are, so that a small sample stands for an epoch; in their order. */
export function sampleByStage<T extends Pick<MarkedBatch, "stage">>(
  batches: readonly T[],
  count: number,
): T[] {
  const stages = [...new Set(batches.map(({ stage }) => stage))];
  const queues = stages.map((stage) => [...batches.keys()].filter((i) => batches[i]!.stage === stage));
  const picked: number[] = [];
  for (let round = 0; picked.length < Math.min(count, batches.length); round++)
    for (const queue of queues) {
      const next = queue[round];
      if (next !== undefined && picked.length < count) picked.push(next);
    }
  return picked.sort((a, b) => a - b).map((i) => batches[i]!);
}
