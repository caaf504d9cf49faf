/** Products as convolutions over blocked matrices: the same numbers as without, in every combination of forms. */
import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { blockSize } from "../../src/engine/onnx/blocks.ts";
import { blockProducts } from "../../src/graph/blocks/block-products.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { add, multiply, tanh } from "../../src/graph/operators/elementwise.ts";
import { linear } from "../../src/graph/operators/matmul.ts";
import { scaledGeluTanh, softmax } from "../../src/graph/operators/neural.ts";
import { reduceSum } from "../../src/graph/operators/reduce.ts";
import { elementCount, type Shape } from "../../src/graph/shape.ts";
import { RandomStream } from "../../src/util/random.ts";
import { floats, openGraph } from "./run-graph.ts";

const tokens = 96;
const aligned = { tokens };
let block = 1;
beforeAll(async () => {
  block = await blockSize();
});

type Build = (inputs: Value[]) => Value[];

/** A graph's results with and without blocks, and the operators with them. */
async function both(shapes: readonly Shape[], build: Build, always = true) {
  const random = new RandomStream(3, JSON.stringify(shapes));
  const sized = shapes.map((shape) => shape.map((d) => (typeof d === "number" ? d : tokens)));
  const feeds = Object.fromEntries(
    sized.map((shape, i) => [
      `x${i}`,
      floats(
        shape,
        Array.from({ length: elementCount(shape) }, () => random.next() - 0.5),
      ),
    ]),
  );
  const runs = [];
  for (const blocked of [false, true]) {
    const graph = new Graph();
    const inputs = shapes.map((shape, i) => graph.input(`x${i}`, "float32", shape));
    build(inputs).forEach((value, i) => {
      graph.output(value, `y${i}`);
    });
    const isBlocked = blocked && blockProducts(graph, { block, aligned, always });
    const session = await openGraph(graph);
    const results = await session.run(feeds);
    await session.close();
    const types = graph.operations.map(({ type }) => type);
    const outputs = graph.outputs.map(({ name, shape }) => ({ name, shape }));
    runs.push({ results, types, isBlocked, outputs });
  }
  const [plain, blocked] = runs as [(typeof runs)[0], (typeof runs)[0]];
  return { plain, blocked };
}

async function expectSame(shapes: readonly Shape[], build: Build, convolutions: number): Promise<void> {
  const { plain, blocked } = await both(shapes, build);
  const count = (types: readonly string[]): number => types.filter((type) => type === "Conv").length;
  // A runtime without the operators is left as it was.
  expect(count(blocked.types)).toBe(block > 1 ? convolutions : 0);
  for (const [name, expected] of plain.results) {
    const found = blocked.results.get(name)!;
    expect(found.length).toBe(expected.length);
    const scale = Math.max(...expected.map(Math.abs));
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!), `${name}[${i}]`).toBeLessThan(2e-6 * scale);
    });
  }
}

test("there are blocks of 16 where the processor has AVX-512, and none elsewhere", () => {
  const information = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  if (information === "") expect([1, 16]).toContain(block);
  else expect(block).toBe(/\bavx512f\b/.test(information) ? 16 : 1);
});

describe("a product", () => {
  const sizes = { m: 48, k: 32, n: 80 };
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("of matrices transposed or not: %s, %s", async (transposeA, transposeB) => {
    const a = transposeA ? [sizes.k, sizes.m] : [sizes.m, sizes.k];
    const b = transposeB ? [sizes.n, sizes.k] : [sizes.k, sizes.n];
    await expectSame([a, b], ([x, y]) => [linear(x!, y!, undefined, { transposeA, transposeB })], 1);
  });

  test("with a bias and factors", async () => {
    const options = { scale: 1 / 64, biasScale: 3 };
    const shapes = [["tokens", 32], [32, 48], [48]];
    await expectSame(shapes, ([x, w, b]) => [linear(x!, w!, b, options)], 1);
  });

  test("whose sum runs over tokens, with a factor", async () => {
    const shapes = [
      ["tokens", 32],
      ["tokens", 48],
    ];
    await expectSame(shapes, ([x, y]) => [linear(x!, y!, undefined, { transposeA: true, scale: 4 })], 1);
  });

  test("of a matrix with itself, with a factor", async () => {
    await expectSame([[48, 32]], ([x]) => [linear(x!, x!, undefined, { transposeB: true, scale: 3 })], 1);
  });

  test("of sizes that are no whole blocks stays what it is, and so does a small one that it does not help", async () => {
    const odd: Shape[] = [
      ["tokens", 20],
      [20, 36],
    ];
    await expectSame(odd, ([x, w]) => [linear(x!, w!)], 0);
    const small: Shape[] = [
      ["tokens", 32],
      [32, 48],
    ];
    const { blocked } = await both(small, ([x, w]) => [linear(x!, w!)], false);
    expect(blocked.types).toEqual(["Gemm"]);
    expect(blocked.isBlocked).toBe(false);
  });
});

describe("around products", () => {
  const shapes: Shape[] = [["tokens", 32], [32, 64], [64], [64, 32]];

  test("elementwise operations work on blocks, and other operations on rows", async () => {
    const build: Build = ([x, w, b, v]) => {
      const inner = scaledGeluTanh(linear(x!, w!, b));
      return [softmax(linear(inner, v!)), multiply(inner, 2)];
    };
    const { blocked } = await both(shapes, build);
    await expectSame(shapes, build, 2);
    if (block === 1) return;
    // Into blocks: x, both weights; out of them: one result of each kind.
    expect(blocked.types.filter((type) => type.startsWith("Reorder")).length).toBe(5);
  });

  test("a sum of products is added up by the convolutions", async () => {
    const build: Build = ([x, w, b, v]) => {
      const inner = tanh(linear(x!, w!, b));
      const parts = [linear(inner, v!), linear(inner, v!, undefined, { scale: 2 }), linear(x!, w!)];
      const sum = add(add(parts[0]!, parts[1]!), parts[0]!);
      return [linear(multiply(sum, sum), w!), parts[2]!];
    };
    await expectSame(shapes, build, 5);
  });

  test("gradients are the same", async () => {
    const build: Build = (inputs) => {
      const [x, w, b, v] = inputs as [Value, Value, Value, Value];
      const inner = scaledGeluTanh(linear(x, w, b, { scale: 2, biasScale: 2 }));
      const y = add(x, linear(inner, v, undefined, { scale: 1 / 64 }));
      const loss = reduceSum(multiply(softmax(y), y));
      return gradient(loss, inputs);
    };
    // Two products forward, four backward, and the bias's gradient.
    await expectSame(shapes, build, 7);
  });

  test("a result in blocks keeps its name and the order of its numbers", async () => {
    const { blocked } = await both([shapes[0]!, shapes[1]!], ([x, w]) => [linear(x!, w!)]);
    const [{ name, shape }] = blocked.outputs as [{ name: string; shape: Shape }];
    expect(name).toBe("y0");
    if (block > 1) expect(shape.length).toBe(4);
  });
});
