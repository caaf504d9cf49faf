/** GELU between two linear layers, in the form for what the graph is for. */
import type { Value } from "../../graph/graph.ts";
import { geluScale, geluTanh, scaledGeluTanh } from "../../graph/operators/neural.ts";
import type { ParameterContext } from "./family.ts";

export interface Gelu {
  /** What the argument is to be multiplied by, and what the result is multiplied by. Products do that on the way. */
  scale: number;
  apply(x: Value): Value;
}

/** The tanh form, GPT-2's and T5's `gelu_new`. */
export function geluOf({ differentiated = false }: ParameterContext): Gelu {
  return differentiated ? { scale: geluScale, apply: scaledGeluTanh } : { scale: 1, apply: geluTanh };
}
