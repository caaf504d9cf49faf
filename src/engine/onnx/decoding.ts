/**
 * Generation with a key-value cache: one pass over the prompts, then one token per row and pass. Weights are constants of the
 * sessions, so that onnxruntime packs them once; rows that finish leave the batch.
 */
import { Graph, type Value } from "../../graph/graph.ts";
import { argmaxLast } from "../../graph/operators/reduce.ts";
import type { DecoderFamily } from "../../students/families/family.ts";
import { RandomStream } from "../../util/random.ts";
import type { EngineCounters, GenerateOptions, Generation } from "../engine.ts";
import { cachedAttention, cacheInputs, fullAttention, outputNewKeys } from "./attention.ts";
import { causalMask } from "./batch.ts";
import { cacheBlock, cacheNames, KeyValueCache } from "./cache.ts";
import { parameterInputs } from "./forward.ts";
import { dataOf, type ParameterStore } from "./parameters.ts";
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
  private readonly sessions = new Map<"prompt" | "token", Session>();
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
    // Prompts of similar length share a batch; the result does not depend on it.
    const order = [...prompts.keys()].sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
    const batchSize = options.batchSize ?? defaultBatchSize;
    for (let from = 0; from < order.length; from += batchSize) {
      const indices = order.slice(from, from + batchSize);
      await this.generateBatch(indices, prompts, options, generations);
    }
    return generations;
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async generateBatch(
    indices: readonly number[],
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
    generations: Generation[],
  ): Promise<void> {
    const { contextLength } = this.family.shape;
    const stops = new Set(options.stopTokens);
    const streams = new Map(
      indices.map((index) => [index, new RandomStream(options.seed ?? 0, `generate/${index}`)]),
    );
    const rows: Row[] = indices.map((index) => ({
      index,
      length: prompts[index]!.length,
      next: 0,
      generation: generations[index]!,
    }));
    const longest = Math.max(...rows.map(({ length }) => length));
    const cache = new KeyValueCache(this.family.shape, rows.length, longest + cacheBlock);
    await this.readPrompts(rows, prompts, cache, streams, options.temperature ?? 0);
    for (;;) {
      for (let i = rows.length - 1; i >= 0; i--) {
        const row = rows[i]!;
        const { tokens } = row.generation;
        tokens.push(row.next);
        this.counters.generatedTokens += 1;
        options.onToken?.(row.index, row.next);
        row.generation.stopped = stops.has(row.next);
        const full = tokens.length >= options.maxNewTokens || row.length >= contextLength;
        if (row.generation.stopped || full) {
          const last = rows.pop()!;
          if (i < rows.length) rows[i] = last;
          cache.moveRow(rows.length, i);
        }
      }
      if (rows.length === 0) return;
      await this.writeTokens(rows, cache, streams, options.temperature ?? 0);
    }
  }

  /** Reads the prompts of all rows, fills the cache and finds each row's first token. */
  private async readPrompts(
    rows: Row[],
    prompts: readonly (readonly number[])[],
    cache: KeyValueCache,
    streams: ReadonlyMap<number, RandomStream>,
    temperature: number,
  ): Promise<void> {
    const time = Math.max(...rows.map(({ length }) => length));
    const ids = new Int32Array(rows.length * time);
    rows.forEach((row, i) => {
      ids.set(prompts[row.index]!, i * time);
    });
    const feeds: Record<string, Tensor> = {
      ids: new Tensor("int32", ids, [rows.length, time]),
      positions: new Tensor(
        "int32",
        Int32Array.from({ length: time }, (_, i) => i),
        [time],
      ),
      mask: causalMask(time),
      picked: new Tensor(
        "int32",
        Int32Array.from(rows, (row, i) => i * time + row.length - 1),
        [rows.length],
      ),
    };
    const results = await this.run("prompt", feeds, temperature);
    rows.forEach((row, i) => {
      for (let t = 0; t < row.length; t++) cache.write(results, i * time + t, i, t);
    });
    this.choose(rows, results, streams, temperature);
  }

  /** Reads the last token of each row and finds the next one. */
  private async writeTokens(
    rows: Row[],
    cache: KeyValueCache,
    streams: ReadonlyMap<number, RandomStream>,
    temperature: number,
  ): Promise<void> {
    cache.reserve(Math.max(...rows.map(({ length }) => length)) + 1);
    const column = (values: Int32Array): Tensor => new Tensor("int32", values, [rows.length, 1]);
    const feeds: Record<string, Tensor> = {
      ids: column(Int32Array.from(rows, ({ next }) => next)),
      positions: column(Int32Array.from(rows, ({ length }) => length)),
      ...cache.feeds(rows.map(({ length }) => length)),
    };
    const results = await this.run("token", feeds, temperature);
    rows.forEach((row, i) => {
      cache.write(results, i, i, row.length);
      row.length += 1;
    });
    this.choose(rows, results, streams, temperature);
  }

  private choose(
    rows: readonly Row[],
    results: Record<string, Tensor>,
    streams: ReadonlyMap<number, RandomStream>,
    temperature: number,
  ): void {
    const size = this.family.shape.vocabularySize;
    rows.forEach((row, i) => {
      row.next =
        temperature > 0
          ? sample(
              dataOf(results.logits!).subarray(i * size, (i + 1) * size),
              temperature,
              streams.get(row.index)!,
            )
          : Number((results.argmax!.data as BigInt64Array)[i]);
    });
  }

  private async run(
    kind: "prompt" | "token",
    feeds: Record<string, Tensor>,
    temperature: number,
  ): Promise<Record<string, Tensor>> {
    const session = await this.currentSession(kind);
    const fetches: Record<string, null> = temperature > 0 ? { logits: null } : { argmax: null };
    for (const { name } of cacheNames(this.family.shape)) fetches[`new.${name}`] = null;
    const weights = this.weightsAreConstants ? {} : Object.fromEntries(this.store.weights);
    return await run(session, { ...weights, ...feeds }, fetches);
  }

  private async currentSession(kind: "prompt" | "token"): Promise<Session> {
    if (this.weightsAreConstants && this.sessionVersion !== this.store.version) await this.close();
    let session = this.sessions.get(kind);
    if (session === undefined) {
      session = await createSession(this.build(kind), kind, this.threads);
      this.sessions.set(kind, session);
      this.sessionVersion = this.store.version;
    }
    return session;
  }

  private build(kind: "prompt" | "token"): Graph {
    const graph = new Graph();
    const { shape } = this.family;
    const parameters = this.weightsAreConstants
      ? new Map(
          [...this.store.weights].map(([name, tensor]) => [
            name,
            graph.constant(dataOf(tensor), tensor.dims, name),
          ]),
        )
      : parameterInputs(graph, this.family);
    const parameter = (name: string) => parameters.get(name)!;
    const ids = graph.input("ids", "int32", kind === "prompt" ? ["batch", "time"] : ["batch", 1]);
    let hidden: Value;
    if (kind === "prompt") {
      const positions = graph.input("positions", "int32", ["time"]);
      const attendFully = fullAttention(shape, ids, graph.input("mask", "float32", ["time", "time"]));
      const attend: typeof attendFully = (layer, q, k, v) => {
        outputNewKeys(graph, layer, k, v);
        return attendFully(layer, q, k, v);
      };
      const rows = graph.input("picked", "int32", ["batch"]);
      hidden = this.family.hidden({ graph, parameter, ids, positions, rows, attend });
    } else {
      const positions = graph.input("positions", "int32", ["batch", 1]);
      const attend = cachedAttention(shape, ids, cacheInputs(graph, shape));
      hidden = this.family.hidden({ graph, parameter, ids, positions, attend });
    }
    const logits = this.family.logits({ parameter }, hidden);
    graph.output(argmaxLast(logits), "argmax");
    graph.output(logits, "logits");
    return graph;
  }
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
