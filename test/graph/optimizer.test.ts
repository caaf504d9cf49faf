/** AdamW and clipping as graph nodes, against the textbook formula in double precision. */
import { describe, expect, test } from "vitest";
import { createSession, run, Tensor } from "../../src/engine/onnx/session.ts";
import { Graph } from "../../src/graph/graph.ts";
import { adamW, adamWScalarInputs } from "../../src/graph/optimizer.ts";
import { RandomStream } from "../../src/util/random.ts";

const options = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8 };
const weightDecay = 0.1;
const maxGradientNorm = 1;
const steps = 6;
const parameters = [
  { name: "matrix", dims: [3, 4], decays: true },
  { name: "bias", dims: [4], decays: false },
] as const;
const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
const learningRate = (step: number) => 0.01 * step;

/** Gradients of one step; their norm is far above the limit in odd steps and below it in even ones. */
function gradientsOf(step: number): Map<string, Float32Array> {
  const scale = step % 2 === 1 ? 5 : 0.05;
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

/** The same through the graph; `inPlace` binds each new value to the memory of the old one. */
async function throughGraph(
  inPlace: boolean,
): Promise<{ norms: number[]; values: Map<string, Float32Array> }> {
  const graph = new Graph();
  const scalars = adamWScalarInputs(graph);
  const norm = adamW(
    parameters.map(({ name, dims, decays }) => ({
      name,
      decays,
      value: graph.input(name, "float32", dims),
      gradient: graph.input(`gradient.${name}`, "float32", dims),
      firstMoment: graph.input(`${name}.m`, "float32", dims),
      secondMoment: graph.input(`${name}.v`, "float32", dims),
    })),
    scalars,
    options,
  );
  graph.output(norm, "norm");
  const session = await createSession(graph, "adamw", 1);
  let state = new Map<string, Tensor>(
    parameters.flatMap(({ name, dims }) => [
      [name, new Tensor("float32", initial(name, sizeOf(dims)), dims)] as const,
      [`${name}.m`, new Tensor("float32", new Float32Array(sizeOf(dims)), dims)] as const,
      [`${name}.v`, new Tensor("float32", new Float32Array(sizeOf(dims)), dims)] as const,
    ]),
  );
  const norms: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const feeds: Record<string, Tensor> = Object.fromEntries(state);
    for (const { name, dims } of parameters) {
      feeds[`gradient.${name}`] = new Tensor("float32", gradientsOf(step).get(name)!, dims);
    }
    const scalar = (value: number) => new Tensor("float32", Float32Array.of(value), []);
    feeds.stepSize = scalar(learningRate(step) / (1 - options.beta1 ** step));
    feeds.secondMomentScale = scalar(1 / Math.sqrt(1 - options.beta2 ** step));
    feeds.decayFactor = scalar(1 - learningRate(step) * weightDecay);
    feeds.maxGradientNorm = scalar(maxGradientNorm);
    const fetches: Record<string, Tensor | null> = { norm: null };
    for (const [name, tensor] of state) fetches[`updated.${name}`] = inPlace ? tensor : null;
    const results = await run(session, feeds, fetches);
    norms.push((results.norm!.data as Float32Array)[0]!);
    if (!inPlace) state = new Map([...state.keys()].map((name) => [name, results[`updated.${name}`]!]));
  }
  await session.release();
  return { norms, values: new Map([...state].map(([name, tensor]) => [name, tensor.data as Float32Array])) };
}

describe("AdamW", () => {
  test("agrees with double precision over several steps, clipped and not, with and without decay", async () => {
    const expected = reference();
    const actual = await throughGraph(false);
    expect(expected.norms[0]).toBeGreaterThan(maxGradientNorm);
    expect(expected.norms[1]).toBeLessThan(maxGradientNorm);
    actual.norms.forEach((norm, i) => {
      expect(norm / expected.norms[i]!).toBeCloseTo(1, 6);
    });
    for (const [name, values] of expected.values) {
      const scale = Math.max(...values.map(Math.abs));
      values.forEach((value, i) => {
        expect(Math.abs(actual.values.get(name)![i]! - value), `${name}[${i}]`).toBeLessThan(3e-6 * scale);
      });
    }
  });

  test("gives the same bits when it writes over its inputs", async () => {
    const [apart, inPlace] = [await throughGraph(false), await throughGraph(true)];
    expect(inPlace).toEqual(apart);
  });
});
