/**
 * The feed-forward layer of a block, computed in the parts that layer-parts.ts cuts its inside into.
 */
import type { Value } from "../../graph/graph.ts";
import { multiply } from "../../graph/operators/elementwise.ts";
import type { ParameterContext } from "./family.ts";
import { innerWidths, joinInputs, splitOutputs } from "./layer-parts.ts";
import type { LinearLayerOptions } from "./linear-layer.ts";

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
  /** How wide it is inside. */
  width: number;
  activation: Activation;
  optionsOf(module: string): LinearLayerOptions;
}

/** out(activation(into(x))). @returns [tokens, width of the block] */
export function plainFeedForward(context: ParameterContext, read: Read, layer: Layer<"into" | "out">): Value {
  const { modules, activation, optionsOf } = layer;
  const { into, out } = modules;
  const { scale = 1 } = activation;
  const widths = innerWidths(context, layer.width, [into, out]);
  const inner = splitOutputs(context, read(scale), into, widths, { ...optionsOf(into), biasScale: scale });
  const activated = inner.map((part) => activation.apply(part));
  return joinInputs(context, activated, out, { ...optionsOf(out), scale: 1 / scale });
}

/** out(activation(gate(x)) · up(x)) (Shazeer 2020). @returns [tokens, width of the block] */
export function gatedFeedForward(
  context: ParameterContext,
  read: Read,
  layer: Layer<"gate" | "up" | "out">,
): Value {
  const { modules, activation, optionsOf } = layer;
  const { gate, up, out } = modules;
  const { scale = 1 } = activation;
  const x = read(scale);
  const widths = innerWidths(context, layer.width, [gate, up, out]);
  const [gates, ups] = [gate, up].map((name) =>
    splitOutputs(context, x, name, widths, { ...optionsOf(name), biasScale: scale }),
  ) as [Value[], Value[]];
  const inner = gates.map((part, i) => multiply(activation.apply(part), ups[i]!));
  return joinInputs(context, inner, out, { ...optionsOf(out), scale: 1 / scale ** 2 });
}
