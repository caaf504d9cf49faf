/**
 * Generation with a key-value cache: one pass over the prompts, then one token per row and pass. Weights are constants of the
 * sessions, so that onnxruntime packs them once; rows that finish leave the batch.
 */
import { Graph, type Value } from "../../graph/graph.ts";
import { add } from "../../graph/operators/elementwise.ts";
import { argmaxLast } from "../../graph/operators/reduce.ts";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { DecoderFamily } from "../../students/families/family.ts";
import { RandomStream } from "../../util/random.ts";
import type { EngineCounters, GenerateOptions, Generation, TokenSequence } from "../engine.ts";
import { cachedAttention, cacheInputs, fullAttention, prefixedAttention } from "./attention.ts";
import { cacheBlock, cacheNames, KeyValueCache, newTensors, type Scratch } from "./cache.ts";
import { readPairs, writePairs } from "./encoder-decoder.ts";
import { parameterInputs } from "./forward.ts";
import { createInPlaceSession, type InPlaceSession, runInto } from "./in-place.ts";
import { dataOf, float32Tensor, type ParameterStore } from "./parameters.ts";
import { promptFeeds, promptPasses } from "./prompt-passes.ts";
import { Tensor } from "./session.ts";
import { distinctPrompts, sharedPrefix } from "./shared-prompts.ts";
import { SourceMemory } from "./source-memory.ts";

const defaultBatchSize = 32;
/** Above this many bytes weights stay inputs: one ONNX file holds at most 2 GB. */
const largestConstants = 1_500_000_000;

/** First pass over the prompts, pass over what follows a prefix that they share, later passes over one token per row. */
type Pass = "prompt" | "rest" | "token";

/** What generation starts from. */
interface Start {
  /** For the encoder; empty where there is none. */
  source: readonly number[];
  /** Read by the decoder before it writes. */
  given: readonly number[];
}

interface Row extends Start {
  /** Index of the prompt. */
  index: number;
  /** Tokens in the cache, and how many the context leaves room for. */
  length: number;
  longest: number;
  next: number;
  generation: Generation;
  random: RandomStream;
}

/** Sequences that are decoded together. */
interface Batch {
  rows: Row[];
  cache: KeyValueCache;
  /** Keys and values of the encoder's tokens. */
  source: SourceMemory | undefined;
  temperature: number;
  /** Added to the logits: minus infinity for suppressed tokens. [vocabulary] */
  bias: Tensor;
}

/** A pass over prompts. */
interface PromptPass {
  feeds: Record<string, Tensor>;
  /** Where keys and values come; the next pass uses it again. */
  scratch: Scratch;
  /** More results, and where they come. */
  also?: Record<string, Tensor> | undefined;
}

export class Decoder {
  private readonly family: StudentFamily;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly counters: EngineCounters;
  private readonly sessions = new Map<Pass, InPlaceSession>();
  private sessionVersion = -1;
  private readonly weightsAreConstants: boolean;

  constructor(family: StudentFamily, store: ParameterStore, threads: number, counters: EngineCounters) {
    this.family = family;
    this.store = store;
    this.threads = threads;
    this.counters = counters;
    const elements = [...store.weights.values()].reduce((sum, tensor) => sum + tensor.size, 0);
    this.weightsAreConstants = elements * 4 <= largestConstants;
  }

  async generate(
    prompts: readonly Pick<TokenSequence, "prompt" | "context">[],
    options: GenerateOptions,
  ): Promise<Generation[]> {
    const generations: Generation[] = prompts.map(() => ({ tokens: [], stopped: false }));
    if (options.maxNewTokens < 1) return generations;
    const { contextLength } = this.family.shape;
    const isPair = isEncoderDecoder(this.family);
    const length = ({ prompt, context }: (typeof prompts)[number]) => prompt.length + context.length;
    prompts.forEach((prompt, i) => {
      if (length(prompt) === 0) throw new RangeError(`prompt ${i} is empty`);
      if (isPair && prompt.prompt.length === 0)
        throw new RangeError(`prompt ${i} has nothing for the encoder`);
      if (length(prompt) >= contextLength) {
        throw new RangeError(`prompt ${i} has ${length(prompt)} tokens; the context holds ${contextLength}`);
      }
    });
    // Prompts of similar length share a batch; the result does not depend on it.
    const order = [...prompts.keys()].sort((a, b) => length(prompts[a]!) - length(prompts[b]!) || a - b);
    const batchSize = options.batchSize ?? defaultBatchSize;
    for (let from = 0; from < order.length; from += batchSize) {
      const rows = order.slice(from, from + batchSize).map((index): Row => {
        const start = this.start(prompts[index]!);
        return {
          ...start,
          index,
          length: start.given.length,
          longest: start.given.length + contextLength - length(prompts[index]!),
          next: 0,
          generation: generations[index]!,
          random: new RandomStream(options.seed ?? 0, `generate/${index}`),
        };
      });
      await this.generateBatch(rows, options);
    }
    return generations;
  }

  async close(): Promise<void> {
    for (const { session } of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  /** Before the weights change: lets go of sessions that hold copies of them, which would lie there unused until the next text. */
  async releaseCopies(): Promise<void> {
    if (this.weightsAreConstants) await this.close();
  }

  private start({ prompt, context }: Pick<TokenSequence, "prompt" | "context">): Start {
    return isEncoderDecoder(this.family)
      ? { source: prompt, given: [this.family.startToken, ...context] }
      : { source: [], given: [...prompt, ...context] };
  }

  private async generateBatch(rows: Row[], options: GenerateOptions): Promise<void> {
    const { family } = this;
    const stops = new Set(options.stopTokens);
    const longest = Math.max(...rows.map(({ length }) => length));
    const cache = new KeyValueCache(family.shape, rows.length, longest + cacheBlock);
    const source = isEncoderDecoder(family)
      ? new SourceMemory(
          family,
          rows.map((row) => row.source),
        )
      : undefined;
    const bias = new Float32Array(family.shape.vocabularySize);
    for (const token of options.suppressTokens ?? []) bias[token] = Number.NEGATIVE_INFINITY;
    const batch: Batch = {
      rows,
      cache,
      source,
      temperature: options.temperature ?? 0,
      bias: new Tensor("float32", bias, [bias.length]),
    };
    await this.readPrompts(batch);
    for (;;) {
      for (let i = rows.length - 1; i >= 0; i--) {
        const row = rows[i]!;
        const { tokens } = row.generation;
        tokens.push(row.next);
        this.counters.generatedTokens += 1;
        options.onToken?.(row.index, row.next);
        row.generation.stopped = stops.has(row.next);
        const full = tokens.length >= options.maxNewTokens || row.length >= row.longest;
        if (row.generation.stopped || full) {
          const last = rows.pop()!;
          if (i < rows.length) rows[i] = last;
          cache.moveRow(rows.length, i);
          source?.moveRow(rows.length, i);
        }
      }
      if (rows.length === 0) return;
      await this.writeTokens(batch);
    }
  }

  /** Reads what all rows are given, fills the cache and finds each row's first token. What rows have in common is read once. */
  private async readPrompts(batch: Batch): Promise<void> {
    const { rows, cache, source } = batch;
    const given = rows.map((row) => row.given);
    // An encoder's prompts are not `given`, and what the decoder is given with them is short.
    const { distinct, places } =
      source === undefined ? distinctPrompts(given) : { distinct: given, places: [...given.keys()] };
    const prefix = source === undefined ? sharedPrefix(distinct) : 0;
    let before: Record<string, Tensor> = {};
    if (prefix > 0) {
      const read = await this.readPrompt("prompt", batch, {
        feeds: promptFeeds([given[0]!.slice(0, prefix)]),
        // Its results stay while the rest is read.
        scratch: new Map(),
      });
      for (let row = 0; row < rows.length; row++)
        cache.write(read, { source: 0, count: prefix, row, position: 0 });
      before = Object.fromEntries(
        cacheNames(this.family.shape).map(({ name }) => [`prefix.${name}`, read[`new.${name}`]!]),
      );
    }
    const rest = distinct.map((prompt) => prompt.slice(prefix));
    const longestSource = Math.max(...rows.map((row) => row.source.length));
    const lengths = rest.map(({ length }) => Math.max(length, longestSource));
    const passes: Record<string, Tensor>[] = [];
    const scratch: Scratch = new Map();
    for (const [from, to] of promptPasses(lengths)) {
      const feeds = source?.promptFeeds(from, to) ?? before;
      const also = source?.results(from, to);
      const here = places.map((place) => (place < to ? place - from : -1));
      const prompts = rest.slice(from, to);
      await this.readPass(batch, { prompts, prefix, feeds, places: here, scratch, also });
      if (also !== undefined) passes.push(also);
    }
    source?.take(passes);
  }

  /** Reads some of the prompts, for the rows that have a place among them (others have a negative one). */
  private async readPass(
    batch: Batch,
    pass: {
      prompts: number[][];
      prefix: number;
      feeds: Record<string, Tensor>;
      places: number[];
    } & Pick<PromptPass, "scratch" | "also">,
  ): Promise<void> {
    const { rows, cache, temperature } = batch;
    const { prompts, prefix, places, scratch, also } = pass;
    const feeds = { ...promptFeeds(prompts, prefix), ...pass.feeds };
    const results = await this.readPrompt(prefix > 0 ? "rest" : "prompt", batch, { feeds, scratch, also });
    const read = [...rows.keys()].filter((i) => places[i]! >= 0);
    for (const row of read) {
      const count = rows[row]!.length - prefix;
      cache.write(results, { source: places[row]!, count, row, position: prefix });
    }
    const [its, at] = [read.map((i) => rows[i]!), read.map((i) => places[i]!)];
    this.choose(its, results, temperature, at);
  }

  /** Reads the last token of each row, which goes into the cache, and finds the next one. */
  private async writeTokens({ rows, cache, source, temperature, bias }: Batch): Promise<void> {
    const longest = Math.max(...rows.map(({ length }) => length));
    cache.reserve(longest + 1);
    const column = (values: Int32Array): Tensor => new Tensor("int32", values, [rows.length, 1]);
    const { feeds, into } = cache.tensors(rows.map(({ length }) => length));
    const results = this.choices(rows.length, temperature);
    const given = {
      ids: column(Int32Array.from(rows, ({ next }) => next)),
      positions: column(Int32Array.from(rows, ({ length }) => length)),
      ...feeds,
      bias,
      ...source?.feeds(rows.length, longest + 1),
    };
    await this.run("token", given, { ...into, ...results });
    for (const row of rows) row.length += 1;
    this.choose(rows, results, temperature, [...rows.keys()]);
  }

  /** @param places row of the results that each row of the batch reads */
  private choose(
    rows: readonly Row[],
    results: Record<string, Tensor>,
    temperature: number,
    places: readonly number[],
  ): void {
    const size = this.family.shape.vocabularySize;
    rows.forEach((row, i) => {
      const place = places[i]!;
      row.next =
        temperature > 0
          ? sample(
              dataOf(results.logits!).subarray(place * size, (place + 1) * size),
              temperature,
              row.random,
            )
          : Number((results.argmax!.data as BigInt64Array)[place]);
    });
  }

  /** A pass over prompts. @returns keys and values of its tokens, and what the next ones are chosen by */
  private async readPrompt(
    kind: "prompt" | "rest",
    { temperature, bias }: Batch,
    { feeds, scratch, also }: PromptPass,
  ): Promise<Record<string, Tensor>> {
    const results = {
      ...this.choices(feeds.picked!.size, temperature),
      ...newTensors(feeds.ids!, this.family.shape, scratch),
      ...also,
    };
    await this.run(kind, { ...feeds, bias }, results);
    return results;
  }

  /** Memory for what the next token of each row is chosen by. */
  private choices(rows: number, temperature: number): Record<string, Tensor> {
    const size = this.family.shape.vocabularySize;
    return temperature > 0
      ? { logits: float32Tensor(new Float32Array(rows * size), [rows, size]) }
      : { argmax: new Tensor("int64", new BigInt64Array(rows), [rows]) };
  }

  /** Results come in place: those of a pass over one token per row are the cache's own memory. */
  private async run(
    kind: Pass,
    feeds: Record<string, Tensor>,
    results: Record<string, Tensor>,
  ): Promise<void> {
    const session = await this.currentSession(kind);
    const weights = this.weightsAreConstants ? {} : Object.fromEntries(this.store.weights);
    await runInto(session, { ...weights, ...feeds }, results);
  }

  private async currentSession(kind: Pass): Promise<InPlaceSession> {
    if (this.weightsAreConstants && this.sessionVersion !== this.store.version) await this.close();
    let session = this.sessions.get(kind);
    if (session === undefined) {
      // A pass over prompts comes once, and then many short ones of the other session.
      const options = { sleepBetweenRuns: kind !== "token" };
      session = await createInPlaceSession(this.build(kind), kind, this.threads, options);
      this.sessions.set(kind, session);
      this.sessionVersion = this.store.version;
    }
    return session;
  }

  private build(kind: Pass): Graph {
    const graph = new Graph();
    const { family } = this;
    const parameter = this.parameters(graph);
    const building = { graph, parameter };
    const hidden = isEncoderDecoder(family)
      ? (kind === "prompt" ? readPairs : writePairs)({ ...building, family })
      : { prompt: readSequences, rest: continueSequences, token: writeSequences }[kind]({
          ...building,
          family,
        });
    const bias = graph.input("bias", "float32", [family.shape.vocabularySize]);
    const logits = add(family.logits({ parameter }, hidden), bias);
    graph.output(argmaxLast(logits), "argmax");
    graph.output(logits, "logits");
    return graph;
  }

  /** Parameters by name; as constants those that a graph asks for, once each. */
  private parameters(graph: Graph): (name: string) => Value {
    if (!this.weightsAreConstants) {
      const inputs = parameterInputs(graph, this.family);
      return (name) => inputs.get(name)!;
    }
    const constants = new Map<string, Value>();
    return (name) => {
      const tensor = this.store.weights.get(name)!;
      const value = constants.get(name) ?? graph.constant(dataOf(tensor), tensor.dims, name);
      constants.set(name, value);
      return value;
    };
  }
}

interface Building {
  graph: Graph;
  family: DecoderFamily;
  parameter: (name: string) => Value;
}

/** First pass: reads prompts; the new keys and values are outputs. @returns hidden states of the input `picked` */
function readSequences({ graph, family, parameter }: Building): Value {
  const ids = graph.input("ids", "int32", ["batch", "time"]);
  const positions = graph.input("positions", "int32", ["time"]);
  const mask = graph.input("mask", "float32", ["time", "time"]);
  const attend = fullAttention(family.shape, ids, mask, { keep: true });
  const rows = graph.input("picked", "int32", ["batch"]);
  return family.hidden({ graph, parameter, ids, positions, rows, attend });
}

/** Reads what follows a prefix that was read before; the new keys and values are outputs. @returns as readSequences */
function continueSequences({ graph, family, parameter }: Building): Value {
  const ids = graph.input("ids", "int32", ["batch", "time"]);
  const positions = graph.input("positions", "int32", ["time"]);
  const mask = graph.input("mask", "float32", ["time", "all"]);
  const attend = prefixedAttention(family.shape, ids, mask);
  const rows = graph.input("picked", "int32", ["batch"]);
  return family.hidden({ graph, parameter, ids, positions, rows, attend });
}

/** Later passes: one token per row over the cache. */
function writeSequences({ graph, family, parameter }: Building): Value {
  const ids = graph.input("ids", "int32", ["batch", 1]);
  const positions = graph.input("positions", "int32", ["batch", 1]);
  const attend = cachedAttention(family.shape, ids, cacheInputs(graph, family.shape));
  return family.hidden({ graph, parameter, ids, positions, attend });
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
