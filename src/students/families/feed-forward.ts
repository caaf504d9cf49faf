/** The feed-forward layer of a block. */
import type { Value } from "../../graph/graph.ts";
import { multiply } from "../../graph/operators/elementwise.ts";
import type { ParameterContext } from "./family.ts";
import { type LinearLayerOptions, linearLayer } from "./linear-layer.ts";

export interface Activation {
  /** What the argument is to be multiplied by, and what the result comes multiplied by. Default: 1. */
  scale?: number;
  apply(x: Value): Value;
}

/** What the layer reads, times a factor: the normalization before it does that at no cost. [tokens, width of the block] */
type Read = (factor: number) => Value;

interface Layer<Module extends string> {
  /** Module names of the linear layers. */
  modules: Record<Module, string>;
  activation: Activation;
  optionsOf(module: string): LinearLayerOptions;
}

/** out(activation(into(x))). @returns [tokens, width of the block] */
export function plainFeedForward(context: ParameterContext, read: Read, layer: Layer<"into" | "out">): Value {
  const { modules, activation, optionsOf } = layer;
  const { into, out } = modules;
  const { scale = 1 } = activation;
  const inner = linearLayer(context, read(scale), into, { ...optionsOf(into), biasScale: scale });
  return linearLayer(context, activation.apply(inner), out, { ...optionsOf(out), scale: 1 / scale });
}

/** out(activation(gate(x)) · up(x)) (Shazeer 2020). @returns [tokens, width of the block] */
export function gatedFeedForward(
  context: ParameterContext,
  read: Read,
  layer: Layer<"gate" | "up" | "out">,
): Value {
  const { modules, activation, optionsOf } = layer;
  const { scale = 1 } = activation;
  const x = read(scale);
  const [gate, up] = [modules.gate, modules.up].map((name) =>
    linearLayer(context, x, name, { ...optionsOf(name), biasScale: scale }),
  ) as [Value, Value];
  const inner = multiply(activation.apply(gate), up);
  return linearLayer(context, inner, modules.out, { ...optionsOf(modules.out), scale: 1 / scale ** 2 });
}
