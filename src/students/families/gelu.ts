/** GELU between two linear layers, in the form for what the graph is for. */
import { geluScale, geluTanh, scaledGeluTanh } from "../../graph/operators/neural.ts";
import type { ParameterContext } from "./family.ts";
import type { Activation } from "./feed-forward.ts";

/** The tanh form, GPT-2's and T5's `gelu_new`. */
export function geluOf({ differentiated = false }: ParameterContext): Activation {
  return differentiated ? { scale: geluScale, apply: scaledGeluTanh } : { scale: 1, apply: geluTanh };
}
