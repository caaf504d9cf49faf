/** Rotary position embeddings as configurations describe them: base frequency and how it is stretched for long contexts. */
import { z } from "zod";
import type { Graph, Value } from "../graph/graph.ts";
import { add, cast, cosine, multiply, sine } from "../graph/operators/elementwise.ts";
import { reshape } from "../graph/operators/layout.ts";
import { inputError } from "../util/errors.ts";

/** How frequencies are stretched, by the names that transformers gives. */
export type RopeType = "default" | "linear" | "llama3" | "longrope";

const positive = z.number().positive().max(1e12);
const factors = z.array(positive).max(65_536);
const whole = z.literal(1, "only 1 is supported: every dimension of a head turns").nullish();

/** `rope_scaling` of transformers 4 and `rope_parameters` of transformers 5; older files say `type`. */
const scalingSchema = z.looseObject({
  rope_type: z.string().max(40).nullish(),
  type: z.string().max(40).nullish(),
  rope_theta: positive.nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: positive.nullish(),
  short_factor: factors.nullish(),
  long_factor: factors.nullish(),
  attention_factor: positive.nullish(),
  partial_rotary_factor: whole,
});

/** The keys of a config.json that say how positions are encoded. */
export const rotaryKeys = {
  rope_theta: positive.nullish(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
  partial_rotary_factor: whole,
};

type Scaling = z.infer<typeof scalingSchema>;

/** What the checked content of a config.json says of positions. */
export interface RotaryConfig {
  rope_theta?: number | null | undefined;
  rope_scaling?: Scaling | null | undefined;
  rope_parameters?: Scaling | null | undefined;
  max_position_embeddings: number;
  /** Phi-3 has it beside `rope_scaling` too, and there it comes first. */
  original_max_position_embeddings?: number | undefined;
}

/** How far each pair of a head turns per position, and what this way of turning is good for. */
export interface RotaryScaling {
  /** Radians per position: [head width / 2]. */
  frequencies: Float32Array;
  /** Factor of cosines and sines alike (longrope), 1 elsewhere. */
  attentionFactor: number;
  /** Longest sequence that these frequencies hold for, tokens. */
  contextLength: number;
}

function typeOf(scaling: Scaling, types: readonly RopeType[]): string {
  const type = scaling.rope_type ?? scaling.type ?? "default";
  // Names that Phi-3's first files gave it; elsewhere "yarn" is another type.
  return types.includes("longrope") && (type === "su" || type === "yarn") ? "longrope" : type;
}

/**
 * The frequencies as transformers computes them.
 *
 * `longrope` (Ding et al. 2024) has two sets of factors: transformers takes the short ones while a sequence fits
 * `original_max_position_embeddings`, and the long ones for all its tokens, those already cached included, once it does not. Here
 * only the short ones are used and the context ends where they do, so that a token's keys never depend on what follows it.
 *
 * @param types what the family supports
 * @throws SkipthinkError (exit 2) naming file and key, for another type or factors that are missing or too few
 */
export function rotaryScaling(
  config: RotaryConfig,
  headWidth: number,
  types: readonly RopeType[],
  file: string,
): RotaryScaling {
  for (const key of ["rope_scaling", "rope_parameters"] as const) {
    const type = typeOf(config[key] ?? {}, types);
    if (!types.some((supported) => supported === type)) {
      throw inputError(
        `${file}: "${key}": the rope type "${type}" is not supported, only ${types.join(", ")}` +
          (types.includes("longrope")
            ? " (longrope with its short factors, up to original_max_position_embeddings tokens)"
            : ""),
        { file, key },
      );
    }
  }
  // Where both are there, transformers takes rope_scaling.
  const key = config.rope_scaling ? "rope_scaling" : "rope_parameters";
  const scaling = config[key] ?? {};
  const type = typeOf(scaling, types) as RopeType;
  const needed = <K extends keyof Scaling>(name: K): NonNullable<Scaling[K]> => {
    const value = scaling[name];
    if (value !== undefined && value !== null) return value as NonNullable<Scaling[K]>;
    throw inputError(`${file}: "${key}.${String(name)}": the rope type ${type} needs it`, {
      file,
      key: `${key}.${String(name)}`,
    });
  };

  const theta = scaling.rope_theta ?? config.rope_theta ?? 10_000;
  const half = headWidth / 2;
  const base = Array.from({ length: half }, (_, i) => theta ** (-(2 * i) / headWidth));
  const context = config.max_position_embeddings;
  const original =
    config.original_max_position_embeddings ?? scaling.original_max_position_embeddings ?? context;
  const plain = { attentionFactor: 1, contextLength: context };
  switch (type) {
    case "default":
      return { ...plain, frequencies: Float32Array.from(base) };
    case "linear": {
      const factor = needed("factor");
      return { ...plain, frequencies: Float32Array.from(base, (frequency) => frequency / factor) };
    }
    case "llama3": {
      const factor = needed("factor");
      const [low, high] = [needed("low_freq_factor"), needed("high_freq_factor")];
      const stretched = base.map((frequency) => {
        const wavelength = (2 * Math.PI) / frequency;
        if (wavelength < original / high) return frequency;
        if (wavelength > original / low) return frequency / factor;
        const smooth = (original / wavelength - low) / (high - low);
        return ((1 - smooth) * frequency) / factor + smooth * frequency;
      });
      return { ...plain, frequencies: Float32Array.from(stretched) };
    }
    case "longrope": {
      const short = needed("short_factor");
      if (short.length !== half) {
        throw inputError(
          `${file}: "${key}.short_factor": has ${short.length} factors for ${half} pairs of a head`,
          { file, key: `${key}.short_factor` },
        );
      }
      const factor = scaling.factor ?? context / original;
      const suggested = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
      return {
        frequencies: Float32Array.from(base, (frequency, i) => frequency / short[i]!),
        attentionFactor: scaling.attention_factor ?? suggested,
        contextLength: Math.min(context, original),
      };
    }
  }
  return type satisfies never;
}

/**
 * Cosines and sines of every token's angles: [tokens, head width / 2] each.
 *
 * @param ids [batch, time] or [batch] @param positions broadcast to the shape of `ids`
 */
export function rotaryTables(
  graph: Graph,
  { frequencies, attentionFactor }: RotaryScaling,
  ids: Value,
  positions: Value,
): { cosine: Value; sine: Value } {
  const half = frequencies.length;
  // One position per token: the positions of a row are the same in all rows.
  const perToken = add(multiply(cast(ids, "float32"), 0), cast(positions, "float32"));
  const column = reshape(perToken, [-1, 1], ["tokens", 1]);
  const angles = multiply(column, graph.constant(frequencies, [1, half]));
  const scaled = (table: Value): Value => (attentionFactor === 1 ? table : multiply(table, attentionFactor));
  return { cosine: scaled(cosine(angles)), sine: scaled(sine(angles)) };
}
