/** T5's position bias: the gradient of its table against finite differences, alone and through attention. */
import { test } from "vitest";
import type { Value } from "../../src/graph/graph.ts";
import { add } from "../../src/graph/operators/elementwise.ts";
import { transpose } from "../../src/graph/operators/layout.ts";
import { attention } from "../../src/graph/operators/neural.ts";
import { relativeBias, relativePositions } from "../../src/students/relative-positions.ts";
import { expectDerivative } from "./finite-differences.ts";

const positions = { shape: ["time"], values: [0, 1, 2, 3, 4, 5] };
const options = { buckets: 8, maxDistance: 5 };
const bias = (table: Value, at: Value, bidirectional: boolean): Value =>
  relativeBias(table.graph, table, relativePositions(at, at), { ...options, bidirectional });

test.each([true, false])(
  "the table's gradient sums over the pairs of its bucket, bidirectional: %s",
  (both) =>
    expectDerivative({
      name: `bias ${both}`,
      inputs: [[8, 2]],
      given: [positions],
      sizes: { time: 6 },
      build: ([table], [at]) => bias(table!, at!, both),
    }),
);

test("a token at a later place sees the whole cache", () =>
  expectDerivative({
    name: "cache",
    inputs: [[8, 3]],
    given: [positions, { shape: ["batch", 1], values: [6, 2] }],
    sizes: { time: 6, batch: 2 },
    build: ([table], [places, queries]) =>
      relativeBias(table!.graph, table!, relativePositions(places!, queries!), {
        ...options,
        bidirectional: false,
      }),
  }));

test("the table's gradient through attention, under a mask of each sequence", () => {
  const heads = ["batch", 2, "time", 3];
  return expectDerivative({
    name: "attention",
    inputs: [heads, heads, heads, [8, 2]],
    given: [
      { shape: ["time"], values: [0, 1, 2, 3] },
      { shape: ["batch", 1, 1, "time"], values: [0, 0, 0, 0, 0, 0, -1e9, -1e9], dtype: "float32" },
    ],
    sizes: { batch: 2, time: 4 },
    build: ([q, k, v, table], [at, mask]) =>
      attention(q!, k!, v!, add(mask!, transpose(bias(table!, at!, true), [2, 0, 1])), 1),
  });
});
