/**
 * Linear layers whose outputs come in parts: queries, keys and values, or gate and up. In training the weight is cut and not what comes
 * out: of a batch there is more than of weights. Elsewhere layers stay whole: a weight that is a constant is packed for products
 * once. So do those with adapters.
 */
import type { Value } from "../../graph/graph.ts";
import { split } from "../../graph/operators/layout.ts";
import { linear } from "../../graph/operators/matmul.ts";
import type { ParameterContext } from "./family.ts";
import { type LinearLayerOptions, linearLayer } from "./linear-layer.ts";

/** A linear layer's outputs in parts of these widths. @param x [tokens, inputs] @returns [tokens, width] each */
export function splitOutputs(
  context: ParameterContext,
  x: Value,
  module: string,
  widths: readonly number[],
  options: LinearLayerOptions,
): Value[] {
  const isCut = context.differentiated === true && context.adapter?.(module) === undefined;
  if (!isCut) return split(linearLayer(context, x, module, options), widths, -1);
  const { layout, bias, ...factors } = options;
  const weights = split(context.parameter(`${module}.weight`), widths, layout === "out-in" ? 0 : 1);
  const biases = bias ? split(context.parameter(`${module}.bias`), widths, 0) : [];
  const transposeB = layout === "out-in";
  return weights.map((weight, i) => linear(x, weight, biases[i], { transposeB, ...factors }));
}
