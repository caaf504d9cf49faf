/**
 * Linear layers whose outputs or inputs come in parts. In training the weight is cut and not what it is multiplied with: there a batch's
 * activations are larger than weights, and parts of the wide layer inside a block stay in a core's cache while a dozen elementwise
 * operations go over them. Elsewhere layers stay whole: a weight that is a constant is packed for products once. So do those
 * with adapters.
 */
import type { Value } from "../../graph/graph.ts";
import { add } from "../../graph/operators/elementwise.ts";
import { split } from "../../graph/operators/layout.ts";
import { linear } from "../../graph/operators/matmul.ts";
import type { ParameterContext } from "./family.ts";
import { type LinearLayerOptions, linearLayer } from "./linear-layer.ts";

const isCut = (context: ParameterContext, module: string): boolean =>
  context.differentiated === true && context.adapter?.(module) === undefined;

/** The widths of the parts in which the inside of a feed-forward layer is computed. @param modules the layers into it and out of it */
export function innerWidths(context: ParameterContext, width: number, modules: readonly string[]): number[] {
  const isWhole = width % 2 !== 0 || !modules.every((module) => isCut(context, module));
  return isWhole ? [width] : [width / 2, width / 2];
}

/** A linear layer's outputs in parts of these widths. @param x [tokens, inputs] @returns [tokens, width] each */
export function splitOutputs(
  context: ParameterContext,
  x: Value,
  module: string,
  widths: readonly number[],
  options: LinearLayerOptions,
): Value[] {
  if (widths.length === 1) return [linearLayer(context, x, module, options)];
  if (!isCut(context, module)) return split(linearLayer(context, x, module, options), widths, -1);
  const { layout, bias, ...factors } = options;
  const weights = split(context.parameter(`${module}.weight`), widths, layout === "out-in" ? 0 : 1);
  const biases = bias ? split(context.parameter(`${module}.bias`), widths, 0) : [];
  const transposeB = layout === "out-in";
  return weights.map((weight, i) => linear(x, weight, biases[i], { transposeB, ...factors }));
}

/**
 * A linear layer of inputs that come in parts, as `innerWidths` has them.
 * @param parts [tokens, width] each @returns [tokens, outputs]
 */
export function joinInputs(
  context: ParameterContext,
  parts: readonly Value[],
  module: string,
  options: LinearLayerOptions,
): Value {
  if (parts.length === 1) return linearLayer(context, parts[0]!, module, options);
  const { layout, bias, ...factors } = options;
  const widths = parts.map(({ shape }) => shape[1] as number);
  const weights = split(context.parameter(`${module}.weight`), widths, layout === "out-in" ? 1 : 0);
  const transposeB = layout === "out-in";
  return parts
    .map((part, i) => {
      const own = bias && i === 0 ? context.parameter(`${module}.bias`) : undefined;
      return linear(part, weights[i]!, own, { transposeB, ...factors });
    })
    .reduce((sum, product) => add(sum, product));
}
