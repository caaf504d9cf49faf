/** The students and batches of the benchmarks, the same for both sides. */
import type { WeightedSequence } from "../src/engine/engine.ts";
import { averageBoundaries } from "../src/method/chunk/boundaries.ts";
import { planEpoch } from "../src/method/items/batches.ts";
import { answerItem, fullItem, stageItems } from "../src/method/items/build.ts";
import type { EncodedRationale } from "../src/method/items/encode.ts";
import { newGpt2Config } from "../src/students/gpt2-config.ts";
import { newLlamaConfig } from "../src/students/llama-config.ts";
import { RandomStream } from "../src/util/random.ts";

export interface BenchShape {
  name: string;
  family: "gpt2" | "qwen2";
  layers: number;
  width: number;
  heads: number;
  /** A quarter of `heads` unless given. */
  keyValueHeads?: number;
  /** Width of the feed-forward layer: 4 times `width` unless given. */
  inner?: number;
  vocabularySize: number;
  /** Sequences per batch. */
  rows: number;
  /** Tokens read per sequence. */
  time: number;
  /** A step takes seconds: fewer rounds of one step. */
  slow?: boolean;
}

export const shapes: readonly BenchShape[] = [
  // models/base, as the demo and the study train it
  {
    name: "base",
    family: "qwen2",
    layers: 5,
    width: 160,
    heads: 5,
    keyValueHeads: 5,
    inner: 432,
    vocabularySize: 1536,
    rows: 4,
    time: 256,
  },
  { name: "4m", family: "gpt2", layers: 4, width: 256, heads: 4, vocabularySize: 4096, rows: 16, time: 128 },
  { name: "14m", family: "gpt2", layers: 6, width: 384, heads: 6, vocabularySize: 8192, rows: 8, time: 256 },
  {
    name: "124m",
    family: "gpt2",
    layers: 12,
    width: 768,
    heads: 12,
    vocabularySize: 50_257,
    rows: 4,
    time: 128,
    slow: true,
  },
  {
    name: "60m",
    family: "qwen2",
    layers: 8,
    width: 512,
    heads: 8,
    vocabularySize: 50_257,
    rows: 4,
    time: 128,
    slow: true,
  },
];

/**
 * `full`: every position is supervised: nothing to leave out. `cwt`: the last quarter, all rows equally long: what not
 * computing unsupervised positions gains at most. `full-items` and `items`: what the method `full` and chunk-wise training really
 * train on, items of some rationales with their questions, of the lengths they have.
 */
export type ItemKind = "full" | "cwt" | "full-items" | "items";
export const itemKinds: readonly ItemKind[] = ["full", "cwt", "full-items", "items"];

export function configOf(shape: BenchShape): Record<string, unknown> {
  const { layers, width, heads, vocabularySize, time } = shape;
  const common = { layers, width, heads, vocabularySize, contextLength: time + 1, endOfText: 0 };
  if (shape.family === "gpt2") return newGpt2Config(common);
  // Fewer key-value heads and biases on queries, keys and values: Qwen2.
  const { inner = 4 * width, keyValueHeads = heads / 4 } = shape;
  const llama = newLlamaConfig({ ...common, inner, keyValueHeads });
  return { ...llama, model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], use_sliding_window: false };
}

/** Batches of a benchmark: the same for all sides. */
export function batchesOf(shape: BenchShape, kind: ItemKind, count: number): WeightedSequence[][] {
  return kind === "items" || kind === "full-items"
    ? batchesOfItems(shape, kind, count)
    : Array.from({ length: count }, (_, index) => batchOf(shape, kind, index));
}

/** Batch number `index`: random tokens, equal lengths, equal weights. */
export function batchOf(shape: BenchShape, kind: "full" | "cwt", index: number): WeightedSequence[] {
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

/** Chunks per rationale of `items`. */
const chunkCount = 4;

/**
 * Training steps on random rationales, planned by the method's own code: the item that `full` trains on, or M stage items and the
 * answer item of each. A question takes about a quarter of the longest item, a rationale of 8 steps half of it or more.
 */
function batchesOfItems(
  shape: BenchShape,
  kind: "full-items" | "items",
  count: number,
): WeightedSequence[][] {
  const random = new RandomStream(1, `bench/${shape.name}/items`);
  const unit = shape.time / 16;
  const some = (least: number, most: number): number[] =>
    Array.from({ length: random.between(Math.ceil(least), Math.floor(most)) }, () =>
      random.below(shape.vocabularySize),
    );
  const markers = {
    stages: [1, 2, 3, 4],
    answer: 5,
    endOfChunk: 6,
    label: [],
    rationale: [],
  };
  const chunkwise = kind === "items";
  const rationales = Math.ceil((count * shape.rows) / (chunkwise ? chunkCount + 1 : 1)) + shape.rows;
  const items = Array.from({ length: rationales }, (_, i): EncodedRationale => {
    const steps = Array.from({ length: 8 }, () => some(unit, 1.3 * unit));
    return {
      rationaleId: String(i),
      question: some(2 * unit, 4 * unit),
      steps,
      arrow: some(1, 1),
      answer: some(2, 3),
    };
  }).flatMap((encoded) =>
    chunkwise
      ? [
          ...stageItems(encoded, averageBoundaries(encoded.steps.length, chunkCount), markers),
          answerItem(encoded, markers),
        ]
      : [fullItem(encoded)],
  );
  const plan = planEpoch(items, {
    seed: 1,
    epoch: 0,
    itemsPerBatch: shape.rows,
    tokensPerBatch: shape.rows * (shape.time + 1),
    oneStagePerBatch: chunkwise,
    schedule: "shuffled",
  });
  const whole = plan.filter(({ microBatches: [first] }) => first!.length === shape.rows);
  return whole.slice(0, count).map(({ microBatches }) => microBatches.flat());
}
