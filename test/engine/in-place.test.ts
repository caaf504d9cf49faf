import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createInPlaceSession, type InPlaceSession, runInto } from "../../src/engine/onnx/in-place.ts";
import { createSession, Tensor } from "../../src/engine/onnx/session.ts";
import { Graph } from "../../src/graph/graph.ts";
import { add, multiply } from "../../src/graph/operators/elementwise.ts";

function sumAndProduct(): Graph {
  const graph = new Graph();
  const [a, b] = [graph.input("a", "float32", ["n"]), graph.input("b", "float32", ["n"])] as const;
  graph.output(add(a, b), "sum");
  graph.output(multiply(a, b), "product");
  return graph;
}
const vector = (...numbers: number[]): Tensor =>
  new Tensor("float32", Float32Array.from(numbers), [numbers.length]);

describe.each(["without a copy", "where the runtime copies"])("runInto, %s", (kind) => {
  let inPlace: InPlaceSession;
  beforeAll(async () => {
    inPlace =
      kind === "without a copy"
        ? await createInPlaceSession(sumAndProduct(), "sum and product", 1)
        : { session: await createSession(sumAndProduct(), "sum and product", 1), refusal: undefined };
  });
  afterAll(async () => {
    await inPlace.session.release();
  });

  test("this runtime refuses the sequence after it has computed everything", () => {
    expect(inPlace.refusal !== undefined).toBe(kind === "without a copy");
  });

  test("results come into the given memory, run after run, and only those asked for", async () => {
    const [sum, product] = [vector(0, 0, 0), vector(0, 0, 0)];
    await runInto(inPlace, { a: vector(1, 2, 3), b: vector(4, 5, 6) }, { sum, product });
    expect([...(sum.data as Float32Array)]).toEqual([5, 7, 9]);
    expect([...(product.data as Float32Array)]).toEqual([4, 10, 18]);
    await runInto(inPlace, { a: vector(1, 1, 1), b: vector(1, 1, 1) }, { sum });
    expect([...(sum.data as Float32Array)]).toEqual([2, 2, 2]);
    expect([...(product.data as Float32Array)]).toEqual([4, 10, 18]);
  });

  test("a part of a larger array is written and nothing beside it", async () => {
    const whole = new Float32Array(8).fill(-1);
    const part = new Tensor("float32", whole.subarray(3, 5), [2]);
    await runInto(inPlace, { a: vector(1, 2), b: vector(3, 4) }, { sum: part });
    expect([...whole]).toEqual([-1, -1, -1, 4, 6, -1, -1, -1]);
  });

  test("errors of the run are errors", async () => {
    const wrongSize = runInto(inPlace, { a: vector(1, 2), b: vector(3, 4) }, { sum: vector(0, 0, 0) });
    await expect(wrongSize).rejects.toThrow(/shape/i);
    const noInput = runInto(inPlace, { a: vector(1, 2) }, { sum: vector(0, 0) });
    await expect(noInput).rejects.toThrow(/b/);
  });
});
