/** Rotary position embeddings as configurations describe them: base frequency and how it is stretched for long contexts. */
import { z } from "zod";
import type { Graph, Value } from "../graph/graph.ts";
import { add, cast, cosine, multiply, sine } from "../graph/operators/elementwise.ts";
import { reshape } from "../graph/operators/layout.ts";

const positive = z.number().positive().max(1e12);

/** `rope_scaling` of transformers 4 and `rope_parameters` of transformers 5; older files say `type`. */
const scalingSchema = z.looseObject({
  rope_type: z.string().max(40).optional(),
  type: z.string().max(40).optional(),
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: positive.optional(),
});

/** The keys of a config.json that say how positions are encoded. */
export const rotaryKeys = {
  rope_theta: positive.nullish(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema
    .nullish()
    .refine((value) => supported(value), "only the rope types default, linear and llama3 are supported"),
};

function supported(value: z.infer<typeof scalingSchema> | null | undefined): boolean {
  return ["default", "linear", "llama3"].includes(typeOf(value));
}

function typeOf(value: z.infer<typeof scalingSchema> | null | undefined): string {
  return value?.rope_type ?? value?.type ?? "default";
}

/** Radians that each pair of a head turns per position: [head width / 2]. */
export interface RotaryScaling {
  frequencies: Float32Array;
}

/** The frequencies of the `default`, `linear` and `llama3` types, as transformers computes them. */
export function rotaryScaling(
  config: {
    rope_theta?: number | null | undefined;
    rope_scaling?: z.infer<typeof scalingSchema> | null | undefined;
    rope_parameters?: z.infer<typeof scalingSchema> | null | undefined;
  },
  headWidth: number,
): RotaryScaling {
  const scaling = config.rope_parameters ?? config.rope_scaling;
  const theta = scaling?.rope_theta ?? config.rope_theta ?? 10_000;
  const half = headWidth / 2;
  const base = Array.from({ length: half }, (_, i) => theta ** (-(2 * i) / headWidth));
  const factor = scaling?.factor ?? 1;
  const type = typeOf(scaling);
  const scaled = base.map((frequency) => {
    if (type === "linear") return frequency / factor;
    if (type !== "llama3") return frequency;
    const original = scaling?.original_max_position_embeddings ?? 8192;
    const [low, high] = [scaling?.low_freq_factor ?? 1, scaling?.high_freq_factor ?? 4];
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < original / high) return frequency;
    if (wavelength > original / low) return frequency / factor;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
  return { frequencies: Float32Array.from(scaled) };
}

/**
 * Cosines and sines of every token's angles: [tokens, head width / 2] each.
 *
 * @param ids [batch, time] or [batch] @param positions broadcast to the shape of `ids`
 */
export function rotaryTables(
  graph: Graph,
  { frequencies }: RotaryScaling,
  ids: Value,
  positions: Value,
): { cosine: Value; sine: Value } {
  const half = frequencies.length;
  // One position per token: the positions of a row are the same in all rows.
  const perToken = add(multiply(cast(ids, "float32"), 0), cast(positions, "float32"));
  const column = reshape(perToken, [-1, 1], ["tokens", 1]);
  const angles = multiply(column, graph.constant(frequencies, [1, half]));
  return { cosine: cosine(angles), sine: sine(angles) };
}
