/** The forward pass over whole sequences, up to the log-likelihood of the supervised tokens: shared by training and scoring. */
import type { Graph, Value } from "../../graph/graph.ts";
import type { DecoderFamily } from "../../students/families/family.ts";
import { fullAttention } from "./attention.ts";

export interface SequenceInputs {
  targets: Value;
  /** Logits of the supervised positions only: [supervised, vocabulary]. */
  logits: Value;
}

/** Inputs `ids`, `positions`, `mask`, `supervised`, `targets` as src/engine/onnx/batch.ts makes them. */
export function forwardSequences(
  graph: Graph,
  family: DecoderFamily,
  parameter: (name: string) => Value,
): SequenceInputs {
  const ids = graph.input("ids", "int32", ["batch", "time"]);
  const positions = graph.input("positions", "int32", ["time"]);
  const mask = graph.input("mask", "float32", ["time", "time"]);
  const supervised = graph.input("supervised", "int32", ["supervised"]);
  const targets = graph.input("targets", "int32", ["supervised"]);
  const attend = fullAttention(family.shape, ids, mask);
  // The end of the last block, head and softmax see supervised positions only: CWT supervises one chunk of a long sequence.
  const hidden = family.hidden({ graph, parameter, ids, positions, rows: supervised, attend });
  return { targets, logits: family.logits({ parameter }, hidden) };
}

/** Inputs for every parameter of the family. */
export function parameterInputs(graph: Graph, family: DecoderFamily): Map<string, Value> {
  return new Map(
    [...family.parameterShapes].map(([name, shape]) => [name, graph.input(name, "float32", shape)]),
  );
}
