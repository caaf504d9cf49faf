/** The PyTorch engine: the contract of src/engine/engine.ts, with every operation done by a worker (python/skipthink_torch). */
import type {
  Engine,
  EngineCounters,
  GenerateOptions,
  Generation,
  OpenOptions,
  ScoreOptions,
  SequenceScore,
  StepReport,
  Student,
  StudentCapabilities,
  TokenSequence,
  WeightedSequence,
} from "../engine.ts";
import { defaultOptimizer } from "../onnx/student.ts";
import { torchLora } from "./lora.ts";
import { packPrompts, packSequences, samplingDraws } from "./sequences.ts";
import { grownVocabulary } from "./vocabulary.ts";
import { TorchWorker, type WorkerOptions } from "./worker.ts";

/** How the worker computes; only `precision` shows in the results. */
export interface TorchCompute {
  precision: "float32" | "bfloat16";
  /** How several processes share the work: whole copies of the student, or parts of it. */
  sharding: "ddp" | "fsdp";
  gradientCheckpointing: boolean;
  compile: boolean;
}

export interface TorchOptions extends WorkerOptions, TorchCompute {}

const defaultTokensPerBatch = 8192;
const defaultBatchSize = 32;

/** An engine with one worker, started with the first student and shared by all; `close` ends it. */
export class TorchEngine implements Engine {
  readonly name = "torch";
  private readonly options: TorchOptions;
  private worker: Promise<TorchWorker> | undefined;
  private opened = 0;

  constructor(options: TorchOptions) {
    this.options = options;
  }

  async open(modelFolder: string, options: OpenOptions = {}): Promise<TorchStudent> {
    const { rows, noise } = await grownVocabulary(
      modelFolder,
      options.vocabularySize ?? 0,
      options.seed ?? 0,
    );
    const lora = await torchLora(modelFolder, rows, options);
    this.worker ??= TorchWorker.start(this.options);
    const worker = await this.worker;
    const { precision, sharding, gradientCheckpointing, compile } = this.options;
    const id = this.opened++;
    const { message } = await worker.request(
      {
        operation: "open",
        student: id,
        folder: modelFolder,
        rows,
        optimizer: { ...defaultOptimizer, ...options.optimizer },
        compute: { precision, sharding, gradientCheckpointing, compile },
        ...(lora === undefined ? {} : { lora: lora.plan }),
      },
      {
        ...(noise.length === 0 ? {} : { noise }),
        ...(lora === undefined ? {} : { adapters: lora.adapters }),
      },
    );
    return new TorchStudent(worker, id, message as unknown as StudentCapabilities);
  }

  async close(): Promise<void> {
    const worker = await this.worker?.catch(() => undefined);
    this.worker = undefined;
    await worker?.stop();
  }
}

export class TorchStudent implements Student {
  private readonly worker: TorchWorker;
  private readonly id: number;
  private readonly known: StudentCapabilities;
  private readonly count: EngineCounters = {
    scoredSequences: 0,
    scoredTokens: 0,
    forwardPasses: 0,
    trainingSteps: 0,
    generatedTokens: 0,
  };

  constructor(worker: TorchWorker, id: number, capabilities: StudentCapabilities) {
    this.worker = worker;
    this.id = id;
    this.known = capabilities;
  }

  capabilities(): StudentCapabilities {
    return { ...this.known };
  }

  counters(): EngineCounters {
    return { ...this.count };
  }

  async train(
    microBatches: readonly (readonly WeightedSequence[])[],
    learningRate: number,
  ): Promise<StepReport> {
    const sequences = microBatches.flat();
    this.checkLengths(sequences);
    const { message, arrays } = await this.worker.request(
      { operation: "train", student: this.id, learningRate },
      {
        ...packSequences(sequences),
        weights: Float64Array.from(sequences, ({ weight }) => weight),
        microBatches: Int32Array.from(microBatches, ({ length }) => length),
      },
    );
    this.count.trainingSteps += 1;
    const counts = message as unknown as Pick<StepReport, "targetTokens" | "tokens" | "paddedTokens">;
    const [loss, gradientNorm] = arrays.figures as Float64Array;
    return {
      ...counts,
      loss: loss!,
      gradientNorm: gradientNorm!,
      sequenceLosses: arrays.sequenceLosses as Float32Array,
    };
  }

  async score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<SequenceScore[]> {
    this.checkLengths(sequences);
    const alsoTokens = [...(options.alsoTokens ?? [])];
    const alternatives = options.alternatives ?? false;
    const maxTokens = options.maxTokensPerBatch ?? defaultTokensPerBatch;
    if (sequences.length === 0) return [];
    const { message, arrays } = await this.worker.request(
      { operation: "score", student: this.id, alsoTokens, maxTokens, alternatives },
      packSequences(sequences),
    );
    this.count.forwardPasses += message.forwardPasses as number;
    this.count.scoredTokens += message.scoredTokens as number;
    this.count.scoredSequences += sequences.length;
    const logProbabilities = arrays.logProbabilities as Float32Array;
    const isArgmax = arrays.isArgmax as Uint8Array;
    const also = arrays.also as Float32Array;
    const others = arrays.alternatives as Int32Array;
    let at = 0;
    let alsoAt = 0;
    return sequences.map(({ target: { length } }) => {
      const from = at;
      at += length;
      return {
        logProbabilities: logProbabilities.subarray(from, at),
        isArgmax: isArgmax.subarray(from, at),
        ...(alternatives ? { alternatives: others.subarray(from, at) } : {}),
        alsoLogProbabilities: alsoTokens.map(() => {
          alsoAt += length + 1;
          return also.subarray(alsoAt - length - 1, alsoAt);
        }),
      };
    });
  }

  async generate(
    prompts: readonly Pick<TokenSequence, "prompt" | "context">[],
    options: GenerateOptions,
  ): Promise<Generation[]> {
    const { contextLength } = this.known;
    prompts.forEach(({ prompt, context }, i) => {
      const length = prompt.length + context.length;
      if (length === 0) throw new RangeError(`prompt ${i} is empty`);
      if (length >= contextLength) {
        throw new RangeError(`prompt ${i} has ${length} tokens; the context holds ${contextLength}`);
      }
    });
    if (prompts.length === 0) return [];
    const { onToken } = options;
    // Several ranks stream only what the first one writes, so tokens of the others are told at the end.
    const told = new Set<number>();
    const { arrays } = await this.worker.request(
      {
        operation: "generate",
        student: this.id,
        maxNewTokens: options.maxNewTokens,
        stopTokens: [...options.stopTokens],
        suppressTokens: [...(options.suppressTokens ?? [])],
        temperature: options.temperature ?? 0,
        batchSize: options.batchSize ?? defaultBatchSize,
        stream: onToken !== undefined,
      },
      { ...packPrompts(prompts), ...samplingDraws(prompts.length, options) },
      ({ sequence, token }) => {
        told.add(sequence as number);
        onToken?.(sequence as number, token as number);
      },
    );
    const tokens = arrays.tokens as Int32Array;
    let at = 0;
    return prompts.map((_, i) => {
      const from = at;
      at += arrays.lengths![i]!;
      const own = [...tokens.subarray(from, at)];
      if (!told.has(i)) for (const token of own) onToken?.(i, token);
      this.count.generatedTokens += own.length;
      return { tokens: own, stopped: arrays.stopped![i] === 1 };
    });
  }

  async saveModel(folder: string): Promise<void> {
    await this.worker.request({ operation: "saveModel", student: this.id, folder });
  }

  async saveCheckpoint(folder: string): Promise<void> {
    await this.worker.request({ operation: "saveCheckpoint", student: this.id, folder });
  }

  async loadCheckpoint(folder: string): Promise<void> {
    await this.worker.request({ operation: "loadCheckpoint", student: this.id, folder });
  }

  /** Frees the worker's memory; a worker that has failed has nothing to free, and its error was told already. */
  async close(): Promise<void> {
    await this.worker.request({ operation: "close", student: this.id }).catch(() => undefined);
  }

  private checkLengths(sequences: readonly TokenSequence[]): void {
    const { contextLength } = this.known;
    sequences.forEach(({ prompt, context, target }, i) => {
      const given = prompt.length + context.length;
      if (given === 0 || target.length === 0) {
        throw new RangeError(`sequence ${i} needs at least one given and one target token`);
      }
      if (given + target.length > contextLength) {
        throw new RangeError(
          `a sequence of ${given + target.length} tokens does not fit the context of ${contextLength}`,
        );
      }
    });
  }
}
