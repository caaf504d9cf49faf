/** Filter normalization by hand, and sharpness of losses whose shape is known. */
import { describe, expect, it } from "vitest";
import {
  filterNormalizedDirection,
  matrixNames,
  normalizeFilters,
  type Weights,
} from "../../src/analysis/directions.ts";
import { measureSharpness } from "../../src/analysis/sharpness.ts";
import type { InspectableStudent } from "../../src/engine/engine.ts";

const weights: Weights = new Map([
  ["transformer.wte.weight", { shape: [2, 2], data: Float32Array.of(3, 4, 0, 2) }],
  ["transformer.h.0.mlp.c_fc.weight", { shape: [2, 3], data: Float32Array.of(3, 0, 1, 4, 0, 1) }],
  ["transformer.h.0.mlp.c_fc.bias", { shape: [3], data: Float32Array.of(1, 1, 1) }],
  ["transformer.ln_f.weight", { shape: [2], data: Float32Array.of(1, 1) }],
]);

describe("filter-normalized directions", () => {
  it("give every row the length it has in the weights", () => {
    const direction = Float32Array.of(1, 0, 3, 4);
    normalizeFilters(direction, Float32Array.of(3, 4, 0, 2), [2, 2], false);
    // Lengths: weights 5 and 2, direction 1 and 5.
    [5, 0, 1.2, 1.6].forEach((value, i) => {
      expect(direction[i]).toBeCloseTo(value, 6);
    });
  });

  it("take columns as the filters of [in, out] projections", () => {
    const direction = Float32Array.of(1, 2, 3, 0, 2, 4);
    normalizeFilters(direction, Float32Array.of(3, 0, 1, 4, 0, 1), [2, 3], true);
    // Column lengths: weights 5, 0 and √2, direction 1, √8 and 5.
    [5, 0, (3 * Math.SQRT2) / 5, 0, 0, (4 * Math.SQRT2) / 5].forEach((value, i) => {
      expect(direction[i]).toBeCloseTo(value, 6);
    });
  });

  it("choose rows or columns by the parameter and leave biases and normalization weights out", () => {
    expect(matrixNames(weights)).toEqual(["transformer.wte.weight", "transformer.h.0.mlp.c_fc.weight"]);
    const direction = filterNormalizedDirection(weights, 1, 0);
    const [a, b, c, d] = direction.get("transformer.wte.weight")!;
    expect(Math.hypot(a!, b!)).toBeCloseTo(5, 5);
    expect(Math.hypot(c!, d!)).toBeCloseTo(2, 5);
    const [e, f, g, h, i, j] = direction.get("transformer.h.0.mlp.c_fc.weight")!;
    expect(Math.hypot(e!, h!)).toBeCloseTo(5, 5);
    expect(Math.abs(f!) + Math.abs(i!)).toBe(0);
    expect(Math.hypot(g!, j!)).toBeCloseTo(Math.SQRT2, 5);
  });

  it("depend on seed and number alone", () => {
    expect(filterNormalizedDirection(weights, 1, 0)).toEqual(filterNormalizedDirection(weights, 1, 0));
    expect(filterNormalizedDirection(weights, 1, 0)).not.toEqual(filterNormalizedDirection(weights, 1, 1));
    expect(filterNormalizedDirection(weights, 1, 0)).not.toEqual(filterNormalizedDirection(weights, 2, 0));
  });
});

/** A student whose loss is 20 + slope · w + curvature / 2 · ‖w - centre‖² of one matrix. */
class BowlStudent {
  private readonly centre = Float32Array.of(3, 4, 0, 2);
  w = Float32Array.of(3, 4, 0, 2);
  private readonly slope: readonly number[];
  private readonly curvature: number;
  failAfter = Number.POSITIVE_INFINITY;

  constructor(slope: readonly number[], curvature: number) {
    this.slope = slope;
    this.curvature = curvature;
  }

  async score(list: readonly unknown[]) {
    if (--this.failAfter < 0) throw new Error("out of memory");
    const loss = this.w.reduce(
      (sum, value, i) => sum + this.slope[i]! * value + (this.curvature / 2) * (value - this.centre[i]!) ** 2,
      20,
    );
    return list.map(() => ({ logProbabilities: Float32Array.of(-loss, -loss) }));
  }
  async gradients() {
    const gradient = this.w.map((value, i) => this.slope[i]! + this.curvature * (value - this.centre[i]!));
    return new Map([["w", gradient]]);
  }
  copyWeights() {
    return new Map([["w", { shape: [2, 2], data: this.w.slice() }]]);
  }
  setWeights(next: ReadonlyMap<string, Float32Array>) {
    this.w.set(next.get("w")!);
  }
}

const settings = {
  directions: 2,
  points: 5,
  range: 0.5,
  radii: [0.01, 0.1],
  ascentSteps: 3,
  sampleTokens: 100,
};
const sample = [{ prompt: [1], context: [], target: [2, 3] }];
const measure = (student: BowlStudent) =>
  measureSharpness(student as unknown as InspectableStudent, sample, settings, 1);

describe("sharpness", () => {
  it("of a bowl rises with the square of the step along every direction", async () => {
    const student = new BowlStudent([0, 0, 0, 0], 2);
    const { loss, steps, lines } = await measure(student);
    expect(loss).toBe(20);
    expect(steps).toEqual([-0.5, -0.25, 0, 0.25, 0.5]);
    expect(lines).toHaveLength(2);
    // A filter-normalized direction is as long as the weights: ‖w‖² = 9 + 16 + 4.
    for (const line of lines)
      line.forEach((value, i) => {
        expect(value).toBeCloseTo(20 + 29 * steps[i]! ** 2, 3);
      });
  });

  it("of a slope is its length times the radius, in the ball", async () => {
    const { loss, balls } = await measure(new BowlStudent([3, 0, 4, 0], 0));
    expect(balls.map(({ radius }) => radius)).toEqual([0.01, 0.1]);
    for (const { radius, largestLoss } of balls)
      expect(largestLoss - loss).toBeCloseTo(5 * radius * Math.sqrt(29), 3);
  });

  it("stays in the ball where the loss curves upwards", async () => {
    const { loss, balls } = await measure(new BowlStudent([3, 0, 4, 0], 2));
    for (const { radius, largestLoss } of balls) {
      const length = radius * Math.sqrt(29);
      expect(largestLoss - loss).toBeCloseTo(5 * length + length ** 2, 3);
    }
  });

  it("gives the student its weights back, also after a failure", async () => {
    const student = new BowlStudent([3, 0, 4, 0], 2);
    const before = student.w.slice();
    await measure(student);
    expect(student.w).toEqual(before);
    student.failAfter = 3;
    await expect(measure(student)).rejects.toThrow("out of memory");
    expect(student.w).toEqual(before);
  });
});
