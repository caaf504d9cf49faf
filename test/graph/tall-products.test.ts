/** Products of very many rows in pieces: the same numbers, under names that say where they belong. */
import { expect, test } from "vitest";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { multiply } from "../../src/graph/operators/elementwise.ts";
import { linear } from "../../src/graph/operators/matmul.ts";
import { cutTallProducts } from "../../src/graph/tall-products.ts";
import { RandomStream } from "../../src/util/random.ts";
import { floats, openGraph } from "./run-graph.ts";

const [tokens, rows, width] = [5, 8500, 3];

function build(product: (a: Value, b: Value) => Value) {
  const graph = new Graph();
  const a = graph.input("a", "float32", ["tokens", rows]);
  const b = graph.input("b", "float32", ["tokens", width]);
  graph.output(product(a, b), "product");
  return graph;
}

async function run(graph: Graph) {
  const random = new RandomStream(2, "tall products");
  const drawn = (shape: number[]) =>
    floats(
      shape,
      Array.from({ length: shape[0]! * shape[1]! }, () => random.next() - 0.5),
    );
  const session = await openGraph(graph);
  const results = await session.run({ a: drawn([tokens, rows]), b: drawn([tokens, width]) });
  await session.close();
  return results;
}

test("the pieces side by side are the whole product, scaled as it was", async () => {
  const product = (a: Value, b: Value): Value => linear(a, b, undefined, { transposeA: true, scale: 0.25 });
  const graph = build(product);
  const cut = cutTallProducts(graph);
  const pieces = cut.get("product")!;
  expect([...cut.keys()]).toEqual(["product"]);
  expect(pieces.map(({ firstRow }) => firstRow)).toEqual([0, 2048, 4096, 6144, 8192]);
  expect(pieces.map(({ value }) => value.name)).toEqual(graph.outputs.map(({ name }) => name));
  expect(pieces[0]!.value.name).toBe("product");
  expect(pieces.at(-1)!.value.shape).toEqual([308, width]);

  const whole = (await run(build(product))).get("product")!;
  const results = await run(graph);
  const found = pieces.flatMap(({ value }) => [...results.get(value.name)!]);
  expect(found.length).toBe(rows * width);
  found.forEach((value, i) => {
    expect(Math.abs(value - whole[i]!)).toBeLessThan(1e-6);
  });
});

test("products of another kind, of fewer rows, or that are read again stay whole", async () => {
  const whole = (graph: Graph): void => {
    const names = graph.outputs.map(({ name }) => name);
    const operations = graph.operations.length;
    expect(cutTallProducts(graph).size).toBe(0);
    expect(graph.outputs.map(({ name }) => name)).toEqual(names);
    expect(graph.operations.length).toBe(operations);
  };
  whole(build((a, b) => linear(b, a, undefined, { transposeA: true })));
  const few = new Graph();
  const [a, b] = [few.input("a", "float32", ["tokens", 8191]), few.input("b", "float32", ["tokens", width])];
  few.output(linear(a, b, undefined, { transposeA: true }), "product");
  whole(few);
  const read = build((a, b) => linear(a, b, undefined, { transposeA: true }));
  read.output(multiply(read.outputs[0]!, 2), "twice");
  whole(read);
});
