/** Log-likelihood of given tokens: one forward pass per sequence, several sequences per run. */
import { Graph } from "../../graph/graph.ts";
import { subtract } from "../../graph/operators/elementwise.ts";
import { addAtColumns, gatherColumns, selectColumns } from "../../graph/operators/layout.ts";
import { logSoftmax } from "../../graph/operators/neural.ts";
import { argmaxLast, unsqueeze } from "../../graph/operators/reduce.ts";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { EngineCounters, ScoreOptions, SequenceScore, TokenSequence } from "../engine.ts";
import { lengthBatches, sequenceLength } from "./batch.ts";
import { batchSequences, forwardSequences, parameterInputs } from "./forward.ts";
import { dataOf, type ParameterStore } from "./parameters.ts";
import { createSession, run, type Session, Tensor } from "./session.ts";

const defaultTokensPerBatch = 8192;
/** Subtracted from a logit, it is the smallest; far from where float32 ends. */
const outOfReach = 1e30;

export class Scorer {
  private readonly family: StudentFamily;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly counters: EngineCounters;
  /** With and without alternatives: every node of a graph is computed, asked for or not. */
  private readonly sessions = new Map<boolean, Session>();

  constructor(family: StudentFamily, store: ParameterStore, threads: number, counters: EngineCounters) {
    this.family = family;
    this.store = store;
    this.threads = threads;
    this.counters = counters;
  }

  /** Scores in the order of `sequences`; inside, sequences of similar length share a run. */
  async score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<SequenceScore[]> {
    const alternatives = options.alternatives ?? false;
    const session = await this.session(alternatives);
    const alsoTokens = options.alsoTokens ?? [];
    const alsoTensor = new Tensor("int32", Int32Array.from(alsoTokens), [alsoTokens.length]);
    const scores: SequenceScore[] = new Array(sequences.length);
    const batches = lengthBatches(
      sequences.map(sequenceLength),
      options.maxTokensPerBatch ?? defaultTokensPerBatch,
    );
    for (const indices of batches) {
      const batch = indices.map((index) => sequences[index]!);
      const dense = batchSequences(this.family, batch, { after: true });
      const feeds = { ...Object.fromEntries(this.store.weights), ...dense.feeds };
      const results = await run(
        session,
        { ...feeds, alsoTokens: alsoTensor },
        { logProbabilities: null, argmax: null, also: null, ...(alternatives ? { bestOther: null } : {}) },
      );
      const logProbabilities = dataOf(results.logProbabilities!);
      const argmax = results.argmax!.data as BigInt64Array;
      const also = dataOf(results.also!);
      const bestOther = results.bestOther?.data as BigInt64Array | undefined;
      indices.forEach((index, row) => {
        const sequence = sequences[index]!;
        const from = dense.offsets[row]!;
        const length = sequence.target.length;
        scores[index] = {
          logProbabilities: logProbabilities.slice(from, from + length),
          isArgmax: Uint8Array.from(sequence.target, (token, i) =>
            Number(argmax[from + i]) === token ? 1 : 0,
          ),
          alsoLogProbabilities: alsoTokens.map((_, column) =>
            Float32Array.from(
              { length: length + 1 },
              (_, i) => also[(from + i) * alsoTokens.length + column]!,
            ),
          ),
          ...(bestOther === undefined
            ? {}
            : { alternatives: Int32Array.from(bestOther.subarray(from, from + length), Number) }),
        };
      });
      this.counters.forwardPasses += 1;
      this.counters.scoredSequences += batch.length;
      this.counters.scoredTokens += dense.tokens;
    }
    return scores;
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async session(alternatives: boolean): Promise<Session> {
    let session = this.sessions.get(alternatives);
    if (session === undefined) {
      session = await createSession(this.build(alternatives), "score", this.threads);
      this.sessions.set(alternatives, session);
    }
    return session;
  }

  private build(alternatives: boolean): Graph {
    const graph = new Graph();
    const parameters = parameterInputs(graph, this.family);
    const { logits, targets } = forwardSequences(graph, this.family, (name) => parameters.get(name)!);
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
