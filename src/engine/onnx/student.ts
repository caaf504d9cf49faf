/** A student on the embedded engine: weights in memory, sessions for training, scoring and decoding made when first used. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import { initializeLora, type LoraModel, mergeLora, planLora } from "../../students/lora.ts";
import { writeModelFolder } from "../../students/model-folder.ts";
import { writeAdapterFolder } from "../../students/peft-folder.ts";
import { openSafetensors, writeSafetensors } from "../../tensor/safetensors.ts";
import { inputError } from "../../util/errors.ts";
import type {
  Engine,
  EngineCounters,
  GenerateOptions,
  Generation,
  InspectableStudent,
  OpenOptions,
  OptimizerOptions,
  ScoreOptions,
  SequenceScore,
  StepReport,
  StudentCapabilities,
  TokenSequence,
  WeightedSequence,
} from "../engine.ts";
import { checkSequence, sequenceLength } from "./batch.ts";
import { Decoder } from "./decoding.ts";
import { type LoadedModel, loadModel } from "./load.ts";
import { dataOf, makeParameterStore, type ParameterStore } from "./parameters.ts";
import { readingBytesPerToken } from "./readings.ts";
import { Scorer } from "./scoring.ts";
import type { Tensor } from "./session.ts";
import { Trainer } from "./training.ts";
import { type TrainingMemory, trainingMemory } from "./training-memory.ts";

export const defaultOptimizer: OptimizerOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
};

const stateFile = "training-state.safetensors";

export const onnxEngine = {
  name: "onnx",
  async open(modelFolder: string, options: OpenOptions = {}): Promise<OnnxStudent> {
    return new OnnxStudent(await loadModel(modelFolder, options), options, modelFolder);
  },
} satisfies Engine;

export class OnnxStudent implements InspectableStudent {
  private readonly family: StudentFamily;
  private readonly lora: LoraModel | undefined;
  private readonly modelFolder: string;
  private readonly config: Record<string, unknown>;
  private readonly generationConfig: Record<string, unknown> | undefined;
  private readonly store: ParameterStore;
  private readonly threads: number;
  private readonly optimizer: OptimizerOptions;
  private readonly count: EngineCounters = {
    scoredSequences: 0,
    scoredTokens: 0,
    forwardPasses: 0,
    trainingSteps: 0,
    generatedTokens: 0,
  };
  private readonly scorer: Scorer;
  private readonly decoder: Decoder;
  private trainer: Trainer | undefined;

  constructor(model: LoadedModel, options: OpenOptions, modelFolder: string) {
    this.modelFolder = modelFolder;
    if (options.lora !== undefined) {
      this.lora = planLora(model.family, model.vocabularyParameters, options.lora);
      initializeLora(this.lora, model.weights, options.seed ?? 0);
    }
    this.family = this.lora?.family ?? model.family;
    this.config = model.config;
    this.generationConfig = model.generationConfig;
    this.store = makeParameterStore(this.family.parameterShapes, model.weights, this.lora?.trainable);
    this.threads = options.threads ?? 0;
    this.optimizer = { ...defaultOptimizer, ...options.optimizer };
    this.scorer = new Scorer(this.family, this.store, this.threads, this.count);
    this.decoder = new Decoder(this.family, this.store, this.threads, this.count);
  }

  capabilities(): StudentCapabilities {
    const { vocabularySize, contextLength } = this.family.shape;
    const { name, parameterShapes } = this.lora?.base ?? this.family;
    const count = (names: Iterable<string>): number =>
      [...names].reduce((sum, parameter) => sum + this.store.weights.get(parameter)!.size, 0);
    const encoderDecoder = isEncoderDecoder(this.family);
    return {
      family: name,
      parameters: count(parameterShapes.keys()),
      ...(this.lora === undefined ? {} : { trainableParameters: count(this.lora.trainable) }),
      contextLength,
      vocabularySize,
      encoderDecoder,
      ...(encoderDecoder ? {} : { readingBytesPerToken: readingBytesPerToken(this.family.shape) }),
    };
  }

  counters(): EngineCounters {
    return { ...this.count };
  }

  async train(
    microBatches: readonly (readonly WeightedSequence[])[],
    learningRate: number,
  ): Promise<StepReport> {
    this.checkSequences(microBatches.flat());
    await this.decoder.releaseCopies();
    const report = await this.training().train(microBatches, learningRate);
    this.count.trainingSteps += 1;
    return report;
  }

  async gradients(
    batch: readonly WeightedSequence[],
    factors?: readonly Float32Array[],
  ): Promise<Map<string, Float32Array>> {
    this.checkSequences(batch);
    return await this.training().gradients(batch, factors);
  }

  /**
   * What this process would take at most to train these steps.
   * @param steps micro-batches of each
   * @param decodes whether texts are written between them, as for the dev split
   */
  async trainingMemory(
    steps: readonly (readonly (readonly TokenSequence[])[])[],
    decodes: boolean,
  ): Promise<TrainingMemory> {
    return await trainingMemory({ family: this.family, trainable: this.store.trainable }, steps, decodes);
  }

  copyWeights(): Map<string, { shape: readonly number[]; data: Float32Array }> {
    return new Map(
      [...this.store.weights].map(([name, tensor]) => [
        name,
        { shape: [...tensor.dims], data: dataOf(tensor).slice() },
      ]),
    );
  }

  setWeights(weights: ReadonlyMap<string, Float32Array>): void {
    for (const [name, data] of weights) {
      const size = this.store.weights.get(name)?.size;
      if (size !== data.length) {
        throw new RangeError(`"${name}" has ${size ?? "no"} elements, not ${data.length}`);
      }
    }
    for (const [name, data] of weights) dataOf(this.store.weights.get(name)!).set(data);
    this.store.version += 1;
  }

  async score(sequences: readonly TokenSequence[], options?: ScoreOptions): Promise<SequenceScore[]> {
    this.checkSequences(sequences);
    return await this.scorer.score(sequences, options);
  }

  async generate(
    prompts: readonly Pick<TokenSequence, "prompt" | "context">[],
    options: GenerateOptions,
  ): Promise<Generation[]> {
    return await this.decoder.generate(prompts, options);
  }

  async saveModel(folder: string): Promise<void> {
    const weights = new Map([...this.store.weights].map(([name, tensor]) => [name, dataOf(tensor)]));
    const { parameterShapes } = this.lora?.base ?? this.family;
    const merged = this.lora === undefined ? weights : mergeLora(this.lora, weights);
    await writeModelFolder(folder, {
      config: this.config,
      generationConfig: this.generationConfig,
      tensors: [...merged].map(([name, data]) => ({ name, shape: parameterShapes.get(name)!, data })),
    });
    if (this.lora !== undefined) {
      const base = this.lora.options.base ?? { name: this.modelFolder };
      await writeAdapterFolder(join(folder, "adapter"), this.lora, weights, base);
    }
  }

  async saveCheckpoint(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const trainer = this.training();
    await writeSafetensors(
      join(folder, stateFile),
      [
        ...this.tensors(this.trainedWeights()),
        ...this.tensors(trainer.firstMoments, ".m"),
        ...this.tensors(trainer.secondMoments, ".v"),
      ],
      { step: String(trainer.step) },
    );
  }

  async loadCheckpoint(folder: string): Promise<void> {
    const path = join(folder, stateFile);
    const file = await openSafetensors(path);
    try {
      const step = Number(file.metadata.step);
      if (!Number.isSafeInteger(step) || step < 0) {
        throw inputError("the checkpoint does not say its step", { file: path, key: "step" });
      }
      const trainer = this.training();
      const tensors = new Map([
        ...this.trainedWeights(),
        ...[...trainer.firstMoments].map(([name, tensor]) => [`${name}.m`, tensor] as const),
        ...[...trainer.secondMoments].map(([name, tensor]) => [`${name}.v`, tensor] as const),
      ]);
      // All are checked before the first is read, so that a refusal leaves the student as it was.
      for (const [name, tensor] of tensors) {
        const { shape } = file.info(name);
        if (shape.join() !== tensor.dims.join()) {
          throw inputError(
            `the checkpoint is of another student: "${name}" is [${shape.join(", ")}], not [${tensor.dims.join(", ")}]`,
            { file: path, key: name },
          );
        }
      }
      for (const [name, tensor] of tensors) dataOf(tensor).set(await file.readFloat32(name));
      trainer.step = step;
      this.store.version += 1;
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.scorer.close();
    await this.decoder.close();
    await this.trainer?.close();
  }

  private training(): Trainer {
    this.trainer ??= new Trainer(this.family, this.store, this.optimizer, this.threads);
    return this.trainer;
  }

  private trainedWeights(): Map<string, Tensor> {
    return new Map(this.store.trainable.map((name) => [name, this.store.weights.get(name)!]));
  }

  private tensors(source: ReadonlyMap<string, Tensor>, suffix = "") {
    return [...source].map(([name, tensor]) => ({
      name: `${name}${suffix}`,
      shape: [...tensor.dims],
      data: dataOf(tensor),
    }));
  }

  /** Here, where sequences have the caller's numbers: batches are made of similar lengths. */
  private checkSequences(sequences: readonly TokenSequence[]): void {
    const { contextLength } = this.family.shape;
    const isPair = isEncoderDecoder(this.family);
    for (const [index, sequence] of sequences.entries()) {
      const { prompt, context, target } = sequence;
      checkSequence(isPair ? prompt.length : prompt.length + context.length, target.length, index);
      const length = sequenceLength(sequence);
      if (length > contextLength) {
        throw new RangeError(`a sequence of ${length} tokens does not fit the context of ${contextLength}`);
      }
    }
  }
}
