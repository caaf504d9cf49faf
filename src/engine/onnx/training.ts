/** Training on the embedded engine: forward and backward as one ONNX graph, AdamW in place on what it gives. */

import { elementCount } from "../../graph/shape.ts";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import { collectGarbage } from "../../util/garbage.ts";
import type { OptimizerOptions, StepReport, WeightedSequence } from "../engine.ts";
import { type AdamWState, addInto, allocateAdamW, clipFactor, globalNorm } from "./adamw.ts";
import type { SequenceBatch } from "./batch.ts";
import { blockSize } from "./blocks.ts";
import { batchSequences } from "./forward.ts";
import { createInPlaceSession, type InPlaceSession, runInto } from "./in-place.ts";
import { dataOf, float32Tensor, type ParameterStore } from "./parameters.ts";
import { Tensor } from "./session.ts";
import { type GradientGraph, gradientGraph } from "./training-graph.ts";

/** Gradients by parameter name. */
type Gradients = Map<string, Float32Array>;

/** The training graph's session, what the graph's outputs are, and what its batches have to be multiples of. */
type Prepared = Omit<GradientGraph, "graph"> & { session: InPlaceSession };

/** Bytes of arrays for which a garbage collection pays: it takes a tenth of a second. */
const worthCollecting = 50e6;

export class Trainer {
  /** Optimizer steps taken; AdamW's bias correction counts from it. */
  step = 0;
  readonly firstMoments = new Map<string, Tensor>();
  readonly secondMoments = new Map<string, Tensor>();
  private readonly family: StudentFamily;
  private readonly store: ParameterStore;
  private readonly options: OptimizerOptions;
  private readonly threads: number;
  private readonly states = new Map<string, AdamWState>();
  private prepared: Prepared | undefined;
  /** Where the gradients of a second micro-batch go before they are added to the first one's. */
  private further: Gradients | undefined;

  /** Moves the store's trainable weights to where AdamW works on them. */
  constructor(family: StudentFamily, store: ParameterStore, options: OptimizerOptions, threads: number) {
    this.family = family;
    this.store = store;
    this.options = options;
    this.threads = threads;
    const parameters = store.trainable.map((name) => ({ name, length: store.weights.get(name)!.size }));
    allocateAdamW(parameters).forEach((state, i) => {
      const { name } = parameters[i]!;
      const weights = store.weights.get(name)!;
      state.weights.set(dataOf(weights));
      store.weights.set(name, float32Tensor(state.weights, weights.dims));
      this.firstMoments.set(name, float32Tensor(state.firstMoment, weights.dims));
      this.secondMoments.set(name, float32Tensor(state.secondMoment, weights.dims));
      this.states.set(name, state);
    });
    // The arrays that the weights were in before.
    const replacedBytes = parameters.reduce((sum, { length }) => sum + 4 * length, 0);
    if (replacedBytes > worthCollecting) collectGarbage();
  }

  async train(
    microBatches: readonly (readonly WeightedSequence[])[],
    learningRate: number,
  ): Promise<StepReport> {
    const report: StepReport = {
      loss: 0,
      gradientNorm: 0,
      sequenceLosses: new Float32Array(microBatches.reduce((sum, batch) => sum + batch.length, 0)),
      targetTokens: 0,
      tokens: 0,
      paddedTokens: 0,
    };
    const sums = mapValues(this.states, ({ gradient }) => gradient);
    let first = 0;
    for (const batch of microBatches) {
      if (first > 0) this.further ??= this.newGradients();
      const gradients = first > 0 ? this.further! : sums;
      const { dense, tokenLosses } = await this.differentiate(batch, gradients);
      reportBatch(report, batch, first, dense, tokenLosses);
      if (gradients !== sums) for (const [name, values] of gradients) addInto(sums.get(name)!, values);
      first += batch.length;
    }
    // Only now: a batch that was refused above is not a step.
    this.update(learningRate, report);
    return report;
  }

  /** Gradient of every trainable parameter for one batch, without an update: see InspectableStudent. */
  async gradients(batch: readonly WeightedSequence[], factors?: readonly Float32Array[]): Promise<Gradients> {
    const gradients = this.newGradients();
    await this.differentiate(batch, gradients, factors);
    return gradients;
  }

  async close(): Promise<void> {
    await this.prepared?.session.session.release();
    this.prepared = undefined;
  }

  private async prepare(): Promise<Prepared> {
    const { graph, ...rest } = gradientGraph(
      { family: this.family, trainable: this.store.trainable },
      await blockSize(),
    );
    return { session: await createInPlaceSession(graph, "train", this.threads), ...rest };
  }

  private newGradients(): Gradients {
    return mapValues(this.states, ({ gradient }) => new Float32Array(gradient.length));
  }

  /** Writes the batch's gradients into the given arrays. @returns the losses of its supervised tokens, by its offsets */
  private async differentiate(
    batch: readonly WeightedSequence[],
    gradients: Gradients,
    factors?: readonly Float32Array[],
  ): Promise<{ dense: SequenceBatch; tokenLosses: Float32Array }> {
    const { store } = this;
    this.prepared ??= await this.prepare();
    const { session, multiple, dense: parts, lookups } = this.prepared;
    const dense = batchSequences(this.family, batch, { multiple });
    const tokenLosses = new Float32Array(dense.feeds.supervised!.size);
    const into: Record<string, Tensor> = { tokenLosses: float32Tensor(tokenLosses, [tokenLosses.length]) };
    for (const { parameter, output, start, shape } of parts) {
      const numbers = gradients.get(parameter)!.subarray(start, start + elementCount(shape));
      into[output] = float32Tensor(numbers, shape);
    }
    const feeds = { ...Object.fromEntries(store.weights), ...weightedFeeds(dense, batch, factors) };
    const rows = lookups.map(({ table, indices, rows: name }) => {
      const picked = feeds[indices]!;
      const width = store.weights.get(table)!.dims[1]!;
      const values = new Float32Array(picked.size * width);
      into[name] = float32Tensor(values, [...picked.dims, width]);
      return { table, picked: picked.data as Int32Array, values };
    });
    await runInto(session, feeds, into);
    const written = new Set(parts.map(({ parameter }) => parameter));
    for (const { table } of lookups) if (!written.has(table)) gradients.get(table)!.fill(0);
    for (const { table, picked, values } of rows) addRowsInto(gradients.get(table)!, picked, values);
    return { dense, tokenLosses };
  }

  private update(learningRate: number, report: StepReport): void {
    const { weightDecay, maxGradientNorm, ...betas } = this.options;
    report.gradientNorm = globalNorm(this.states.values());
    this.step += 1;
    const common = {
      ...betas,
      learningRate,
      step: this.step,
      clip: clipFactor(report.gradientNorm, maxGradientNorm),
    };
    for (const [name, state] of this.states) {
      const decay = this.family.decays(name) ? weightDecay : 0;
      state.update({ ...common, weightDecay: decay });
    }
    this.store.version += 1;
  }
}

/** Adds rows [indices, width] to those rows of a table, in place and in their order. */
function addRowsInto(table: Float32Array, indices: Int32Array, rows: Float32Array): void {
  const width = rows.length / indices.length;
  for (let row = 0; row < indices.length; row++) {
    const [to, from] = [indices[row]! * width, row * width];
    for (let i = 0; i < width; i++) table[to + i]! += rows[from + i]!;
  }
}

function mapValues<T, R>(map: ReadonlyMap<string, T>, to: (value: T) => R): Map<string, R> {
  return new Map([...map].map(([name, value]) => [name, to(value)]));
}

function reportBatch(
  report: StepReport,
  batch: readonly WeightedSequence[],
  first: number,
  dense: SequenceBatch,
  losses: Float32Array,
): void {
  batch.forEach((sequence, i) => {
    const [from, to] = [dense.offsets[i]!, dense.offsets[i + 1]!];
    let sum = 0;
    for (let j = from; j < to; j++) sum += losses[j]!;
    report.sequenceLosses[first + i] = sum / (to - from);
    report.loss += (sequence.weight * sum) / (to - from);
  });
  report.targetTokens += dense.offsets.at(-1)!;
  report.tokens += dense.tokens;
  report.paddedTokens += dense.paddedTokens;
}

/** The batch's inputs and each supervised token's share of the loss, times its factor. */
function weightedFeeds(
  dense: SequenceBatch,
  batch: readonly WeightedSequence[],
  factors?: readonly Float32Array[],
): Record<string, Tensor> {
  const tokenWeights = new Float32Array(dense.feeds.supervised!.size);
  batch.forEach((sequence, i) => {
    const [from, to] = [dense.offsets[i]!, dense.offsets[i + 1]!];
    const share = sequence.weight / (to - from);
    const own = factors?.[i];
    for (let j = from; j < to; j++) tokenWeights[j] = share * (own === undefined ? 1 : own[j - from]!);
  });
  return { ...dense.feeds, tokenWeights: new Tensor("float32", tokenWeights, [tokenWeights.length]) };
}
