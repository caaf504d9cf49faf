/**
 * A model family: its configuration, its parameters under their Hugging Face names, and its forward pass, written once. The
 * engine decides where parameters live and how attention is done (in full for training, with a cache for decoding).
 */
import type { Graph, Value } from "../../graph/graph.ts";

/** What a forward pass may ask of the engine. */
export interface ForwardContext {
  graph: Graph;
  /** A parameter by its Hugging Face name. */
  parameter(name: string): Value;
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
  /** Parameters that weight decay applies to (matrices; not biases and norms). */
  decays(name: string): boolean;
  /** Token embeddings through the last normalization: [rows, width] of the rows asked for, or of all tokens. */
  hidden(context: ForwardContext): Value;
  /** Logits of hidden rows: [rows, vocabulary]. */
  logits(context: Pick<ForwardContext, "parameter">, hidden: Value): Value;
}
