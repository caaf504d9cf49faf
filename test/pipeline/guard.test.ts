/** A training that has gone wrong stops at the step where it shows, and says which batch it was. */
import { expect, it } from "vitest";
import type { PlannedBatch } from "../../src/method/items/types.ts";
import { DivergenceGuard } from "../../src/pipeline/guard.ts";

const batch: PlannedBatch = { stage: 2, microBatches: [], rationaleIds: ["a/1", "b/1", "c/1", "d/1", "e/1"] };

/** Checks a report of that loss and norm as step 7 of the third epoch. */
function check(guard: DivergenceGuard, loss: number, gradientNorm = 1): void {
  const sequenceLosses = Float32Array.of(loss);
  const report = { loss, gradientNorm, sequenceLosses, targetTokens: 1, tokens: 1, paddedTokens: 1 };
  guard.check(report, batch, { method: "cwt-ac", epoch: 2, step: 7 });
}

/** Losses that fall from 4 to 2, and then stay at `end`. @returns steps before it stops; Infinity where it does not */
function stepsUntilStop(guard: DivergenceGuard, end: number): number {
  for (let step = 0; step < 60; step++) check(guard, 4 - step / 30);
  for (let step = 0; step < 500; step++) {
    try {
      check(guard, end);
    } catch (error) {
      expect((error as Error).message).toMatch(
        /^training diverges: the mean loss rose from [34]\.\d\d to \d+/,
      );
      return step;
    }
  }
  return Number.POSITIVE_INFINITY;
}

it.each([
  ["the loss is not a number", Number.NaN, 1],
  ["the gradient overflows", 2, Number.POSITIVE_INFINITY],
])("stops at once where %s, and names step, epoch, stage and batch", (_what, loss, norm) => {
  const guard = new DivergenceGuard();
  check(guard, 2);
  expect(() => check(guard, loss, norm)).toThrow(
    expect.objectContaining({
      message: "the loss is not a number (cwt-ac, step 7, epoch 3, stage 2; rationales a/1, b/1, c/1, d/1)",
      exitCode: 1,
      remedy: expect.stringContaining("train.learningRate"),
    }),
  );
});

it("compares items without their weights, which differ between the tasks of chunk-wise training", () => {
  const guard = new DivergenceGuard();
  const step = (loss: number, weight: number): void => {
    const report = {
      loss: weight * loss,
      gradientNorm: 1,
      sequenceLosses: Float32Array.of(loss, loss),
      ...{ targetTokens: 2, tokens: 2, paddedTokens: 2 },
    };
    guard.check(report, batch, { method: "cwt-ac", epoch: 0, step: 1 });
  };
  for (let i = 0; i < 200; i++) step(3 - i / 200, 0.05);
  for (let i = 0; i < 100; i++) step(1, 5);
});

it("goes on from where it was: a loss that is low already is not where the training began", () => {
  const whole = new DivergenceGuard();
  for (let step = 0; step < 200; step++) check(whole, 4 - step / 60);
  const anew = new DivergenceGuard();
  const resumed = new DivergenceGuard({ trend: whole.trend() });
  for (let step = 0; step < 60; step++) for (const guard of [anew, resumed, whole]) check(guard, 0.6);
  // A curriculum's next stage begins: far above the last loss, not above the first.
  const rise = (guard: DivergenceGuard) => () => {
    for (let step = 0; step < 100; step++) check(guard, 5);
  };
  expect(rise(anew)).toThrow("training diverges");
  expect(rise(resumed)).not.toThrow();
  expect(resumed.trend().start).toBe(whole.trend().start);
});

it("stops where the mean loss rises far above where it began, not where it merely rises", () => {
  expect(stepsUntilStop(new DivergenceGuard(), 30)).toBeLessThan(20);
  expect(stepsUntilStop(new DivergenceGuard(), 6)).toBe(Number.POSITIVE_INFINITY);
  expect(stepsUntilStop(new DivergenceGuard({ mayRise: true }), 30)).toBe(Number.POSITIVE_INFINITY);
});
