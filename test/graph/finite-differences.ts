/**
 * Compares `gradient()` with central differences of the forward pass.
 *
 * The scalar is Σ output · weight with random weights, summed in double outside of the graph, so that only the rounding of the
 * output's own float32 elements enters. One Richardson step over h = 1/16 and h/2 removes the h² term: the truncation left is
 * about h⁴/120 · f⁗′ ≈ 1e-7, and the rounding about 6e-8 · |output| / h ≈ 1e-6 per element, some 1e-5 after cancellation. The
 * tolerance, 3e-4 of the gradient's scale, is above both and far below what a wrong term, sign or axis would give.
 */
import { expect } from "vitest";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { multiply } from "../../src/graph/operators/elementwise.ts";
import { reduceSum } from "../../src/graph/operators/reduce.ts";
import { elementCount, type Shape } from "../../src/graph/shape.ts";
import { RandomStream } from "../../src/util/random.ts";
import { type Array32, floats, integers, openGraph } from "./run-graph.ts";

const step = 1 / 16;
const tolerance = 3e-4;

export interface DerivativeCase {
  name: string;
  /** Shapes of the float32 inputs; names are sizes from `sizes`. Every input is differentiated. */
  inputs: readonly Shape[];
  /** Sizes of the symbolic dimensions. */
  sizes?: Readonly<Record<string, number>>;
  /** Inputs that are not differentiated, with their values; int32 unless said otherwise. */
  given?: readonly { shape: Shape; values: readonly number[]; dtype?: "float32" }[];
  /** Range of the random inputs, default [-1.5, 1.5]. */
  range?: readonly [number, number];
  build(inputs: Value[], given: Value[]): Value;
}

export async function expectDerivative(test: DerivativeCase): Promise<void> {
  const resolve = (shape: Shape) =>
    shape.map((dimension) => (typeof dimension === "number" ? dimension : test.sizes![dimension]!));
  const random = new RandomStream(5, test.name);
  const [low, high] = test.range ?? [-1.5, 1.5];
  const feeds: Record<string, Array32> = {};

  const graph = new Graph();
  const inputs = test.inputs.map((shape, i) => graph.input(`x${i}`, "float32", shape));
  test.inputs.forEach((shape, i) => {
    const dims = resolve(shape);
    const data = Array.from({ length: elementCount(dims) }, () => low + (high - low) * random.next());
    feeds[`x${i}`] = floats(dims, data);
  });
  const given = (test.given ?? []).map(({ shape, values, dtype }, i) => {
    feeds[`given${i}`] = (dtype === undefined ? integers : floats)(resolve(shape), values);
    return graph.input(`given${i}`, dtype ?? "int32", shape);
  });
  const output = test.build(inputs, given);
  const weights = graph.input("weights", "float32", output.shape);
  const dims = resolve(output.shape);
  feeds.weights = floats(
    dims,
    Array.from({ length: elementCount(dims) }, () => 0.5 + random.next()),
  );
  const gradients = gradient(reduceSum(multiply(output, weights)), inputs);
  gradients.forEach((value, i) => {
    expect(value.shape, `${test.name}: shape of gradient ${i}`).toEqual(inputs[i]!.shape);
    graph.output(multiply(value, 1), `gradient${i}`);
  });
  graph.output(multiply(output, 1), "output");

  const runner = await openGraph(graph);
  try {
    const analytic = await runner.run(feeds);
    const loss = async (): Promise<number> => {
      const values = (await runner.run(feeds, ["output"])).get("output")!;
      return values.reduce((sum, value, j) => sum + value * feeds.weights!.data[j]!, 0);
    };
    for (const [i] of inputs.entries()) {
      const { data } = feeds[`x${i}`]!;
      const exact = analytic.get(`gradient${i}`)!;
      expect(exact.length).toBe(data.length);
      const scale = Math.max(1, ...exact.map(Math.abs));
      for (let j = 0; j < data.length; j++) {
        const slope = async (h: number): Promise<number> => {
          const kept = data[j]!;
          data[j] = kept + h;
          const [above, right] = [await loss(), data[j]!];
          data[j] = kept - h;
          const [below, left] = [await loss(), data[j]!];
          data[j] = kept;
          return (above - below) / (right - left);
        };
        const numeric = (4 * (await slope(step / 2)) - (await slope(step))) / 3;
        const difference = Math.abs(numeric - exact[j]!);
        expect(
          difference,
          `${test.name}: input ${i}, element ${j}: ${exact[j]} but finite differences give ${numeric}`,
        ).toBeLessThan(tolerance * scale);
      }
    }
  } finally {
    await runner.close();
  }
}
