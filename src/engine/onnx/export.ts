/**
 * A student as a portable ONNX model with a key-value cache, in the form that transformers.js and Optimum know: token ids, mask
 * and past keys and values in, logits and present keys and values out. Weights are inside the file.
 */
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Graph, type Value } from "../../graph/graph.ts";
import { add, cast, multiply } from "../../graph/operators/elementwise.ts";
import { reshape, transpose } from "../../graph/operators/layout.ts";
import { softmax } from "../../graph/operators/neural.ts";
import { unsqueeze } from "../../graph/operators/reduce.ts";
import { serializeGraph } from "../../graph/serialize.ts";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { DecoderFamily, FamilyShape } from "../../students/families/family.ts";
import { writeFileAtomically, writeFully } from "../../tensor/atomic-file.ts";
import { inputError } from "../../util/errors.ts";
import { reshapeTo } from "./attention.ts";

/** One protobuf file holds at most 2 GB. */
const largestFile = 2_000_000_000;

/**
 * The graph: inputs `input_ids` [batch, sequence], `attention_mask` [batch, past + sequence], `position_ids` [batch, sequence]
 * (int64) and `past_key_values.<layer>.key|value` [batch, key-value heads, past, head width]; outputs `logits` [batch, sequence,
 * vocabulary] and `present.<layer>.key|value`. The first call has a past of length 0.
 */
export function exportGraph(family: DecoderFamily, weights: ReadonlyMap<string, Float32Array>): Graph {
  const { shape } = family;
  const graph = new Graph();
  const inputIds = graph.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  const attentionMask = graph.input("attention_mask", "int64", ["batch_size", "total_sequence_length"]);
  const positionIds = graph.input("position_ids", "int64", ["batch_size", "sequence_length"]);
  const ids = cast(inputIds, "int32");
  const parameters = new Map(
    [...family.parameterShapes].map(([name, size]) => [name, graph.constant(weights.get(name)!, size, name)]),
  );
  const parameter = (name: string): Value => parameters.get(name)!;
  const attend = attentionOverPast(graph, shape, ids, causalAndPaddingMask(graph, inputIds, attentionMask));
  const hidden = family.hidden({ graph, parameter, ids, positions: cast(positionIds, "int32"), attend });
  const logits = family.logits({ parameter }, hidden);
  const perRow = graph.apply(
    "Concat",
    [shapeOf(inputIds), graph.int64s([shape.vocabularySize])],
    { axis: 0 },
    [{ dtype: "int64", shape: [3] }],
  )[0]!;
  graph.output(reshapeTo(logits, perRow, ["batch_size", "sequence_length", shape.vocabularySize]), "logits");
  return graph;
}

const shapeOf = (x: Value): Value =>
  x.graph.apply("Shape", [x], {}, [{ dtype: "int64", shape: [x.shape.length] }])[0]!;

/** Additive mask [batch, 1, 1, sequence, total]: large and negative for later tokens and for padding. */
function causalAndPaddingMask(graph: Graph, inputIds: Value, attentionMask: Value): Value {
  const lengthOf = (x: Value): Value =>
    graph.apply("Gather", [shapeOf(x), graph.constant(BigInt64Array.of(1n), [])], { axis: 0 }, [
      { dtype: "int64", shape: [] },
    ])[0]!;
  const [zero, one] = [graph.constant(BigInt64Array.of(0n), []), graph.constant(BigInt64Array.of(1n), [])];
  const total = lengthOf(attentionMask);
  const past = graph.apply("Sub", [total, lengthOf(inputIds)], {}, [{ dtype: "int64", shape: [] }])[0]!;
  const range = (from: Value, length: string): Value =>
    graph.apply("Range", [from, total, one], {}, [{ dtype: "int64", shape: [length] }])[0]!;
  const keys = range(zero, "total_sequence_length");
  const queries = unsqueeze(range(past, "sequence_length"), [1]);
  const isLater = graph.apply("Less", [queries, keys], {}, [
    { dtype: "bool", shape: ["sequence_length", "total_sequence_length"] },
  ])[0]!;
  const causal = multiply(cast(isLater, "float32"), -1e9);
  const isPadding = add(multiply(cast(attentionMask, "float32"), -1), 1);
  const padding = reshape(
    multiply(isPadding, -1e9),
    [0, 1, 1, 1, -1],
    ["batch_size", 1, 1, 1, "total_sequence_length"],
  );
  return add(padding, causal);
}

/** Attention over past and new tokens; the two together are the outputs `present`. */
function attentionOverPast(graph: Graph, shape: FamilyShape, ids: Value, mask: Value) {
  const { heads, keyValueHeads, headWidth } = shape;
  const groups = heads / keyValueHeads;
  const idShape = shapeOf(ids);
  const toHeads = (x: Value, count: number): Value => {
    const target = graph.apply("Concat", [idShape, graph.int64s([count, headWidth])], { axis: 0 }, [
      { dtype: "int64", shape: [4] },
    ])[0]!;
    return transpose(reshapeTo(x, target, ["batch_size", "sequence_length", count, headWidth]), [0, 2, 1, 3]);
  };
  const matmul = (a: Value, b: Value, last: string | number): Value =>
    graph.apply("MatMul", [a, b], {}, [{ dtype: "float32", shape: [...a.shape.slice(0, -1), last] }])[0]!;
  const withPast = (layer: number, part: "key" | "value", fresh: Value): Value => {
    const rows = ["batch_size", keyValueHeads] as const;
    const name = `past_key_values.${layer}.${part}`;
    const past = graph.input(name, "float32", [...rows, "past_sequence_length", headWidth]);
    const present = graph.apply("Concat", [past, toHeads(fresh, keyValueHeads)], { axis: 2 }, [
      { dtype: "float32", shape: [...rows, "total_sequence_length", headWidth] },
    ])[0]!;
    graph.output(present, `present.${layer}.${part}`);
    return unsqueeze(present, [2]);
  };
  return (layer: number, q: Value, k: Value, v: Value): Value => {
    const [keys, values] = [withPast(layer, "key", k), withPast(layer, "value", v)];
    const queries = reshape(
      multiply(toHeads(q, heads), 1 / Math.sqrt(headWidth)),
      [0, keyValueHeads, groups, -1, headWidth],
      ["batch_size", keyValueHeads, groups, "sequence_length", headWidth],
    );
    const scores = matmul(queries, transpose(keys, [0, 1, 2, 4, 3]), "total_sequence_length");
    const attended = matmul(softmax(add(scores, mask)), values, headWidth);
    return reshape(
      transpose(attended, [0, 3, 1, 2, 4]),
      [-1, heads * headWidth],
      ["tokens", heads * headWidth],
    );
  };
}

/**
 * Writes `folder` as transformers.js reads it: configuration and tokenizer beside `onnx/model.onnx`.
 *
 * @param source model folder in Hugging Face layout that the weights come from
 * @returns path of the ONNX file
 * @throws SkipthinkError (exit 2) for weights above what one ONNX file holds, or a student with an encoder
 */
export async function writeOnnxFolder(
  folder: string,
  source: string,
  model: { family: StudentFamily; weights: ReadonlyMap<string, Float32Array> },
): Promise<string> {
  const { family, weights } = model;
  if (isEncoderDecoder(family)) {
    throw inputError(
      `students of the family ${family.name} have an encoder; only decoder-only students are exported`,
      { file: source, key: "model_type" },
      "Use the model folder itself: transformers loads it unchanged.",
    );
  }
  const bytes = 4 * [...weights.values()].reduce((sum, { length }) => sum + length, 0);
  if (bytes > largestFile) {
    throw inputError(
      `the weights take ${(bytes / 1e9).toFixed(1)} GB in float32; one ONNX file holds ${largestFile / 1e9} GB`,
      { file: source },
      "Export a smaller student, or use the model folder itself: transformers and vLLM load it unchanged.",
    );
  }
  await mkdir(join(folder, "onnx"), { recursive: true });
  for (const name of await readdir(source)) {
    if (name.endsWith(".json") && !name.endsWith(".index.json")) {
      await copyFile(join(source, name), join(folder, name));
    }
  }
  const path = join(folder, "onnx", "model.onnx");
  const bytesOfFile = serializeGraph(exportGraph(family, weights), "student");
  await writeFileAtomically(path, (handle) => writeFully(handle, bytesOfFile));
  return path;
}
