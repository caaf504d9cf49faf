/** The forward pass over whole sequences, up to the log-likelihood of the supervised tokens: shared by training and scoring. */
import type { Graph, Value } from "../../graph/graph.ts";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { TokenSequence } from "../engine.ts";
import { continuedAttention, fullAttention } from "./attention.ts";
import { type BatchOptions, denseBatch, type SequenceBatch } from "./batch.ts";
import { forwardPairs } from "./encoder-decoder.ts";
import { pairBatch } from "./pair-batch.ts";

/**
 * What a row is: a sequence; a token tree (prefix-tree.ts); what follows the tokens of a reading (readings.ts), the last two for
 * decoder-only families.
 */
export type Layout = "sequences" | "trees" | "continued";

export interface SequenceInputs {
  targets: Value;
  /** Logits of the supervised positions only: [supervised, vocabulary]. */
  logits: Value;
}

/** The inputs of `forwardSequences` for some sequences. */
export function batchSequences(
  family: StudentFamily,
  sequences: readonly TokenSequence[],
  options: BatchOptions = {},
): SequenceBatch {
  return isEncoderDecoder(family)
    ? pairBatch(sequences, family.startToken, options)
    : denseBatch(sequences, options);
}

/**
 * Inputs `ids`, `positions`, `mask`, `supervised`, `targets` as src/engine/onnx/batch.ts makes them, or for other layouts the files named
 * there.
 * @param options.differentiated see ForwardContext
 * @param options.keep layout "continued": keys and values are outputs too
 */
export function forwardSequences(
  graph: Graph,
  family: StudentFamily,
  parameter: (name: string) => Value,
  options: { layout?: Layout; keep?: boolean; differentiated?: boolean } = {},
): SequenceInputs {
  const { layout = "sequences", keep = false, differentiated = false } = options;
  if (isEncoderDecoder(family)) return forwardPairs({ graph, family, parameter, differentiated });
  const ids = graph.input("ids", "int32", ["batch", "time"]);
  const positions = graph.input("positions", "int32", layout === "sequences" ? ["time"] : ["batch", "time"]);
  const maskShapes = {
    sequences: ["time", "time"],
    trees: ["batch", 1, "time", "time"],
    continued: ["batch", 1, "time", "all"],
  };
  const mask = graph.input("mask", "float32", maskShapes[layout]);
  const supervised = graph.input("supervised", "int32", ["supervised"]);
  const targets = graph.input("targets", "int32", ["supervised"]);
  const attend =
    layout === "continued"
      ? continuedAttention(family.shape, ids, mask, keep)
      : fullAttention(family.shape, ids, mask);
  // The end of the last block, head and softmax see supervised positions only: CWT supervises one chunk of a long sequence.
  const hidden = family.hidden({
    graph,
    parameter,
    differentiated,
    ids,
    positions,
    rows: supervised,
    attend,
  });
  return { targets, logits: family.logits({ parameter }, hidden) };
}

/** Inputs for parameters of the family. @param names default: all */
export function parameterInputs(
  graph: Graph,
  family: StudentFamily,
  names: Iterable<string> = family.parameterShapes.keys(),
): Map<string, Value> {
  return new Map(
    [...names].map((name) => [name, graph.input(name, "float32", family.parameterShapes.get(name)!)]),
  );
}
