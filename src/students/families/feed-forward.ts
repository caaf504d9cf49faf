/**
 * The feed-forward layer of a block, computed in the parts that layer-parts.ts cuts its inside into.
 */
import type { Value } from "../../graph/graph.ts";
import { multiply } from "../../graph/operators/elementwise.ts";
import type { ParameterContext } from "./family.ts";
import { innerWidths, joinInputs, splitOutputs } from "./layer-parts.ts";
import type { LinearLayerOptions } from "./linear-layer.ts";

export interface Activation {
  /** What the argument is to be multiplied by, and what the result is multiplied by: the products around it do that. Default: 1. */
  scale?: number;
  apply(x: Value): Value;
}

interface Layer<Module extends string> {
  /** Module names of the linear layers. */
  modules: Record<Module, string>;
  /** How wide it is inside. */
  width: number;
  activation: Activation;
  optionsOf(module: string): LinearLayerOptions;
}

/** out(activation(into(x))). @param x [tokens, width of the block], as is the result */
export function plainFeedForward(context: ParameterContext, x: Value, layer: Layer<"into" | "out">): Value {
  const { modules, activation, optionsOf } = layer;
  const { into, out } = modules;
  const { scale = 1 } = activation;
  const widths = innerWidths(context, layer.width, [into, out]);
  const inner = splitOutputs(context, x, into, widths, { ...optionsOf(into), scale, biasScale: scale });
  const activated = inner.map((part) => activation.apply(part));
  return joinInputs(context, activated, out, { ...optionsOf(out), scale: 1 / scale });
}

/** out(activation(gate(x)) · up(x)) (Shazeer 2020). @param x [tokens, width of the block], as is the result */
export function gatedFeedForward(
  context: ParameterContext,
  x: Value,
  layer: Layer<"gate" | "up" | "out">,
): Value {
  const { modules, activation, optionsOf } = layer;
  const { gate, up, out } = modules;
  const { scale = 1 } = activation;
  const widths = innerWidths(context, layer.width, [gate, up, out]);
  const gates = splitOutputs(context, x, gate, widths, { ...optionsOf(gate), scale, biasScale: scale });
  const ups = splitOutputs(context, x, up, widths, optionsOf(up));
  const inner = gates.map((part, i) => multiply(activation.apply(part), ups[i]!));
  return joinInputs(context, inner, out, { ...optionsOf(out), scale: 1 / scale });
}
