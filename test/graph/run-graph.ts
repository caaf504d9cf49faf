/** Runs small graphs in tests: session made, inputs fed by name, outputs read back as plain numbers. */
import { createSession, run, Tensor } from "../../src/engine/onnx/session.ts";
import type { Graph } from "../../src/graph/graph.ts";

export interface Array32 {
  dims: readonly number[];
  data: Float32Array | Int32Array;
}

export interface GraphRunner {
  run(
    feeds: Readonly<Record<string, Array32>>,
    outputs?: readonly string[],
  ): Promise<Map<string, Float64Array>>;
  close(): Promise<void>;
}

export function floats(dims: readonly number[], data: Iterable<number>): Array32 {
  return { dims, data: Float32Array.from(data) };
}

export function integers(dims: readonly number[], data: Iterable<number>): Array32 {
  return { dims, data: Int32Array.from(data) };
}

/** A session over `graph`; results come back in double precision so that sums over them lose nothing. */
export async function openGraph(graph: Graph): Promise<GraphRunner> {
  const session = await createSession(graph, "test", 1);
  return {
    async run(feeds, outputs = graph.outputs.map((output) => output.name)) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { dims, data }]) => [
          name,
          data instanceof Float32Array ? new Tensor("float32", data, dims) : new Tensor("int32", data, dims),
        ]),
      );
      const results = await run(session, tensors, Object.fromEntries(outputs.map((name) => [name, null])));
      return new Map(
        outputs.map((name) => [name, Float64Array.from(results[name]!.data as Float32Array, Number)]),
      );
    },
    close: () => session.release(),
  };
}
