/** The ONNX file: names, types, attributes, and nothing in it that no output needs. */
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { add, exponential, multiply, negate } from "../../src/graph/operators/elementwise.ts";
import { gather, transpose } from "../../src/graph/operators/layout.ts";
import { crossEntropy, layerNorm } from "../../src/graph/operators/neural.ts";
import { reduceSum } from "../../src/graph/operators/reduce.ts";
import { serializeGraph } from "../../src/graph/serialize.ts";
import { numbers, readModel, texts } from "./model-proto.ts";
import { floats, openGraph } from "./run-graph.ts";

describe("serializeGraph", () => {
  test("writes versions, inputs with symbolic sizes, outputs under their given names, constants as raw bytes", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["rows", 3]);
    const ids = graph.input("ids", "int32", []);
    const table = graph.constant(new Float32Array(6), [2, 3], "table");
    graph.output(add(x, gather(table, ids)), "sum");
    const model = readModel(serializeGraph(graph, "small"));
    expect(model).toMatchObject({
      irVersion: 10,
      name: "small",
      // Other domains are named where they are used.
      opsets: [["", 20]],
      inputs: [
        { name: "x", elementType: 1, shape: ["rows", 3] },
        { name: "ids", elementType: 6, shape: [] },
      ],
      outputs: [{ name: "sum", elementType: 1, shape: ["rows", 3] }],
      constants: [{ name: "table", dims: [2, 3], elementType: 1, bytes: 24 }],
    });
    expect(model.nodes.map((node) => node.type)).toEqual(["Gather", "Add"]);
    expect(model.nodes[1]!.outputs).toEqual(["sum"]);
    expect(model.nodes[1]!.inputs).toEqual(["x", model.nodes[0]!.outputs[0]]);
  });

  test("writes whole numbers, reals and lists as attributes of their type", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 3]);
    const [scale, bias] = [graph.input("scale", "float32", [3]), graph.input("bias", "float32", [3])];
    graph.output(transpose(layerNorm(x, scale, bias, 0.5), [1, 0]), "y");
    const { nodes } = readModel(serializeGraph(graph, "attributes"));
    const [axis, epsilon] = nodes[0]!.attributes;
    // AttributeProto: name 1, f 2, i 3, ints 8, type 20 (1 float, 2 int, 7 ints).
    expect([texts(axis!, 1), numbers(axis!, 3), numbers(axis!, 20)]).toEqual([["axis"], [-1], [2]]);
    expect([texts(epsilon!, 1), numbers(epsilon!, 2), numbers(epsilon!, 20)]).toEqual([
      ["epsilon"],
      [0.5],
      [1],
    ]);
    const [permutation] = nodes[1]!.attributes;
    expect([numbers(permutation!, 8), numbers(permutation!, 20)]).toEqual([[1, 0], [7]]);
  });

  test("leaves out what no output needs, and every composite's entry", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    const wanted = negate(x);
    exponential(exponential(x));
    graph.output(wanted, "wanted");
    expect(readModel(serializeGraph(graph, "dead")).nodes.map((node) => node.type)).toEqual(["Neg"]);

    const loss = new Graph();
    const logits = loss.input("logits", "float32", ["n", 5]);
    const targets = loss.input("targets", "int32", ["n"]);
    const total = reduceSum(crossEntropy(logits, targets));
    gradient(total, [logits]);
    loss.output(total, "loss");
    // The gradient was built but not asked for.
    const types = readModel(serializeGraph(loss, "loss")).nodes.map((node) => node.type);
    expect(types).toContain("LogSoftmax");
    expect(types).not.toContain("Exp");
    expect(types).not.toContain("Composite");
  });

  test("puts every node after what it reads", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 4]);
    const loss = reduceSum(multiply(negate(x), exponential(x)));
    graph.output(gradient(loss, [x])[0]!, "gradient");
    const { nodes, constants, inputs } = readModel(serializeGraph(graph, "order"));
    const known = new Set([...inputs, ...constants].map((entry) => entry.name));
    for (const node of nodes) {
      for (const input of node.inputs) expect(known.has(input), `${node.type} reads ${input}`).toBe(true);
      for (const output of node.outputs) known.add(output);
    }
  });

  test("refuses constants beyond protobuf's two gigabytes", () => {
    const graph = new Graph();
    const value = graph.input("x", "float32", []);
    graph.constants.push({ value, data: { byteLength: 2_000_000_001 } as Float32Array });
    expect(() => serializeGraph(graph, "huge")).toThrow(/huge: 2000000001 bytes of constants/);
  });

  test("one value may be two outputs, each under its own name", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    const y = negate(x);
    graph.output(y, "first");
    graph.output(y, "second");
    graph.output(x, "third");
    const runner = await openGraph(graph);
    const results = await runner.run({ x: floats([2], [1, -2]) });
    await runner.close();
    expect([...results].map(([name, values]) => [name, ...values])).toEqual([
      ["first", -1, 2],
      ["second", -1, 2],
      ["third", 1, -2],
    ]);
  });
});
