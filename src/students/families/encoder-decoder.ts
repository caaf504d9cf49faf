/**
 * The contract of families with an encoder, beside that of decoder-only ones (family.ts). The encoder reads the prompt; the
 * decoder starts with a token of its own, goes on with the context and writes the target (docs/method.md §4). The engine lays
 * out attention and caches, and adds the family's position bias to the scores.
 */
import type { Value } from "../../graph/graph.ts";
import type { DecoderFamily, ForwardContext, ParameterContext } from "./family.ts";

type Reading = ParameterContext & Pick<ForwardContext, "graph">;

/** What the encoder may ask of the engine. */
export interface EncodeContext extends Reading {
  /** Token ids, int32 [batch, source]. */
  ids: Value;
  /** Self-attention over all tokens of a row; q, k, v and result [sourceTokens, heads · width]. */
  attend: ForwardContext["attend"];
}

/** What the decoder may ask of the engine. */
export interface DecodeContext extends Reading {
  /** Token ids, int32 [batch, time]. */
  ids: Value;
  /** As in ForwardContext: the tokens whose hidden states are asked for. */
  rows?: Value;
  /** Causal self-attention of one layer; q, k, v and result [tokens, heads · width]. */
  attend: ForwardContext["attend"];
  /** Attention of one layer to the encoder's tokens, through the keys and values that `sourceKeys` gave; [tokens, heads · width]. */
  attendSource(layer: number, q: Value): Value;
}

export interface EncoderDecoderFamily extends Omit<DecoderFamily, "hidden"> {
  /** Sizes of the decoder, as FamilyShape has them; key-value heads are as many as heads. */
  readonly shape: DecoderFamily["shape"];
  /** The decoder's first token; it is read, never predicted. */
  readonly startToken: number;
  /** What attention scores are multiplied by. */
  readonly scoreScale: number;
  /** Added to the scores of a stack's self-attention for relative positions (key minus query), int32 [a, b]: [a, b, heads]. */
  positionBias(context: Reading, stack: "encoder" | "decoder", relative: Value): Value;
  /** Token embeddings through the encoder's last normalization: [sourceTokens, width]. */
  encode(context: EncodeContext): Value;
  /** Keys and values of a decoder layer's attention to the encoder's tokens: [sourceTokens, heads · width] each. */
  sourceKeys(context: Reading, layer: number, encoded: Value): { key: Value; value: Value };
  /** Token embeddings through the decoder's last normalization: [rows, width] of the rows asked for, or of all tokens. */
  decode(context: DecodeContext): Value;
}

export type StudentFamily = DecoderFamily | EncoderDecoderFamily;

export function isEncoderDecoder(family: StudentFamily): family is EncoderDecoderFamily {
  return "encode" in family;
}
