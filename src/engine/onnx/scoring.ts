/** Log-likelihood of given tokens: several sequences per run, beginnings that they share read once. */
import { Graph } from "../../graph/graph.ts";
import { subtract } from "../../graph/operators/elementwise.ts";
import { addAtColumns, gatherColumns, selectColumns } from "../../graph/operators/layout.ts";
import { logSoftmax } from "../../graph/operators/neural.ts";
import { argmaxLast, unsqueeze } from "../../graph/operators/reduce.ts";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { EngineCounters, ScoreOptions, SequenceScore, TokenSequence } from "../engine.ts";
import { lengthBatches, type SequenceBatch, sequenceLength } from "./batch.ts";
import { newTensors, type Scratch } from "./cache.ts";
import { batchSequences, forwardSequences, type Layout, parameterInputs } from "./forward.ts";
import { createInPlaceSession, type InPlaceSession, runInto } from "./in-place.ts";
import { dataOf, float32Tensor, type ParameterStore } from "./parameters.ts";
import { buildTrees, type TokenTree, treeBatch } from "./prefix-tree.ts";
import { continuedBatch, continuedBatches, continueFrom, keepReadings } from "./readings.ts";
import { Tensor } from "./session.ts";

/** Larger batches are no faster: the scores of attention leave the caches. */
const defaultTokensPerBatch = 2048;
/** A longer tree would need much memory for its attention. */
const longestTree = 1024;
/** What a token costs for each unit of the student's width, where a pair of tokens in attention costs 1. */
const pairsPerToken = 2;
/** Subtracted from a logit, it is the smallest; far from where float32 ends. */
const outOfReach = 1e30;

/** What a session computes. */
interface Asked {
  layout: Layout;
  alternatives: boolean;
  /** Keys and values too. */
  keep: boolean;
}

export class Scorer {
  private readonly family: StudentFamily;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly counters: EngineCounters;
  /** By layout and what else is asked for: every node of a graph is computed, fetched or not. */
  private readonly sessions = new Map<string, InPlaceSession>();
  private readonly scratch: Scratch = new Map();

  constructor(family: StudentFamily, store: ParameterStore, threads: number, counters: EngineCounters) {
    this.family = family;
    this.store = store;
    this.threads = threads;
    this.counters = counters;
  }

  /** Scores in the order of `sequences`; inside, sequences of similar length share a run, and what they begin with is read once. */
  async score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<SequenceScore[]> {
    const { maxTokensPerBatch: maxTokens = defaultTokensPerBatch, keepReadings, goOnFrom } = options;
    if (!isEncoderDecoder(this.family) && (keepReadings || goOnFrom !== undefined))
      return await this.goOn(sequences, maxTokens, options);
    const scores: SequenceScore[] = new Array(sequences.length);
    const { alone, trees } = this.shareBeginnings(sequences, maxTokens);
    const lengths = alone.map((index) => sequenceLength(sequences[index]!));
    for (const batch of lengthBatches(lengths, maxTokens)) {
      const indices = batch.map((i) => alone[i]!);
      const members = indices.map((index) => sequences[index]!);
      const dense = batchSequences(this.family, members, { after: true });
      const results = await this.runBatch(dense, "sequences", options);
      indices.forEach((index, row) => {
        const first = dense.offsets[row]!;
        scores[index] = readScore(sequences[index]!, (i) => first + i, results, options);
      });
      this.counters.scoredSequences += indices.length;
    }
    const treeLengths = trees.map(({ tokens }) => tokens.length);
    for (const batch of lengthBatches(treeLengths, maxTokens)) {
      const rows = batch.map((i) => trees[i]!);
      const dense = treeBatch(rows, sequences);
      const results = await this.runBatch(dense, "trees", options);
      dense.indices.forEach((index, member) => {
        const places = dense.places[member]!;
        scores[index] = readScore(sequences[index]!, (i) => places[i]!, results, options);
      });
      this.counters.scoredSequences += dense.indices.length;
    }
    return scores;
  }

  /** Scores of sequences that go on from readings, or leave some. */
  private async goOn(
    sequences: readonly TokenSequence[],
    maxTokens: number,
    options: ScoreOptions,
  ): Promise<SequenceScore[]> {
    const { family, store } = this;
    const scores: SequenceScore[] = new Array(sequences.length);
    const all = sequences.map((sequence, i) =>
      continueFrom(sequence, i, options.goOnFrom?.[i], store.version),
    );
    for (const indices of continuedBatches(all, maxTokens)) {
      const rows = indices.map((index) => all[index]!);
      const dense = continuedBatch(rows, family.shape, this.scratch);
      const results = await this.runBatch(dense, "continued", options);
      const readings = options.keepReadings
        ? keepReadings(rows, results, family.shape, store.version)
        : undefined;
      indices.forEach((index, row) => {
        const first = dense.offsets[row]!;
        const score = readScore(sequences[index]!, (i) => first + i, results, options);
        scores[index] = readings === undefined ? score : { ...score, reading: readings[row]! };
      });
      this.counters.scoredSequences += indices.length;
    }
    return scores;
  }

  /** Which sequences are read on their own, and the trees of the others. */
  private shareBeginnings(
    sequences: readonly TokenSequence[],
    maxTokens: number,
  ): { alone: number[]; trees: TokenTree[] } {
    if (isEncoderDecoder(this.family) || sequences.length < 2)
      return { alone: [...sequences.keys()], trees: [] };
    const trees = buildTrees(sequences, {
      perToken: pairsPerToken * this.family.shape.width,
      longest: Math.min(maxTokens, longestTree),
    });
    const shared = trees.filter(({ members }) => members.length > 1);
    const single = trees.filter(({ members }) => members.length === 1);
    return { alone: single.map(({ members }) => members[0]!.index).sort((a, b) => a - b), trees: shared };
  }

  private async runBatch(
    { feeds, tokens }: Pick<SequenceBatch, "feeds" | "tokens">,
    layout: Layout,
    { alternatives = false, alsoTokens = [], keepReadings = false }: ScoreOptions,
  ): Promise<Record<string, Tensor>> {
    // Encoder-decoder students have no readings: asked for some, they need no session of its own.
    const keep = keepReadings && layout === "continued";
    const session = await this.session({ layout, alternatives, keep });
    const alsoTensor = new Tensor("int32", Int32Array.from(alsoTokens), [alsoTokens.length]);
    const count = feeds.supervised!.size;
    const integers = (): Tensor => new Tensor("int64", new BigInt64Array(count), [count]);
    const results: Record<string, Tensor> = {
      logProbabilities: float32Tensor(new Float32Array(count), [count]),
      argmax: integers(),
      also: float32Tensor(new Float32Array(count * alsoTokens.length), [count, alsoTokens.length]),
      ...(alternatives ? { bestOther: integers() } : {}),
      ...(keep ? newTensors(feeds.ids!, this.family.shape, this.scratch) : {}),
    };
    const weights = Object.fromEntries(this.store.weights);
    await runInto(session, { ...weights, ...feeds, alsoTokens: alsoTensor }, results);
    this.counters.forwardPasses += 1;
    this.counters.scoredTokens += tokens;
    return results;
  }

  async close(): Promise<void> {
    for (const { session } of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async session(asked: Asked): Promise<InPlaceSession> {
    const key = JSON.stringify(asked);
    let session = this.sessions.get(key);
    if (session === undefined) {
      session = await createInPlaceSession(this.build(asked), "score", this.threads);
      this.sessions.set(key, session);
    }
    return session;
  }

  private build({ layout, alternatives, keep }: Asked): Graph {
    const graph = new Graph();
    const parameters = parameterInputs(graph, this.family);
    const { logits, targets } = forwardSequences(graph, this.family, (name) => parameters.get(name)!, {
      layout,
      keep,
    });
    const alsoTokens = graph.input("alsoTokens", "int32", ["also"]);
    const logProbabilities = logSoftmax(logits);
    graph.output(gatherColumns(logProbabilities, targets), "logProbabilities");
    graph.output(argmaxLast(logits), "argmax");
    graph.output(selectColumns(logProbabilities, alsoTokens), "also");
    if (alternatives) {
      const farBelow = subtract(unsqueeze(gatherColumns(logits, targets), [1]), outOfReach);
      graph.output(argmaxLast(addAtColumns(logits, targets, farBelow)), "bestOther");
    }
    return graph;
  }
}

/** @param placeOf row of the results that predicts target token i; at i = target length, what comes after the end */
function readScore(
  { target }: TokenSequence,
  placeOf: (i: number) => number,
  results: Record<string, Tensor>,
  { alternatives = false, alsoTokens = [] }: ScoreOptions,
): SequenceScore {
  const logProbabilities = dataOf(results.logProbabilities!);
  const argmax = results.argmax!.data as BigInt64Array;
  const also = dataOf(results.also!);
  const bestOther = results.bestOther?.data as BigInt64Array | undefined;
  return {
    logProbabilities: Float32Array.from(target, (_, i) => logProbabilities[placeOf(i)]!),
    isArgmax: Uint8Array.from(target, (token, i) => (Number(argmax[placeOf(i)]) === token ? 1 : 0)),
    alsoLogProbabilities: alsoTokens.map((_, column) =>
      Float32Array.from(
        { length: target.length + 1 },
        (_, i) => also[placeOf(i) * alsoTokens.length + column]!,
      ),
    ),
    ...(alternatives
      ? { alternatives: Int32Array.from(target, (_, i) => Number(bestOther![placeOf(i)])) }
      : {}),
  };
}
