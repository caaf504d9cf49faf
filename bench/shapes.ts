/** The students and batches of the benchmarks, the same for both sides. */
import type { WeightedSequence } from "../src/engine/engine.ts";
import { newGpt2Config } from "../src/students/gpt2-config.ts";
import { RandomStream } from "../src/util/random.ts";

export interface BenchShape {
  name: string;
  layers: number;
  width: number;
  heads: number;
  vocabularySize: number;
  /** Sequences per batch. */
  rows: number;
  /** Tokens read per sequence. */
  time: number;
}

export const shapes: readonly BenchShape[] = [
  { name: "4m", layers: 4, width: 256, heads: 4, vocabularySize: 4096, rows: 16, time: 128 },
  { name: "14m", layers: 6, width: 384, heads: 6, vocabularySize: 8192, rows: 8, time: 256 },
  { name: "124m", layers: 12, width: 768, heads: 12, vocabularySize: 50_257, rows: 4, time: 128 },
];

/** `full`: every position is supervised, as in ordinary fine-tuning; `cwt`: the last quarter, as in a chunk-wise item. */
export type ItemKind = "full" | "cwt";
export const itemKinds: readonly ItemKind[] = ["full", "cwt"];

export function configOf(shape: BenchShape): Record<string, unknown> {
  const { layers, width, heads, vocabularySize, time } = shape;
  return newGpt2Config({ layers, width, heads, vocabularySize, contextLength: time + 1, endOfText: 0 });
}

/** Batch number `index`: random tokens, equal lengths, equal weights. */
export function batchOf(shape: BenchShape, kind: ItemKind, index: number): WeightedSequence[] {
  const random = new RandomStream(1, `bench/${shape.name}/${kind}/${index}`);
  const given = kind === "full" ? 1 : shape.time - shape.time / 4 + 1;
  return Array.from({ length: shape.rows }, () => {
    const ids = Array.from({ length: shape.time + 1 }, () => random.below(shape.vocabularySize));
    return {
      prompt: ids.slice(0, 1),
      context: ids.slice(1, given),
      target: ids.slice(given),
      weight: 1 / shape.rows,
    };
  });
}
