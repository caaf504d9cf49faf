/** Training on the embedded engine: forward, backward and AdamW as ONNX graphs, weights updated in place. */

import type { Graph } from "../../graph/graph.ts";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { OptimizerOptions, StepReport, WeightedSequence } from "../engine.ts";
import type { SequenceBatch } from "./batch.ts";
import { batchSequences } from "./forward.ts";
import { dataOf, float32Tensor, type ParameterStore, zerosLike } from "./parameters.ts";
import { createSession, run, type Session, Tensor } from "./session.ts";
import { accumulationGraph, stepGraph, type TrainedStudent, updateGraph } from "./training-graphs.ts";

const noClipping = 1e30;

export class Trainer {
  /** Optimizer steps taken; AdamW's bias correction counts from it. */
  step = 0;
  readonly firstMoments: Map<string, Tensor>;
  readonly secondMoments: Map<string, Tensor>;
  private readonly family: StudentFamily;
  private readonly store: ParameterStore;
  private readonly options: OptimizerOptions;
  private readonly threads: number;
  private readonly sessions = new Map<string, Session>();
  private accumulators: Map<string, Tensor> | undefined;

  constructor(family: StudentFamily, store: ParameterStore, options: OptimizerOptions, threads: number) {
    this.family = family;
    this.store = store;
    this.options = options;
    this.threads = threads;
    this.firstMoments = zerosLike(store);
    this.secondMoments = zerosLike(store);
  }

  async train(
    microBatches: readonly (readonly WeightedSequence[])[],
    learningRate: number,
  ): Promise<StepReport> {
    const only = microBatches.length === 1 ? microBatches[0] : undefined;
    const report: StepReport = {
      loss: 0,
      gradientNorm: 0,
      sequenceLosses: new Float32Array(microBatches.reduce((sum, batch) => sum + batch.length, 0)),
      targetTokens: 0,
      tokens: 0,
      paddedTokens: 0,
    };
    const step = this.step + 1;
    let first = 0;
    const scalars = this.scalars(learningRate, step);
    if (only !== undefined) {
      const session = await this.session("step", () => stepGraph(this.trained()));
      const fetches = { ...this.updates(), tokenLosses: null, gradientNorm: null };
      const results = await this.forward(
        session,
        only,
        { ...this.weights(), ...this.states(), ...scalars },
        fetches,
        report,
        first,
      );
      report.gradientNorm = dataOf(results.gradientNorm!)[0]!;
    } else {
      const session = await this.session("accumulate", () => accumulationGraph(this.trained()));
      this.accumulators ??= zerosLike(this.store);
      for (const tensor of this.accumulators.values()) dataOf(tensor).fill(0);
      const sums: Record<string, Tensor> = {};
      for (const [name, tensor] of this.accumulators) sums[`sum.${name}`] = tensor;
      const newSums = Object.fromEntries(
        Object.entries(sums).map(([name, tensor]) => [`new.${name}`, tensor]),
      );
      for (const batch of microBatches) {
        const feeds = { ...this.weights(), ...sums };
        await this.forward(session, batch, feeds, { ...newSums, tokenLosses: null }, report, first);
        first += batch.length;
      }
      const update = await this.session("update", () => updateGraph(this.trained()));
      const feeds = { ...this.states(), ...sums, ...scalars };
      const results = await run(update, feeds, { ...this.updates(), gradientNorm: null });
      report.gradientNorm = dataOf(results.gradientNorm!)[0]!;
    }
    // Only now: a batch that was refused above is not a step.
    this.step = step;
    this.store.version += 1;
    return report;
  }

  /** Gradient of every trainable parameter for one batch, without an update: see InspectableStudent. */
  async gradients(
    batch: readonly WeightedSequence[],
    factors?: readonly Float32Array[],
  ): Promise<Map<string, Float32Array>> {
    const session = await this.session("accumulate", () => accumulationGraph(this.trained()));
    const zeros = zerosLike(this.store);
    const feeds: Record<string, Tensor> = this.weights();
    const fetches: Record<string, null> = { tokenLosses: null };
    for (const [name, tensor] of zeros) {
      feeds[`sum.${name}`] = tensor;
      fetches[`new.sum.${name}`] = null;
    }
    const dense = batchSequences(this.family, batch);
    const results = await run(session, { ...feeds, ...weightedFeeds(dense, batch, factors) }, fetches);
    return new Map(this.store.trainable.map((name) => [name, dataOf(results[`new.sum.${name}`]!)]));
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async forward(
    session: Session,
    batch: readonly WeightedSequence[],
    feeds: Record<string, Tensor>,
    fetches: Record<string, Tensor | null>,
    report: StepReport,
    first: number,
  ): Promise<Record<string, Tensor>> {
    const dense = batchSequences(this.family, batch);
    const results = await run(session, { ...feeds, ...weightedFeeds(dense, batch) }, fetches);
    const losses = dataOf(results.tokenLosses!);
    batch.forEach((sequence, i) => {
      const [from, to] = [dense.offsets[i]!, dense.offsets[i + 1]!];
      let sum = 0;
      for (let j = from; j < to; j++) sum += losses[j]!;
      report.sequenceLosses[first + i] = sum / (to - from);
      report.loss += (sequence.weight * sum) / (to - from);
    });
    report.targetTokens += losses.length;
    report.tokens += dense.tokens;
    report.paddedTokens += dense.paddedTokens;
    return results;
  }

  private async session(name: string, build: () => Graph): Promise<Session> {
    let session = this.sessions.get(name);
    if (session === undefined) {
      session = await createSession(build(), name, this.threads);
      this.sessions.set(name, session);
    }
    return session;
  }

  private scalars(learningRate: number, step: number): Record<string, Tensor> {
    const { beta1, beta2, weightDecay, maxGradientNorm } = this.options;
    const scalar = (value: number) => float32Tensor(Float32Array.of(value), []);
    return {
      stepSize: scalar(learningRate / (1 - beta1 ** step)),
      secondMomentScale: scalar(1 / Math.sqrt(1 - beta2 ** step)),
      decayFactor: scalar(1 - learningRate * weightDecay),
      maxGradientNorm: scalar(maxGradientNorm > 0 ? maxGradientNorm : noClipping),
    };
  }

  private trained(): TrainedStudent {
    return { family: this.family, trainable: this.store.trainable, optimizer: this.options };
  }

  private weights(): Record<string, Tensor> {
    return Object.fromEntries(this.store.weights);
  }

  /** The weights that are trained, and their moments. */
  private states(): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const name of this.store.trainable) feeds[name] = this.store.weights.get(name)!;
    for (const [name, tensor] of this.firstMoments) feeds[`${name}.m`] = tensor;
    for (const [name, tensor] of this.secondMoments) feeds[`${name}.v`] = tensor;
    return feeds;
  }

  /** The same tensors as `states`, as targets of the update: see src/graph/optimizer.ts for why that is safe. */
  private updates(): Record<string, Tensor> {
    return Object.fromEntries(
      Object.entries(this.states()).map(([name, tensor]) => [`updated.${name}`, tensor]),
    );
  }
}

/** The batch's inputs and each supervised token's share of the loss, times its factor. */
function weightedFeeds(
  dense: SequenceBatch,
  batch: readonly WeightedSequence[],
  factors?: readonly Float32Array[],
): Record<string, Tensor> {
  const tokenWeights = new Float32Array(dense.offsets.at(-1)!);
  batch.forEach((sequence, i) => {
    const [from, to] = [dense.offsets[i]!, dense.offsets[i + 1]!];
    const share = sequence.weight / (to - from);
    const own = factors?.[i];
    for (let j = from; j < to; j++) tokenWeights[j] = share * (own === undefined ? 1 : own[j - from]!);
  });
  return { ...dense.feeds, tokenWeights: new Tensor("float32", tokenWeights, [tokenWeights.length]) };
}
