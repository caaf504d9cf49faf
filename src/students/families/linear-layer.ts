/**
 * The one place where the blocks of all families apply a linear layer: with its low-rank adapter where it has one (LoRA, Hu et
 * al. 2022, arXiv 2106.09685). The low-rank path is computed as such, so the weight beside it needs no gradient.
 */
import type { Value } from "../../graph/graph.ts";
import { add } from "../../graph/operators/elementwise.ts";
import { linear, matmul } from "../../graph/operators/matmul.ts";
import type { ParameterContext } from "./family.ts";

/** How a weight lies in memory: [inputs, outputs] (GPT-2's Conv1D) or [outputs, inputs] (torch.nn.Linear). */
export type WeightLayout = "in-out" | "out-in";

/** The linear layers inside the blocks of a family; embeddings and head are not among them. */
export interface LinearLayers {
  layout: WeightLayout;
  /** Module names, e.g. `model.layers.0.self_attn.q_proj`; the weight is `<module>.weight`. */
  modules: readonly string[];
}

/** The matrices whose names match `within`, as linear layers. */
export function linearLayers(
  layout: WeightLayout,
  shapes: ReadonlyMap<string, readonly number[]>,
  within: RegExp,
): LinearLayers {
  const names = [...shapes].filter(([name, shape]) => shape.length === 2 && within.test(name));
  return { layout, modules: names.map(([name]) => name.replace(/\.weight$/, "")) };
}

export interface LinearLayerOptions {
  layout: WeightLayout;
  bias: boolean;
  /** What the product is multiplied by. */
  scale?: number;
  /** What the bias is multiplied by. */
  biasScale?: number;
}

/**
 * scale · x W + biasScale · bias, plus the adapter's scale · (x Aᵀ) Bᵀ.
 * @param x [tokens, inputs] @returns [tokens, outputs]
 */
export function linearLayer(
  context: ParameterContext,
  x: Value,
  module: string,
  { layout, bias, scale = 1, biasScale = 1 }: LinearLayerOptions,
): Value {
  const y = linear(
    x,
    context.parameter(`${module}.weight`),
    bias ? context.parameter(`${module}.bias`) : undefined,
    { transposeB: layout === "out-in", scale, biasScale },
  );
  const adapter = context.adapter?.(module);
  if (adapter === undefined) return y;
  const narrow = linear(x, adapter.a, undefined, { transposeB: true });
  return add(y, matmul(narrow, adapter.b, { transposeB: true, scale: scale * adapter.scale }));
}
