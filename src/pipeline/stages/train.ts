/** Trains one method's student: epochs of planned batches, chunk search between them, checkpoints, best-on-dev selection. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Student } from "../../engine/engine.ts";
import { evaluateStudent } from "../../evaluate/evaluate.ts";
import type { ItemSettings, MethodName, MethodPlan } from "../../method/baselines/plan.ts";
import { planEpoch } from "../../method/items/batches.ts";
import type { EncodedRationale } from "../../method/items/encode.ts";
import { outsideAnswers } from "../../method/items/markers.ts";
import type { PlannedBatch, TrainingItem } from "../../method/items/types.ts";
import { writeSuppressedTokens } from "../../students/generation-config.ts";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { exitCodes, SkipthinkError } from "../../util/errors.ts";
import { RandomStream } from "../../util/random.ts";
import { type Budget, budgetOf, expectedSteps, type Used, usedShare } from "../budget.ts";
import {
  type ChunkHistoryEntry,
  type DevMeasurement,
  loadCheckpoint,
  saveCheckpoint,
  type TrainingPosition,
} from "../checkpoint.ts";
import {
  averageChunks,
  noSearchWarning,
  scoringBound,
  searchChunks,
  searchesChunks,
  searchIsDue,
} from "../chunk-search.ts";
import { appendChunking, rewindChunking } from "../chunking-history.ts";
import type { RunContext, RunData, RunStudent } from "../context.ts";
import { DivergenceGuard } from "../guard.ts";
import { learningRateAt } from "../learning-rate.ts";
import { loraOptions } from "../lora.ts";
import { appendMetrics, rewindMetrics } from "../metrics.ts";
import { checkStudentIsThere, runStage } from "../run-folder.ts";
import { evaluationOptions } from "./evaluate.ts";
import { withPrecision } from "./precision.ts";

export interface TrainResult {
  /** Totals of this training and of the students it starts from. */
  optimizerSteps: number;
  trainedTokens: number;
  trainingSeconds: number;
  /** 1-based epoch whose student was kept. */
  selectedEpoch: number;
  devAccuracy: number | undefined;
  /** On the dev split at the end of each epoch that was measured. */
  measured?: DevMeasurement[];
  bestOnTest: number | undefined;
  history: ChunkHistoryEntry[];
  /** Chunking at the end, by rationale id; undefined for methods without chunks. */
  boundaries: Record<string, number[]> | undefined;
}

/** What a training starts from. */
export interface Upstream {
  /** Model folder of the student it starts from. */
  model: string;
  hash: string;
  optimizerSteps: number;
  trainedTokens: number;
  trainingSeconds: number;
  /** Chunking to use, where the method it starts from found one. */
  boundaries?: Record<string, number[]> | undefined;
  /** Steps kept by probing, by rationale id. */
  skips?: ReadonlyMap<string, { keptSteps: number[]; dropped: boolean }> | undefined;
}

export async function trainStage(
  context: RunContext,
  data: RunData,
  base: RunStudent,
  plan: MethodPlan,
  upstream: Upstream,
): Promise<{ result: TrainResult; hash: string }> {
  const { folder, recipe, reporter } = context;
  const inputs = {
    method: plan.name,
    upstream: upstream.hash,
    data: data.hash,
    base: base.hash,
    train: trainingSettings(context, plan.name),
    lora: recipe.student.lora,
    items: recipe.items,
    chunk: plan.needsChunks === "none" ? undefined : recipe.chunk,
    select: { evaluate: recipe.train.select === "best" ? recipe.evaluate : undefined },
    seed: recipe.seed,
  };
  const title = `train ${plan.name}`;
  const name = `train-${plan.name}`;
  const { result, hash, cached } = await runStage<TrainResult>(
    folder,
    name,
    await withPrecision(context, name, inputs),
    async (inputsHash) => {
      reporter.stage(title);
      const training = new Training(context, data, base, plan, upstream, inputsHash);
      return await training.run();
    },
  );
  if (cached) reporter.stageSkipped(title, "unchanged");
  return { result, hash };
}

/** What decides over the weights of `recipe.train`, for this method; how often they are saved does not. */
function trainingSettings({ recipe }: RunContext, method: MethodName) {
  const {
    budget: _b,
    budgets: _bs,
    learningRates,
    keepCheckpoints: _k,
    checkpointEverySteps: _c,
    ...rest
  } = recipe.train;
  return {
    ...rest,
    budget: budgetOf(recipe, method),
    learningRate: learningRates[method] ?? rest.learningRate,
  };
}

class Training {
  private readonly context: RunContext;
  private readonly data: RunData;
  private readonly base: RunStudent;
  private readonly plan: MethodPlan;
  private readonly upstream: Upstream;
  private readonly budget: Budget;
  private readonly peak: number;
  private guard: DivergenceGuard;
  private readonly encodedOf: (rationaleId: string) => EncodedRationale;
  private position: TrainingPosition;
  private student!: Student;
  private readTokens = 0;

  constructor(
    context: RunContext,
    data: RunData,
    base: RunStudent,
    plan: MethodPlan,
    upstream: Upstream,
    inputs: string,
  ) {
    this.context = context;
    this.data = data;
    this.base = base;
    this.plan = plan;
    this.upstream = upstream;
    const { budget, learningRate } = trainingSettings(context, plan.name);
    this.budget = budget;
    this.peak = learningRate;
    this.guard = this.newGuard(undefined);
    const encoded = new Map(base.encoded.map((one) => [one.rationaleId, one]));
    this.encodedOf = (rationaleId) => encoded.get(rationaleId)!;
    this.position = {
      inputs,
      step: 0,
      epoch: 0,
      batch: 0,
      trainedTokens: 0,
      seconds: 0,
      boundaries: undefined,
      searchedEpoch: undefined,
      history: [],
      measured: [],
      best: undefined,
      bestOnTest: undefined,
      losses: undefined,
    };
  }

  private newGuard(trend: TrainingPosition["losses"]): DivergenceGuard {
    // Targets that grow harder on a schedule raise the loss without anything being wrong.
    return new DivergenceGuard({ mayRise: this.plan.progression !== undefined, trend });
  }

  async run(): Promise<TrainResult> {
    const { folder, engine, recipe, reporter } = this.context;
    const { beta1, beta2, epsilon, weightDecay, maxGradientNorm } = recipe.train;
    const { startsFrom } = this.plan;
    if (startsFrom !== undefined) checkStudentIsThere(this.upstream.model, startsFrom);
    const lora = loraOptions(recipe, this.base, this.upstream.model);
    this.student = await engine.open(this.upstream.model, {
      optimizer: { beta1, beta2, epsilon, weightDecay, maxGradientNorm },
      threads: recipe.threads,
      vocabularySize: this.base.tokenizer.vocabularySize,
      seed: recipe.seed,
      ...(lora === undefined ? {} : { lora }),
    });
    try {
      const { parameters, trainableParameters } = this.student.capabilities();
      if (trainableParameters !== undefined) {
        const [part, whole] = [trainableParameters, parameters].map((n) => `${(n / 1e6).toPrecision(3)} M`);
        reporter.note(`LoRA trains ${part} parameters beside ${whole} frozen ones`);
      }
      const found = await loadCheckpoint(
        folder.checkpoints(this.plan.name),
        this.student,
        this.position.inputs,
        // The best student so far is in a folder of its own. Without it, only a training from the beginning can give it back.
        ({ best }) => best === undefined || existsSync(join(folder.student(this.plan.name), "config.json")),
      );
      if (found !== undefined) {
        this.position = { ...this.position, ...found };
        this.guard = this.newGuard(found.losses);
        reporter.note(`resumed at step ${found.step} of ${this.plan.name}`);
      }
      await rewindMetrics(folder.metrics(this.plan.name), this.position.step);
      await rewindChunking(folder.chunking(this.plan.name), this.position.searchedEpoch);
      if (this.position.boundaries === undefined && this.plan.needsChunks !== "none") {
        this.position.boundaries = this.upstream.boundaries ?? averageChunks(this.base, recipe.chunk.count);
      }
      // An epoch that was stopped after its last step still has its measurement on dev to make.
      while (this.position.batch > 0 || usedShare(this.budget, this.used(0)) < 1) await this.epoch();
      await this.finish();
    } finally {
      await this.student.close();
    }
    const { step, trainedTokens, seconds, best, measured, history, boundaries, bestOnTest, epoch } =
      this.position;
    return {
      optimizerSteps: this.upstream.optimizerSteps + step,
      trainedTokens: this.upstream.trainedTokens + trainedTokens,
      trainingSeconds: this.upstream.trainingSeconds + seconds,
      selectedEpoch: best?.epoch ?? epoch,
      devAccuracy: best?.devAccuracy,
      measured,
      bestOnTest,
      history,
      boundaries,
    };
  }

  private used(batches: number): Used {
    const { step, trainedTokens, epoch, batch } = this.position;
    return { step, trainedTokens, epoch, batch, batches };
  }

  private async epoch(): Promise<void> {
    const { recipe, reporter } = this.context;
    if (searchesChunks(this.plan) && searchIsDue(recipe.chunk, this.position)) await this.search();
    const batches = planEpoch(this.items(), {
      seed: recipe.seed,
      epoch: this.position.epoch,
      itemsPerBatch: recipe.train.itemsPerBatch,
      tokensPerBatch: recipe.train.tokensPerBatch,
      oneStagePerBatch: this.plan.oneStagePerBatch,
      schedule: recipe.items.schedule,
      keepTogether: this.plan.keepTogether ?? false,
    });
    const totalSteps = expectedSteps(this.budget, this.used(batches.length), batches);
    if (this.position.epoch === 0) {
      const expected = { steps: totalSteps, stepsPerEpoch: batches.length };
      const warning = noSearchWarning(recipe.chunk, this.plan, expected);
      if (warning !== undefined) reporter.warning(warning);
    }
    reporter.progress({ done: this.position.step, total: totalSteps, tokens: this.readTokens });
    while (this.position.batch < batches.length && usedShare(this.budget, this.used(batches.length)) < 1) {
      await this.step(batches, totalSteps);
      if (this.context.stopRequested()) await this.interrupt();
      if (this.position.step % recipe.train.checkpointEverySteps === 0) await this.checkpoint();
    }
    this.position.epoch += 1;
    this.position.batch = 0;
    await this.select();
  }

  private async step(batches: readonly PlannedBatch[], totalSteps: number): Promise<void> {
    const { recipe, reporter, folder } = this.context;
    const share = usedShare(this.budget, this.used(batches.length));
    const batch = this.atShare(batches[this.position.batch]!, share);
    const { schedule, warmUpSteps } = recipe.train;
    const learningRate = learningRateAt(this.peak, schedule, warmUpSteps, this.position.step, share);
    const started = performance.now();
    const report = await this.student.train(batch.microBatches, learningRate);
    const { position } = this;
    position.seconds += (performance.now() - started) / 1000;
    this.guard.check(report, batch, {
      method: this.plan.name,
      epoch: position.epoch,
      step: position.step + 1,
    });
    position.losses = this.guard.trend();
    position.step += 1;
    position.batch += 1;
    position.trainedTokens += report.targetTokens;
    this.readTokens += report.tokens;
    const line = {
      step: position.step,
      epoch: position.epoch,
      stage: String(batch.stage),
      loss: report.loss,
      learningRate,
      gradientNorm: report.gradientNorm,
      tokens: report.tokens,
      paddedTokens: report.paddedTokens,
      targetTokens: report.targetTokens,
      trainedTokens: position.trainedTokens,
      seconds: position.seconds,
    };
    await appendMetrics(folder.metrics(this.plan.name), line);
    reporter.progress({
      done: position.step,
      total: Math.max(totalSteps, position.step),
      loss: report.loss,
      learningRate,
      tokens: this.readTokens,
    });
  }

  /** The planned batch, or what a method whose targets change makes of it now. */
  private atShare(batch: PlannedBatch, share: number): PlannedBatch {
    const { progression } = this.plan;
    if (progression === undefined) return batch;
    const name = `train/${this.plan.name}/step-${this.position.step}`;
    const random = new RandomStream(this.context.recipe.seed, name);
    return progression.atShare(batch, share, this.encodedOf, this.settings(), random);
  }

  private settings(): ItemSettings {
    return { markers: this.base.markers, ...this.context.recipe.items };
  }

  private items(): TrainingItem[] {
    const settings = this.settings();
    const items = this.base.encoded.flatMap((encoded) => {
      const boundaries = this.position.boundaries?.[encoded.rationaleId];
      const skips = this.upstream.skips?.get(encoded.rationaleId);
      return this.plan.items(
        {
          encoded,
          ...(boundaries === undefined ? {} : { boundaries }),
          ...(skips === undefined ? {} : { skips }),
        },
        settings,
      );
    });
    if (items.length === 0) {
      throw new SkipthinkError(`${this.plan.name} has nothing to train on`, {
        remedy:
          "Every rationale was dropped: set probe.onWrong=keep, or train the chunk-wise student longer.",
      });
    }
    return items;
  }

  private async search(): Promise<void> {
    const { position } = this;
    const { boundaries, entry, found } = await searchChunks(
      this.student,
      this.base,
      this.context.recipe.chunk,
      scoringBound(this.context),
      {
        epoch: position.epoch,
        boundaries: position.boundaries!,
      },
    );
    await appendChunking(this.context.folder.chunking(this.plan.name), position.epoch, found);
    position.seconds += entry.seconds;
    position.history.push(entry);
    position.boundaries = boundaries;
    position.searchedEpoch = position.epoch;
    await this.checkpoint();
  }

  /** At the end of an epoch: measures the dev split and keeps the student if it is the best so far. */
  private async select(): Promise<void> {
    const { recipe, folder, reporter } = this.context;
    const { position } = this;
    const isLast = usedShare(this.budget, this.used(0)) >= 1;
    if (recipe.train.select === "last" && !recipe.evaluate.testEveryEpoch) return;
    if (position.epoch % recipe.train.devEveryEpochs !== 0 && !isLast) return;
    if (recipe.evaluate.testEveryEpoch) {
      const accuracy = await this.measure(this.data.test);
      position.bestOnTest = Math.max(position.bestOnTest ?? 0, accuracy);
    }
    if (recipe.train.select === "last") return;
    const settledAt = this.plan.progression?.settledAt(this.settings()) ?? 0;
    if (usedShare(this.budget, this.used(0)) < settledAt && !isLast) return;
    const devAccuracy = await this.measure(this.base.dev);
    reporter.note(`epoch ${position.epoch}: dev accuracy ${(100 * devAccuracy).toFixed(1)} %`);
    const { epoch, step, trainedTokens, seconds } = position;
    position.measured.push({ epoch, step, trainedTokens, seconds, accuracy: devAccuracy });
    // A later epoch wins a tie: it has seen more data.
    if (position.best === undefined || devAccuracy >= position.best.devAccuracy) {
      position.best = { epoch: position.epoch, devAccuracy };
      await this.student.saveModel(folder.student(this.plan.name));
    }
    await this.checkpoint();
  }

  private async measure(problems: RunData["dev"]): Promise<number> {
    const { accuracy } = await evaluateStudent(this.student, problems, {
      ...evaluationOptions(this.context, this.data, this.base, this.plan),
      latencyProblems: 0,
    });
    return accuracy;
  }

  private async finish(): Promise<void> {
    const { recipe, folder } = this.context;
    const target = folder.student(this.plan.name);
    if (recipe.train.select === "last") await this.student.saveModel(target);
    await this.base.tokenizer.save(target);
    if (this.plan.usesMarkers) {
      await writeSuppressedTokens(
        target,
        outsideAnswers(this.base.markers),
        this.base.tokenizer.endOfSequence,
      );
    }
    // PEFT enlarges the base model's embeddings to the tokenizer it finds beside the adapter.
    if (recipe.student.lora !== undefined) await this.base.tokenizer.save(join(target, "adapter"));
    const card = {
      method: this.plan.name,
      usesMarkers: this.plan.usesMarkers,
      prefix: this.plan.prefix,
      chunks: this.plan.needsChunks === "none" ? 0 : recipe.chunk.count,
      answerKind: this.data.answerKind,
      caseSensitive: this.data.caseSensitive,
      maxNewTokens: recipe.evaluate.maxNewTokens,
    };
    await writeTextAtomically(`${target}/skipthink.json`, JSON.stringify(card, null, 2) + "\n");
  }

  private async checkpoint(): Promise<void> {
    const { folder, recipe } = this.context;
    await saveCheckpoint(
      folder.checkpoints(this.plan.name),
      this.student,
      this.position,
      recipe.train.keepCheckpoints,
    );
  }

  private async interrupt(): Promise<never> {
    await this.checkpoint();
    throw new SkipthinkError(
      `stopped at step ${this.position.step} of ${this.plan.name}; a checkpoint is saved`,
      {
        exitCode: exitCodes.interrupted,
        remedy: "Run the same command with --resume to go on.",
      },
    );
  }
}
