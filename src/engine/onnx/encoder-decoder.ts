/**
 * The graphs of encoder-decoder students: over whole sequences for training and scoring, and with a cache for decoding, where
 * the keys and values of the prompt are computed once.
 */
import type { Graph, Value } from "../../graph/graph.ts";
import { add } from "../../graph/operators/elementwise.ts";
import { transpose } from "../../graph/operators/layout.ts";
import { attention } from "../../graph/operators/neural.ts";
import { unsqueeze } from "../../graph/operators/reduce.ts";
import type { EncoderDecoderFamily } from "../../students/families/encoder-decoder.ts";
import { relativePositions } from "../../students/relative-positions.ts";
import { cachedAttention, cacheInputs, fullAttention, headLayout, joinHeads } from "./attention.ts";

interface Building {
  graph: Graph;
  family: EncoderDecoderFamily;
  parameter: (name: string) => Value;
  /** See ForwardContext. */
  differentiated?: boolean;
}

/** What the decoder attends to in the encoder: keys and values per layer, [batch, heads, source, head width], and the padding. */
interface Source {
  layers: { key: Value; value: Value }[];
  /** Additive, [batch, 1, 1, source]. */
  mask: Value;
}

/** Log-likelihoods over whole sequences, with inputs as src/engine/onnx/pair-batch.ts makes them. */
export function forwardPairs(building: Building) {
  const { graph, family, parameter } = building;
  const source = readSource(building);
  const rows = graph.input("supervised", "int32", ["supervised"]);
  const targets = graph.input("targets", "int32", ["supervised"]);
  const hidden = decodeSequences(building, source, rows);
  return { targets, logits: family.logits({ parameter }, hidden) };
}

/**
 * First pass of decoding: reads prompts and what the decoder is given. The decoder's new keys and values are outputs, and so
 * are `source.<layer>.key` and `source.<layer>.value`.
 * @returns hidden states of the positions in the input `picked`
 */
export function readPairs(building: Building): Value {
  const { graph } = building;
  const source = readSource(building);
  source.layers.forEach(({ key, value }, layer) => {
    graph.output(key, `source.${layer}.key`);
    graph.output(value, `source.${layer}.value`);
  });
  return decodeSequences(building, source, graph.input("picked", "int32", ["batch"]), true);
}

/** Later passes: one token per row over the cache, whose places `cachePositions` counts, and over the source of the first pass. */
export function writePairs({ graph, family, parameter }: Building): Value {
  const { shape, scoreScale } = family;
  const ids = graph.input("ids", "int32", ["batch", 1]);
  const positions = graph.input("positions", "int32", ["batch", 1]);
  const places = graph.input("cachePositions", "int32", ["total"]);
  const bias = family.positionBias({ graph, parameter }, "decoder", relativePositions(places, positions));
  const attend = cachedAttention(shape, ids, cacheInputs(graph, shape), {
    scale: scoreScale,
    bias: unsqueeze(transpose(bias, [0, 2, 1]), [2]),
  });
  const sides = ["batch", shape.heads, "source", shape.headWidth];
  const source: Source = {
    layers: Array.from({ length: shape.layers }, (_, layer) => ({
      key: graph.input(`source.${layer}.key`, "float32", sides),
      value: graph.input(`source.${layer}.value`, "float32", sides),
    })),
    mask: graph.input("sourceMask", "float32", ["batch", 1, 1, "source"]),
  };
  const attendSource = sourceAttention(family, ids, source);
  return family.decode({ graph, parameter, ids, attend, attendSource });
}

/** The encoder over the prompts, up to the keys and values that the decoder's layers read. */
function readSource({ graph, family, parameter, differentiated = false }: Building): Source {
  const { shape, scoreScale } = family;
  const ids = graph.input("sourceIds", "int32", ["batch", "source"]);
  const positions = graph.input("sourcePositions", "int32", ["source"]);
  const mask = graph.input("sourceMask", "float32", ["batch", 1, 1, "source"]);
  const bias = family.positionBias({ graph, parameter }, "encoder", relativePositions(positions, positions));
  const attend = fullAttention(shape, ids, add(mask, transpose(bias, [2, 0, 1])), { scale: scoreScale });
  const encoded = family.encode({ graph, parameter, differentiated, ids, attend });
  const toHeads = headLayout(shape, ids);
  const layers = Array.from({ length: shape.layers }, (_, layer) => {
    const { key, value } = family.sourceKeys({ graph, parameter }, layer, encoded);
    return { key: toHeads(key), value: toHeads(value) };
  });
  return { layers, mask };
}

/** The decoder over whole sequences. @param keep its keys and values are outputs */
function decodeSequences(
  { graph, family, parameter, differentiated = false }: Building,
  source: Source,
  rows: Value,
  keep = false,
): Value {
  const { shape, scoreScale } = family;
  const ids = graph.input("ids", "int32", ["batch", "time"]);
  const positions = graph.input("positions", "int32", ["time"]);
  const mask = graph.input("mask", "float32", ["time", "time"]);
  const bias = family.positionBias({ graph, parameter }, "decoder", relativePositions(positions, positions));
  const attend = fullAttention(shape, ids, add(mask, transpose(bias, [2, 0, 1])), {
    scale: scoreScale,
    keep,
  });
  const attendSource = sourceAttention(family, ids, source);
  return family.decode({ graph, parameter, differentiated, ids, rows, attend, attendSource });
}

/** Attention of the decoder's tokens [batch, time] to the encoder's. */
function sourceAttention({ shape, scoreScale }: EncoderDecoderFamily, ids: Value, source: Source) {
  const toHeads = headLayout(shape, ids);
  return (layer: number, q: Value): Value => {
    const { key, value } = source.layers[layer]!;
    return joinHeads(shape, attention(toHeads(q), key, value, source.mask, scoreScale), q.shape[0]!);
  };
}
