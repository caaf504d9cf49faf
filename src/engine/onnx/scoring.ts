/** Log-likelihood of given tokens: one forward pass per sequence, several sequences per run. */
import { Graph } from "../../graph/graph.ts";
import { gatherColumns, selectColumns } from "../../graph/operators/layout.ts";
import { logSoftmax } from "../../graph/operators/neural.ts";
import { argmaxLast } from "../../graph/operators/reduce.ts";
import type { DecoderFamily } from "../../students/families/family.ts";
import type { EngineCounters, ScoreOptions, SequenceScore, TokenSequence } from "../engine.ts";
import { denseBatch, lengthBatches, sequenceLength } from "./batch.ts";
import { forwardSequences, parameterInputs } from "./forward.ts";
import { dataOf, type ParameterStore } from "./parameters.ts";
import { createSession, run, type Session, Tensor } from "./session.ts";

const defaultTokensPerBatch = 8192;

export class Scorer {
  private readonly family: DecoderFamily;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly counters: EngineCounters;
  private session: Session | undefined;

  constructor(family: DecoderFamily, store: ParameterStore, threads: number, counters: EngineCounters) {
    this.family = family;
    this.store = store;
    this.threads = threads;
    this.counters = counters;
  }

  /** Scores in the order of `sequences`; inside, sequences of similar length share a run. */
  async score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<SequenceScore[]> {
    this.session ??= await createSession(this.build(), "score", this.threads);
    const alsoTokens = options.alsoTokens ?? [];
    const alsoTensor = new Tensor("int32", Int32Array.from(alsoTokens), [alsoTokens.length]);
    const scores: SequenceScore[] = new Array(sequences.length);
    const batches = lengthBatches(
      sequences.map(sequenceLength),
      options.maxTokensPerBatch ?? defaultTokensPerBatch,
    );
    for (const indices of batches) {
      const batch = indices.map((index) => sequences[index]!);
      const dense = denseBatch(batch, { after: true });
      const { ids, positions, mask, supervised, targets } = dense;
      const feeds = { ...Object.fromEntries(this.store.weights), ids, positions, mask, supervised, targets };
      const results = await run(
        this.session,
        { ...feeds, alsoTokens: alsoTensor },
        { logProbabilities: null, argmax: null, also: null },
      );
      const logProbabilities = dataOf(results.logProbabilities!);
      const argmax = results.argmax!.data as BigInt64Array;
      const also = dataOf(results.also!);
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
        };
      });
      this.counters.forwardPasses += 1;
      this.counters.scoredSequences += batch.length;
      this.counters.scoredTokens += dense.tokens;
    }
    return scores;
  }

  async close(): Promise<void> {
    await this.session?.release();
    this.session = undefined;
  }

  private build(): Graph {
    const graph = new Graph();
    const parameters = parameterInputs(graph, this.family);
    const { logits, targets } = forwardSequences(graph, this.family, (name) => parameters.get(name)!);
    const alsoTokens = graph.input("alsoTokens", "int32", ["also"]);
    const logProbabilities = logSoftmax(logits);
    graph.output(gatherColumns(logProbabilities, targets), "logProbabilities");
    graph.output(argmaxLast(logits), "argmax");
    graph.output(selectColumns(logProbabilities, alsoTokens), "also");
    return graph;
  }
}
