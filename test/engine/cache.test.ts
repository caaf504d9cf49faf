/** Attention of one token per row over a cache that changes in place, against the sums written out. */
import { describe, expect, test } from "vitest";
import { cachedAttention, cacheInputs } from "../../src/engine/onnx/attention.ts";
import { KeyValueCache } from "../../src/engine/onnx/cache.ts";
import { createInPlaceSession, runInto } from "../../src/engine/onnx/in-place.ts";
import { dataOf, float32Tensor } from "../../src/engine/onnx/parameters.ts";
import { createSession, Tensor } from "../../src/engine/onnx/session.ts";
import { Graph } from "../../src/graph/graph.ts";
import { RandomStream } from "../../src/util/random.ts";

const [rows, heads, keyValueHeads, scale] = [3, 4, 2, 0.7];

function buildGraph(headWidth: number, biased: boolean): Graph {
  const graph = new Graph();
  const shape = familyShape(headWidth);
  const ids = graph.input("ids", "int32", ["batch", 1]);
  const [q, k, v] = ["q", "k", "v"].map((name) =>
    graph.input(name, "float32", ["tokens", (name === "q" ? heads : keyValueHeads) * headWidth]),
  );
  const bias = biased ? graph.input("bias", "float32", ["batch", heads, 1, "total"]) : undefined;
  const options = { scale, ...(bias === undefined ? {} : { bias }) };
  const attend = cachedAttention(shape, ids, cacheInputs(graph, shape), options);
  graph.output(attend(0, q!, k!, v!), "attended");
  return graph;
}

const familyShape = (headWidth: number) => ({
  ...{ layers: 1, heads, keyValueHeads, headWidth, width: heads * headWidth },
  ...{ vocabularySize: 1, contextLength: 200 },
});

describe.each([
  { headWidth: 8, biased: false },
  { headWidth: 5, biased: false },
  { headWidth: 8, biased: true },
])("heads of $headWidth, bias $biased", ({ headWidth, biased }) => {
  test.each(["without a copy", "where the runtime copies"])("%s, token after token", async (kind) => {
    const graph = buildGraph(headWidth, biased);
    const inPlace =
      kind === "without a copy"
        ? await createInPlaceSession(graph, "cache", 1)
        : { session: await createSession(graph, "cache", 1), refusal: undefined };
    const random = new RandomStream(5, `cache/${headWidth}`);
    const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
    const cache = new KeyValueCache(familyShape(headWidth), rows, 12);
    const lengths = [4, 1, 7];
    // What each row has read: [token][head · head width].
    const keys: Float32Array[][] = lengths.map(() => []);
    const values: Float32Array[][] = lengths.map(() => []);
    const narrow = keyValueHeads * headWidth;
    lengths.forEach((length, row) => {
      for (let t = 0; t < length; t++) {
        const [key, value] = [draw(narrow), draw(narrow)];
        const read = {
          "new.0.key": float32Tensor(key, [1, keyValueHeads, 1, headWidth]),
          "new.0.value": float32Tensor(value, [1, keyValueHeads, 1, headWidth]),
        };
        cache.write(read, { source: 0, count: 1, row, position: t });
        keys[row]!.push(key);
        values[row]!.push(value);
      }
    });
    // As far as the cache has to grow.
    for (let step = 0; step < 8; step++) {
      const longest = Math.max(...lengths);
      cache.reserve(longest + 1);
      const { feeds, into } = cache.tensors(lengths);
      const [q, k, v] = [draw(rows * heads * headWidth), draw(rows * narrow), draw(rows * narrow)];
      const bias = draw(rows * heads * (longest + 1));
      const attended = float32Tensor(new Float32Array(q.length), [rows, heads * headWidth]);
      const inputs = {
        ids: new Tensor("int32", new Int32Array(rows), [rows, 1]),
        q: float32Tensor(q, [rows, heads * headWidth]),
        k: float32Tensor(k, [rows, narrow]),
        v: float32Tensor(v, [rows, narrow]),
        ...(biased ? { bias: float32Tensor(bias, [rows, heads, 1, longest + 1]) } : {}),
        ...feeds,
      };
      await runInto(inPlace, inputs, { ...into, attended });
      for (let row = 0; row < rows; row++) {
        keys[row]!.push(k.subarray(row * narrow, (row + 1) * narrow));
        values[row]!.push(v.subarray(row * narrow, (row + 1) * narrow));
        for (let head = 0; head < heads; head++) {
          const at = (row * heads + head) * headWidth;
          const query = q.subarray(at, at + headWidth);
          const start = Math.floor(head / (heads / keyValueHeads)) * headWidth;
          const scores = keys[row]!.map((key, t) => {
            const own = biased ? bias[(row * heads + head) * (longest + 1) + t]! : 0;
            return own + scale * query.reduce((sum, x, i) => sum + x * key[start + i]!, 0);
          });
          const weights = scores.map((score) => Math.exp(score));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let i = 0; i < headWidth; i++) {
            const expected = weights.reduce(
              (sum, w, t) => sum + (w / total) * values[row]![t]![start + i]!,
              0,
            );
            expect(dataOf(attended)[at + i]).toBeCloseTo(expected, 5);
          }
        }
        lengths[row]! += 1;
      }
    }
    await inPlace.session.release();
  });
});
