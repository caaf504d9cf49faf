/**
 * Generation with a key-value cache. The cache is written in place by GroupQueryAttention; weights are constants of the
 * decoding session, so that onnxruntime packs them once; rows that finish leave the batch.
 */
import { Graph } from "../../graph/graph.ts";
import { argmaxLast } from "../../graph/operators/reduce.ts";
import type { DecoderFamily } from "../../students/families/family.ts";
import { RandomStream } from "../../util/random.ts";
import type { EngineCounters, GenerateOptions, Generation } from "../engine.ts";
import { cachedAttention, cacheHeadWidth, cacheInputs } from "./attention.ts";
import { parameterInputs } from "./forward.ts";
import { dataOf, float32Tensor, type ParameterStore } from "./parameters.ts";
import { createSession, run, type Session, Tensor } from "./session.ts";

const defaultBatchSize = 32;
/** Above this many bytes weights stay inputs: one ONNX file holds at most 2 GB. */
const largestConstants = 1_500_000_000;

interface Row {
  /** Index of the prompt. */
  index: number;
  /** Tokens in the cache. */
  length: number;
  next: number;
  generation: Generation;
}

export class Decoder {
  private readonly family: DecoderFamily;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly counters: EngineCounters;
  private session: Session | undefined;
  private sessionVersion = -1;
  private readonly weightsAreConstants: boolean;

  constructor(family: DecoderFamily, store: ParameterStore, threads: number, counters: EngineCounters) {
    this.family = family;
    this.store = store;
    this.threads = threads;
    this.counters = counters;
    const elements = [...store.weights.values()].reduce((sum, tensor) => sum + tensor.size, 0);
    this.weightsAreConstants = elements * 4 <= largestConstants;
  }

  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<Generation[]> {
    const generations: Generation[] = prompts.map(() => ({ tokens: [], stopped: false }));
    if (options.maxNewTokens < 1) return generations;
    const { contextLength } = this.family.shape;
    prompts.forEach((prompt, i) => {
      if (prompt.length === 0) throw new RangeError(`prompt ${i} is empty`);
      if (prompt.length >= contextLength) {
        throw new RangeError(`prompt ${i} has ${prompt.length} tokens; the context holds ${contextLength}`);
      }
    });
    const session = await this.currentSession();
    // Prompts of similar length share a batch; the result does not depend on it.
    const order = [...prompts.keys()].sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
    const batchSize = options.batchSize ?? defaultBatchSize;
    for (let from = 0; from < order.length; from += batchSize) {
      const indices = order.slice(from, from + batchSize);
      await this.generateBatch(session, indices, prompts, options, generations);
    }
    return generations;
  }

  async close(): Promise<void> {
    await this.session?.release();
    this.session = undefined;
  }

  private async generateBatch(
    session: Session,
    indices: readonly number[],
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
    generations: Generation[],
  ): Promise<void> {
    const { shape } = this.family;
    const time = Math.max(...indices.map((index) => prompts[index]!.length));
    const capacity = Math.min(shape.contextLength, time + options.maxNewTokens);
    const cacheWidth = cacheHeadWidth(shape);
    const rowSize = shape.keyValueHeads * capacity * cacheWidth;
    const caches = Array.from({ length: shape.layers * 2 }, () => new Float32Array(indices.length * rowSize));
    const stops = new Set(options.stopTokens);
    const temperature = options.temperature ?? 0;
    const streams = new Map(
      indices.map((index) => [index, new RandomStream(options.seed ?? 0, `generate/${index}`)]),
    );
    const rows: Row[] = indices.map((index) => ({
      index,
      length: prompts[index]!.length,
      next: 0,
      generation: generations[index]!,
    }));

    const step = async (
      ids: Int32Array,
      positions: Int32Array,
      width: number,
      picked: Int32Array,
    ): Promise<void> => {
      const count = rows.length;
      const feeds: Record<string, Tensor> = this.weightsAreConstants
        ? {}
        : Object.fromEntries(this.store.weights);
      const fetches: Record<string, Tensor | null> = temperature > 0 ? { logits: null } : { argmax: null };
      feeds.ids = new Tensor("int32", ids, [count, width]);
      feeds.positions = new Tensor("int32", positions, [count, width]);
      feeds.picked = new Tensor("int32", picked, [count]);
      feeds.lastPositions = new Tensor(
        "int32",
        Int32Array.from(rows, (row) => row.length - 1),
        [count],
      );
      feeds.totalLength = new Tensor(
        "int32",
        Int32Array.of(Math.max(...rows.map((row) => row.length), width)),
        [1],
      );
      caches.forEach((cache, i) => {
        const name = `${Math.floor(i / 2)}.${i % 2 === 0 ? "key" : "value"}`;
        const tensor = float32Tensor(cache.subarray(0, count * rowSize), [
          count,
          shape.keyValueHeads,
          capacity,
          cacheWidth,
        ]);
        feeds[`past.${name}`] = tensor;
        fetches[`present.${name}`] = tensor;
      });
      const results = await run(session, feeds, fetches);
      rows.forEach((row, i) => {
        if (temperature > 0) {
          const size = shape.vocabularySize;
          const logits = dataOf(results.logits!).subarray(i * size, (i + 1) * size);
          row.next = sample(logits, temperature, streams.get(row.index)!);
        } else {
          row.next = Number((results.argmax!.data as BigInt64Array)[i]);
        }
      });
    };

    const promptIds = new Int32Array(rows.length * time);
    const promptPositions = new Int32Array(rows.length * time);
    rows.forEach((row, i) => {
      promptIds.set(prompts[row.index]!, i * time);
      for (let t = 0; t < time; t++) promptPositions[i * time + t] = t;
    });
    await step(
      promptIds,
      promptPositions,
      time,
      Int32Array.from(rows, (row, i) => i * time + row.length - 1),
    );
    for (;;) {
      for (let i = rows.length - 1; i >= 0; i--) {
        const row = rows[i]!;
        const { tokens } = row.generation;
        tokens.push(row.next);
        this.counters.generatedTokens += 1;
        options.onToken?.(row.index, row.next);
        row.generation.stopped = stops.has(row.next);
        if (row.generation.stopped || tokens.length >= options.maxNewTokens || row.length >= capacity) {
          removeRow(rows, caches, rowSize, i);
        }
      }
      if (rows.length === 0) return;
      for (const row of rows) row.length += 1;
      await step(
        Int32Array.from(rows, (row) => row.next),
        Int32Array.from(rows, (row) => row.length - 1),
        1,
        Int32Array.from(rows, (_, i) => i),
      );
    }
  }

  private async currentSession(): Promise<Session> {
    const stale = this.weightsAreConstants && this.sessionVersion !== this.store.version;
    if (this.session === undefined || stale) {
      await this.close();
      this.session = await createSession(this.build(), "decode", this.threads);
      this.sessionVersion = this.store.version;
    }
    return this.session;
  }

  private build(): Graph {
    const graph = new Graph();
    const parameters = this.weightsAreConstants
      ? new Map(
          [...this.store.weights].map(([name, tensor]) => [
            name,
            graph.constant(dataOf(tensor), tensor.dims, name),
          ]),
        )
      : parameterInputs(graph, this.family);
    const parameter = (name: string) => parameters.get(name)!;
    const ids = graph.input("ids", "int32", ["batch", "time"]);
    const positions = graph.input("positions", "int32", ["batch", "time"]);
    const picked = graph.input("picked", "int32", ["batch"]);
    const attend = cachedAttention(this.family.shape, ids, cacheInputs(graph, this.family.shape));
    const hidden = this.family.hidden({ graph, parameter, ids, positions, rows: picked, attend });
    const logits = this.family.logits({ parameter }, hidden);
    graph.output(argmaxLast(logits), "argmax");
    graph.output(logits, "logits");
    return graph;
  }
}

/** Moves the last row into the place of row `i`, in the list and in every cache. */
function removeRow(rows: Row[], caches: readonly Float32Array[], rowSize: number, i: number): void {
  const last = rows.length - 1;
  if (i !== last) {
    for (const cache of caches) cache.copyWithin(i * rowSize, last * rowSize, (last + 1) * rowSize);
    rows[i] = rows[last]!;
  }
  rows.pop();
}

/** Draws from softmax(logits / temperature) by inverting the cumulative distribution. */
function sample(logits: Float32Array, temperature: number, random: RandomStream): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let total = 0;
  for (const logit of logits) total += Math.exp((logit - largest) / temperature);
  let rest = random.next() * total;
  for (let token = 0; token < logits.length; token++) {
    rest -= Math.exp((logits[token]! - largest) / temperature);
    if (rest < 0) return token;
  }
  return logits.length - 1;
}
