/** AdamW and clipping against the textbook formula in double precision. */
import { expect, test } from "vitest";
import { allocateAdamW, clipFactor, globalNorm } from "../../src/engine/onnx/adamw.ts";
import { RandomStream } from "../../src/util/random.ts";

const options = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8 };
const weightDecay = 0.1;
const maxGradientNorm = 1;
const steps = 6;
const parameters = [
  { name: "matrix", dims: [3, 4], decays: true },
  { name: "bias", dims: [5], decays: false },
  { name: "more than two blocks", dims: [2, 8193], decays: true },
] as const;
const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
const learningRate = (step: number) => 0.01 * step;

/** Gradients of one step; their norm is far above the limit in odd steps and below it in even ones. */
function gradientsOf(step: number): Map<string, Float32Array> {
  const scale = step % 2 === 1 ? 5 : 0.005;
  return new Map(
    parameters.map(({ name, dims }) => {
      const random = new RandomStream(step, name);
      return [name, Float32Array.from({ length: sizeOf(dims) }, () => scale * random.normal())];
    }),
  );
}

const initial = (name: string, size: number) => {
  const random = new RandomStream(9, `initial/${name}`);
  return Float32Array.from({ length: size }, () => random.normal());
};

/** torch.optim.AdamW with torch.nn.utils.clip_grad_norm_, step by step. */
function reference(): { norms: number[]; values: Map<string, number[]> } {
  const state = parameters.map(({ name, dims, decays }) => ({
    name,
    decays,
    p: Array.from(initial(name, sizeOf(dims))),
    m: new Array<number>(sizeOf(dims)).fill(0),
    v: new Array<number>(sizeOf(dims)).fill(0),
  }));
  const norms: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const gradients = gradientsOf(step);
    const norm = Math.sqrt(
      [...gradients.values()].reduce((sum, g) => sum + g.reduce((s, x) => s + x * x, 0), 0),
    );
    norms.push(norm);
    const clip = Math.min(1, maxGradientNorm / (norm + 1e-6));
    const rate = learningRate(step);
    for (const { name, decays, p, m, v } of state) {
      const gradient = gradients.get(name)!;
      for (let i = 0; i < p.length; i++) {
        const g = gradient[i]! * clip;
        if (decays) p[i]! -= rate * weightDecay * p[i]!;
        m[i] = options.beta1 * m[i]! + (1 - options.beta1) * g;
        v[i] = options.beta2 * v[i]! + (1 - options.beta2) * g * g;
        const mean = m[i]! / (1 - options.beta1 ** step);
        const deviation = Math.sqrt(v[i]! / (1 - options.beta2 ** step));
        p[i]! -= (rate * mean) / (deviation + options.epsilon);
      }
    }
  }
  return {
    norms,
    values: new Map(
      state.flatMap(({ name, p, m, v }) => Object.entries({ [name]: p, [`${name}.m`]: m, [`${name}.v`]: v })),
    ),
  };
}

function updated(): { norms: number[]; values: Map<string, Float32Array> } {
  const states = allocateAdamW(parameters.map(({ name, dims }) => ({ name, length: sizeOf(dims) })));
  states.forEach(({ weights }, i) => {
    weights.set(initial(parameters[i]!.name, weights.length));
  });
  const norms: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const gradients = gradientsOf(step);
    states.forEach(({ gradient }, i) => {
      gradient.set(gradients.get(parameters[i]!.name)!);
    });
    const norm = globalNorm(states);
    norms.push(norm);
    const clip = clipFactor(norm, maxGradientNorm);
    for (const [i, { decays }] of parameters.entries()) {
      const decay = decays ? weightDecay : 0;
      const common = { ...options, learningRate: learningRate(step), weightDecay: decay, step, clip };
      states[i]!.update(common);
    }
  }
  const values = states.flatMap(({ weights, firstMoment, secondMoment }, i) => {
    const { name } = parameters[i]!;
    return Object.entries({ [name]: weights, [`${name}.m`]: firstMoment, [`${name}.v`]: secondMoment });
  });
  return { norms, values: new Map(values) };
}

test("AdamW agrees with double precision over several steps, clipped and not, with and without decay", () => {
  const expected = reference();
  const actual = updated();
  expect(expected.norms[0]).toBeGreaterThan(maxGradientNorm);
  expect(expected.norms[1]).toBeLessThan(maxGradientNorm);
  actual.norms.forEach((norm, i) => {
    expect(norm / expected.norms[i]!).toBeCloseTo(1, 6);
  });
  for (const [name, values] of expected.values) {
    const scale = Math.max(...values.map(Math.abs));
    values.forEach((value, i) => {
      const difference = Math.abs(actual.values.get(name)![i]! - value);
      if (difference >= 1e-6 * scale) expect.fail(`${name}[${i}] is ${difference} off`);
    });
  }
});

test("the norm of arrays of any length, and no clipping where no limit is given", () => {
  const norm = (...arrays: Float32Array[]): number => {
    const states = allocateAdamW(arrays.map(({ length }, i) => ({ name: String(i), length })));
    states.forEach(({ gradient }, i) => {
      gradient.set(arrays[i]!);
    });
    return globalNorm(states);
  };
  expect(norm(Float32Array.of(3, 0, 0, 0, 4), new Float32Array(0), Float32Array.of(12))).toBe(13);
  const random = new RandomStream(3, "norm");
  for (const length of [1, 3, 4, 8191, 8192, 8193, 20_002]) {
    const values = Float32Array.from({ length }, () => random.normal());
    // As exact as float64 sums in another order are.
    expect(norm(values) / Math.hypot(...values)).toBeCloseTo(1, 12);
  }
  expect(clipFactor(13, 0)).toBe(1);
  expect(clipFactor(13, 26)).toBe(1);
  expect(clipFactor(13, 6.5)).toBeCloseTo(0.5, 6);
  expect(clipFactor(Number.NaN, 1)).toBeNaN();
});

test("arrays of every kind of length lie apart, aligned, beside each other and in kernels of their own", () => {
  const lengths = [1, 5, 16, 17, 8193];
  const states = allocateAdamW(lengths.map((length) => ({ name: String(length), length })));
  const arrays = states.flatMap(({ weights, gradient, firstMoment, secondMoment }) => [
    weights,
    gradient,
    firstMoment,
    secondMoment,
  ]);
  expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(1);
  arrays.forEach((array, i) => {
    expect(array.length).toBe(lengths[Math.floor(i / 4)]);
    expect(array.byteOffset % 64).toBe(0);
    array.fill(i + 1);
  });
  // Numbers after an array's end are worked on too, but no array begins there.
  states[0]!.update({
    ...options,
    ...{ learningRate: 0, weightDecay: 0, step: 1, clip: 1 },
  });
  arrays.slice(4).forEach((array, i) => {
    expect(new Set(array)).toEqual(new Set([i + 5]));
  });
  // 2 GB a kernel: three such arrays do not share one. (Memory that is not touched is not taken.)
  const large = allocateAdamW([1, 2, 3].map((i) => ({ name: String(i), length: 45e6 })));
  expect(new Set(large.map(({ weights }) => weights.buffer)).size).toBe(2);
  expect(() => allocateAdamW([{ name: "wte", length: 269e6 }])).toThrow(/"wte" has 269,000,000 weights/);
});
