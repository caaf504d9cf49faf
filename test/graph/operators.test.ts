/** Values and shape rules of the operators, against plain JavaScript in double precision. */
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import {
  add,
  cast,
  divide,
  equal,
  minimum,
  multiply,
  subtract,
} from "../../src/graph/operators/elementwise.ts";
import {
  addAtColumns,
  concatenate,
  gather,
  gatherColumns,
  reshape,
  selectColumns,
  split,
  transpose,
} from "../../src/graph/operators/layout.ts";
import { linear, matmul } from "../../src/graph/operators/matmul.ts";
import {
  attention,
  crossEntropy,
  geluScale,
  geluTanh,
  layerNorm,
  logSoftmax,
  scaledGeluTanh,
  softmax,
} from "../../src/graph/operators/neural.ts";
import { argmaxLast, reduceMean, reduceSum, unsqueeze } from "../../src/graph/operators/reduce.ts";
import { broadcastAxes, broadcastShapes } from "../../src/graph/shape.ts";
import { RandomStream } from "../../src/util/random.ts";
import { type Array32, floats, integers, openGraph } from "./run-graph.ts";

function randoms(name: string, count: number, scale = 1): Float32Array {
  const random = new RandomStream(3, name);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** Runs one expression over named inputs. */
async function evaluate(
  feeds: Readonly<Record<string, Array32>>,
  build: (values: Record<string, Value>) => Value,
): Promise<Float64Array> {
  const graph = new Graph();
  const values = Object.fromEntries(
    Object.entries(feeds).map(([name, { dims, data }]) => [
      name,
      graph.input(name, data instanceof Float32Array ? "float32" : "int32", dims),
    ]),
  );
  graph.output(build(values), "result");
  const runner = await openGraph(graph);
  try {
    return (await runner.run(feeds)).get("result")!;
  } finally {
    await runner.close();
  }
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const scale = Math.max(1, Math.abs(expected[i]!));
    expect(Math.abs(actual[i]! - expected[i]!), `element ${i}`).toBeLessThan(tolerance * scale);
  }
}

function plainLogSoftmax(row: readonly number[]): number[] {
  const largest = Math.max(...row);
  const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  return row.map((x) => x - largest - total);
}

const rowsOf = (data: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: data.length / width }, (_, i) => Array.from(data).slice(i * width, (i + 1) * width));

describe("values", () => {
  test("attention is softmax(scale · q kᵀ + mask) v, with a causal mask that hides the future wholly", async () => {
    const [batch, heads, time, width] = [2, 2, 5, 4];
    const scale = 0.37;
    const size = batch * heads * time * width;
    const [q, k, v] = ["q", "k", "v"].map((name) => randoms(name, size, 2)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const mask = new Float32Array(time * time);
    for (let i = 0; i < time; i++) mask.fill(-1e9, i * time + i + 1, (i + 1) * time);
    const expected: number[] = [];
    for (let block = 0; block < batch * heads; block++) {
      const at = (data: Float32Array, t: number, c: number) => data[(block * time + t) * width + c]!;
      for (let t = 0; t < time; t++) {
        // Only positions up to t: the mask's large negative number must leave nothing of the rest.
        const scores = Array.from({ length: t + 1 }, (_, s) => {
          let product = 0;
          for (let c = 0; c < width; c++) product += at(q, t, c) * at(k, s, c);
          return scale * product;
        });
        const shares = plainLogSoftmax(scores).map(Math.exp);
        for (let c = 0; c < width; c++) {
          expected.push(shares.reduce((sum, share, s) => sum + share * at(v, s, c), 0));
        }
      }
    }
    const dims = [batch, heads, time, width];
    const feeds = {
      q: floats(dims, q),
      k: floats(dims, k),
      v: floats(dims, v),
      mask: floats([time, time], mask),
    };
    expectClose(await evaluate(feeds, (x) => attention(x.q!, x.k!, x.v!, x.mask!, scale)), expected);
  });

  test("attention gives what is masked no weight, however large its score, and a far smaller score none either", async () => {
    const [time, width] = [3, 2];
    const dims = [1, 1, time, width];
    // Scores of the last position: 0, 1000 (masked) and 100.
    const q = floats(dims, Float32Array.of(0, 0, 0, 0, 1, 0));
    const k = floats(dims, Float32Array.of(0, 0, 1000, 0, 100, 0));
    const v = floats(dims, Float32Array.of(5, 1e15, 7, 1e15, 3, 2));
    const mask = floats([time, time], Float32Array.of(0, -1e9, -1e9, 0, 0, -1e9, 0, -1e9, 0));
    const values = await evaluate({ q, k, v, mask }, (x) => attention(x.q!, x.k!, x.v!, x.mask!, 1));
    expect([...values.slice(-width)]).toEqual([3, 2]);
  });

  test("crossEntropy is −log softmax at the target, also for logits that would overflow exp", async () => {
    const logits = randoms("logits", 4 * 7, 3);
    logits[2] = 300;
    logits[9] = -300;
    const targets = [2, 2, 6, 0];
    const result = await evaluate({ logits: floats([4, 7], logits), targets: integers([4], targets) }, (x) =>
      crossEntropy(x.logits!, x.targets!),
    );
    expectClose(
      result,
      rowsOf(logits, 7).map((row, i) => -plainLogSoftmax(row)[targets[i]!]!),
    );
  });

  test("gradient of crossEntropy is softmax − one-hot, weighted", async () => {
    const logits = randoms("logits", 3 * 5, 2);
    const targets = [4, 0, 4];
    const weights = [0.5, 0.2, -1.5];
    const result = await evaluate(
      {
        logits: floats([3, 5], logits),
        targets: integers([3], targets),
        weights: floats([3], weights),
      },
      (x) => gradient(reduceSum(multiply(crossEntropy(x.logits!, x.targets!), x.weights!)), [x.logits!])[0]!,
    );
    expectClose(
      result,
      rowsOf(logits, 5).flatMap((row, i) =>
        plainLogSoftmax(row).map((value, j) => weights[i]! * (Math.exp(value) - (j === targets[i] ? 1 : 0))),
      ),
    );
  });

  test("softmax, logSoftmax, layerNorm and geluTanh", async () => {
    const data = randoms("x", 12, 2);
    const x = { x: floats([3, 4], data) };
    const logs = rowsOf(data, 4).flatMap(plainLogSoftmax);
    expectClose(await evaluate(x, (v) => logSoftmax(v.x!)), logs);
    expectClose(await evaluate(x, (v) => softmax(v.x!)), logs.map(Math.exp));

    const [scale, bias] = [randoms("scale", 4), randoms("bias", 4)];
    const normalized = rowsOf(data, 4).flatMap((row) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / 4;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4;
      return row.map((value, j) => ((value - mean) / Math.sqrt(variance + 0.01)) * scale[j]! + bias[j]!);
    });
    expectClose(
      await evaluate({ ...x, scale: floats([4], scale), bias: floats([4], bias) }, (v) =>
        layerNorm(v.x!, v.scale!, v.bias!, 0.01),
      ),
      normalized,
    );
    const gelu = (value: number) =>
      0.5 * value * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3)));
    expectClose(await evaluate(x, (v) => geluTanh(v.x!)), Array.from(data, gelu));
  });

  test("scaledGeluTanh and its derivative are those of geluTanh, from 0 to far beyond where it clips", async () => {
    const values = [0, 1e-30, 1e-4, 0.7, 1, 3, 5.5, 8, 12, 16.9, 17.1, 30, 1e3, 1e9];
    const x = Float32Array.from(values.flatMap((value) => [value, -value]));
    const of = async (form: (x: Value) => Value, factor: number) => {
      const inputs = {
        x: floats(
          [x.length],
          x.map((value) => factor * value),
        ),
      };
      const y = await evaluate(inputs, (v) => form(v.x!));
      const slope = await evaluate(inputs, (v) => gradient(reduceSum(form(v.x!)), [v.x!])[0]!);
      return { y: Array.from(y, (value) => value / factor), slope: [...slope] };
    };
    const [plain, scaled] = [await of(geluTanh, 1), await of(scaledGeluTanh, geluScale)];
    expectClose(scaled.y, plain.y);
    expectClose(scaled.slope, plain.slope);
  });

  test("columns: gathered, selected and added to; the first of equals is the arg-max; casts and comparisons", async () => {
    const x = floats([2, 3], [1, 5, 5, 7, 0, 2]);
    const columns = integers([2], [2, 0]);
    expect([...(await evaluate({ x, columns }, (v) => gatherColumns(v.x!, v.columns!)))]).toEqual([5, 7]);
    const three = integers([3], [0, 2, 2]);
    expect([...(await evaluate({ x, three }, (v) => selectColumns(v.x!, v.three!)))]).toEqual([
      1, 5, 5, 7, 2, 2,
    ]);
    const updates = floats([2, 1], [10, 20]);
    expect([
      ...(await evaluate({ x, columns, updates }, (v) => addAtColumns(v.x!, v.columns!, v.updates!))),
    ]).toEqual([1, 5, 15, 27, 0, 2]);
    expect([...(await evaluate({ x }, (v) => argmaxLast(v.x!)))]).toEqual([1, 0]);
    expect([...(await evaluate({ x }, (v) => cast(equal(v.x!, v.x!.graph.scalar(5)), "float32")))]).toEqual([
      0, 1, 1, 0, 0, 0,
    ]);
    expect([...(await evaluate({ x }, (v) => minimum(v.x!, v.x!.graph.scalar(2))))]).toEqual([
      1, 2, 2, 2, 0, 2,
    ]);
  });

  test("gather's derivative loses no row when thousands of indices are equal", async () => {
    // onnxruntime's ScatterND drops some of such additions; sums of small integers are exact in float32.
    const count = 20_000;
    const [rows, width] = [3, 8];
    const indices = Int32Array.from({ length: count }, (_, i) => (i % 10 === 0 ? 2 : 1));
    const graph = new Graph();
    const table = graph.input("table", "float32", [rows, width]);
    const picked = gather(table, graph.input("indices", "int32", ["n"]));
    graph.output(gradient(reduceSum(picked), [table])[0]!, "gradient");
    const runner = await openGraph(graph);
    const feeds = {
      table: floats([rows, width], new Float32Array(rows * width)),
      indices: { dims: [count], data: indices },
    };
    const result = (await runner.run(feeds)).get("gradient")!;
    await runner.close();
    expect([...result]).toEqual([0, 18_000, 2_000].flatMap((sum) => new Array(width).fill(sum)));
  });
});

describe("shape rules", () => {
  const graph = new Graph();
  const input = (...shape: (number | string)[]) => graph.input(`x${graph.inputs.length}`, "float32", shape);

  test("broadcasting follows NumPy; a symbolic size matches only itself and 1", () => {
    expect(broadcastShapes([2, 1, 3], [4, 1])).toEqual([2, 4, 3]);
    expect(broadcastShapes(["n", 1], [1, "m"])).toEqual(["n", "m"]);
    expect(() => broadcastShapes(["n"], ["m"])).toThrow(RangeError);
    expect(() => broadcastShapes(["n"], [3])).toThrow(RangeError);
    expect(broadcastAxes([2, 4, 3], [4, 1])).toEqual([0, 2]);
    expect(broadcastAxes(["n", 1], [1, 1])).toEqual([0]);
    for (const operator of [add, subtract, multiply, divide]) {
      expect(() => operator(input(2, 3), input(2))).toThrow(/\[2, 3\] and \[2\] do not broadcast/);
    }
  });

  test("products refuse inner sizes and leading axes that differ", () => {
    expect(matmul(input("b", 2, 3), input("b", 3, 4)).shape).toEqual(["b", 2, 4]);
    expect(linear(input("n", 3), input(5, 3), undefined, { transposeB: true }).shape).toEqual(["n", 5]);
    expect(() => linear(input(2, 3), input(4, 5))).toThrow(/inner sizes differ/);
    expect(() => linear(input(2, 3), input(3, 5), undefined, { transposeB: true })).toThrow(
      /inner sizes differ/,
    );
    expect(() => linear(input(1, 2, 3), input(1, 3, 2))).toThrow(/takes matrices/);
    expect(() => matmul(input("b", 2, 3), input(1, 3, 4))).toThrow(/leading axes differ/);
    expect(() => matmul(input(2, 3), input(1, 3, 4))).toThrow(/leading axes differ/);
  });

  test("axes outside of the rank, patterns and parts that do not fit", () => {
    expect(() => reduceSum(input(2, 3), [2])).toThrow(/axis 2 is outside rank 2/);
    expect(() => reduceMean(input("n", 3), 0)).toThrow(/fixed size/);
    expect(() => reshape(input(2, 3), [6], [3, 2])).toThrow(/does not describe/);
    expect(() => concatenate([], 0)).toThrow(/nothing to concatenate/);
    expect(() => concatenate([input("n", 2)], 0)).toThrow(/fixed size/);
    expect(() => split(input(2, 3), [1, 2], 5)).toThrow(/outside rank/);
    expect(() => split(input(2, 3), [1, 1], 1)).toThrow(
      /parts of \[1, 1\] do not make up axis 1 of \[2, 3\]/,
    );
    expect(() => concatenate([input(2, 3), input(4, 1)], 1)).toThrow(/\[2, 3\] and \[4, 1\] do not join/);
    expect(() => concatenate([input(2, 3), input(2, 3, 1)], 1)).toThrow(/do not join/);
    expect(() => linear(input(2, 3), input(3, 4), input(1))).toThrow(/bias of \[1\] does not fit/);
    expect(unsqueeze(input("n", 3), [2, 0]).shape).toEqual([1, "n", 1, 3]);
    expect(unsqueeze(input("n", 3), [-1]).shape).toEqual(["n", 3, 1]);
    expect(() => unsqueeze(input(3), [2])).toThrow(/axis 2 is outside rank 2/);
    expect(transpose(input("n", 2, 3), [2, 0, 1]).shape).toEqual([3, "n", 2]);
    expect(gather(input("v", 8), graph.input("ids", "int32", ["b", "t"])).shape).toEqual(["b", "t", 8]);
  });

  test("constants must fill their shape, names are unique, values stay in their graph", () => {
    expect(() => graph.constant(new Float32Array(5), [2, 3])).toThrow(
      /5 elements cannot have shape \[2, 3\]/,
    );
    expect(() => graph.constant(new Float32Array(2), ["n"])).toThrow(/no fixed size/);
    graph.input("mine", "float32", []);
    expect(() => graph.input("mine", "float32", [])).toThrow(/already has a value named mine/);
    expect(() => add(input(2), new Graph().input("other", "float32", [2]))).toThrow(/of another graph/);
  });
});

describe("gradient()", () => {
  test("wants a scalar that depends on what it is asked for", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    const unused = graph.input("unused", "float32", [2]);
    expect(() => gradient(x, [x])).toThrow(/must be a scalar/);
    expect(() => gradient(reduceSum(x), [x, unused])).toThrow(/does not depend on unused/);
  });

  test("wants every part of a split", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 3]);
    const [first] = split(x, [1, 2], 1);
    expect(() => gradient(reduceSum(first!), [x])).toThrow(/a part has no gradient/);
  });

  test("adds up every path, passes through wanted values, and leaves branches beside the loss alone", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", []);
    const y = multiply(x, x);
    const loss = add(multiply(y, y), multiply(x, 3));
    // An operator without a derivative that the loss does not see.
    argmaxLast(unsqueeze(y, [0]));
    const [forX, forY, forLoss] = gradient(loss, [x, y, loss]) as [Value, Value, Value];
    for (const [name, value] of Object.entries({ forX, forY, forLoss }))
      graph.output(multiply(value, 1), name);
    const runner = await openGraph(graph);
    const results = await runner.run({ x: floats([], [2]) });
    await runner.close();
    // d(x⁴ + 3x)/dx = 4x³ + 3; d/dy = 2y.
    expect([...results.values()].map((value) => value[0])).toEqual([35, 8, 1]);
  });
});
