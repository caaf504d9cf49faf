/**
 * A model family: its configuration, its parameters under their Hugging Face names, and its forward pass, written once. The
 * engine decides where parameters live and how attention is done (in full for training, with a cache for decoding).
 */
import type { Graph, Value } from "../../graph/graph.ts";
import type { LinearLayers } from "./linear-layer.ts";

/** A linear layer's low-rank adapter. */
export interface LowRankAdapter {
  /** [rank, inputs] */
  a: Value;
  /** [outputs, rank] */
  b: Value;
  scale: number;
}

/** Rows of a token table that are trained beside the frozen others; the table itself is zero there. */
export interface TrainedRows {
  /** Token ids, all different. */
  tokens: readonly number[];
  /** [tokens, width] */
  rows: Value;
}

/** What a forward pass may ask of the engine. */
export interface ForwardContext {
  graph: Graph;
  /** A parameter by its Hugging Face name. */
  parameter(name: string): Value;
  /** The adapter of a linear layer, by module name; without one the layer is its weight alone. */
  adapter?(module: string): LowRankAdapter | undefined;
  /** The rows of a token table that are trained apart from it, by the table's parameter name. */
  trainedRows?(table: string): TrainedRows | undefined;
  /** The graph will be differentiated: what is quicker backward may cost something forward. Default: it is not. */
  differentiated?: boolean;
  /** Token ids, int32 [batch, time]. */
  ids: Value;
  /** Position of each token, int32 [time] (the same for each row) or [batch, time]. */
  positions: Value;
  /**
   * The tokens whose hidden states are asked for: different flat indices into [batch · time], int32 [rows]. Other tokens matter
   * to them through attention alone, so the last block can leave the rest of its work on them out. Absent: all tokens.
   */
  rows?: Value;
  /**
   * Causal self-attention of one layer.
   * @param q [tokens, heads · width] @param k [tokens, keyValueHeads · width] @param v as k
   * @returns [tokens, heads · width]
   */
  attend(layer: number, q: Value, k: Value, v: Value): Value;
}

/** What layers read parameters through. */
export type ParameterContext = Pick<
  ForwardContext,
  "parameter" | "adapter" | "trainedRows" | "differentiated"
>;

/** Sizes the engine needs to lay out attention and caches. */
export interface FamilyShape {
  layers: number;
  heads: number;
  keyValueHeads: number;
  headWidth: number;
  width: number;
  vocabularySize: number;
  contextLength: number;
}

export interface DecoderFamily {
  readonly name: string;
  readonly shape: FamilyShape;
  /** Shape of every stored parameter by Hugging Face name. */
  readonly parameterShapes: ReadonlyMap<string, readonly number[]>;
  /** The layers that an adapter can be put on. */
  readonly linear: LinearLayers;
  /** Parameters that weight decay applies to (matrices; not biases and norms). */
  decays(name: string): boolean;
  /** Token embeddings through the last normalization: [rows, width] of the rows asked for, or of all tokens. */
  hidden(context: ForwardContext): Value;
  /** Logits of hidden rows: [rows, vocabulary]. */
  logits(context: ParameterContext, hidden: Value): Value;
}
