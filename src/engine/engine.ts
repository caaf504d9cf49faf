/**
 * What the method asks of an engine: train, score, generate, save. An engine runs tensors and knows nothing of chunks,
 * rationales or tasks; it must not import from src/method, src/tasks or anything above it.
 */

import type { LoraOptions } from "../students/lora.ts";

/** Token ids of one training or scoring sequence. Only `target` carries loss. */
export interface TokenSequence {
  /** What the student is given first (marker, question, separator); an encoder-decoder student reads it in the encoder. */
  prompt: readonly number[];
  /** Given text that follows the prompt and carries no loss (earlier chunks). */
  context: readonly number[];
  /** Predicted tokens. Never empty. */
  target: readonly number[];
}

/** One sequence of a training batch with its share of the batch's loss. */
export interface WeightedSequence extends TokenSequence {
  /** loss = Σ_sequences weight · mean_target_tokens(NLL); the weights of an optimizer step sum to 1 by convention. */
  weight: number;
}

/** AdamW with decoupled weight decay, as torch.optim.AdamW. */
export interface OptimizerOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Applied to matrices, not to biases and normalization weights. */
  weightDecay: number;
  /** Global-norm clipping; 0 switches it off. */
  maxGradientNorm: number;
}

export interface StepReport {
  /** Weighted mean NLL per target token before the update, nats. */
  loss: number;
  /** Global norm of the gradient before clipping. */
  gradientNorm: number;
  /** Mean NLL per target token of each sequence, in the order given. */
  sequenceLosses: Float32Array;
  targetTokens: number;
  /** All tokens read, targets and given ones, without padding. */
  tokens: number;
  /** Tokens computed, padding included. */
  paddedTokens: number;
}

export interface SequenceScore {
  /** log p of each target token, nats. [target length] */
  logProbabilities: Float32Array;
  /** 1 where the target token is the arg-max given the tokens before it. [target length] */
  isArgmax: Uint8Array;
  /**
   * For each id in `ScoreOptions.alsoTokens`, its log p at every position that predicts a target token, and at one more: the
   * position after the last target token. [target length + 1] each; index i is "instead of target[i]", the last is "after the end".
   */
  alsoLogProbabilities: Float32Array[];
  /** With `ScoreOptions.alternatives`: the most likely token other than target[i] (ties: lowest id). [target length] */
  alternatives?: Int32Array;
  /** With `ScoreOptions.keepReadings`, where the engine keeps them. */
  reading?: Reading;
}

/**
 * What a student has made of the tokens of a sequence (their keys and values), for others that begin alike to go on from. Opaque to
 * all but the student that made it; void when its weights change: then all is read again.
 */
export interface Reading {
  /** Tokens read. */
  readonly length: number;
}

export interface ScoreOptions {
  alsoTokens?: readonly number[];
  /** Find the best alternative to each target token too. */
  alternatives?: boolean;
  /** Upper bound on padded tokens per forward pass. */
  maxTokensPerBatch?: number;
  /** Return a reading of each sequence. It takes `StudentCapabilities.readingBytesPerToken` as long as the caller holds it. */
  keepReadings?: boolean;
  /** For each sequence what to go on from: the tokens with which both begin are not read again. Scores agree up to rounding. */
  goOnFrom?: readonly (Reading | undefined)[];
}

export interface GenerateOptions {
  maxNewTokens: number;
  /** Generation of a sequence ends after one of these (the stop token is kept in the result). */
  stopTokens: readonly number[];
  /** Never written, whatever their logits. */
  suppressTokens?: readonly number[];
  /** 0: greedy (ties: lowest id, as transformers). */
  temperature?: number;
  seed?: number;
  /** Sequences decoded together. */
  batchSize?: number;
  onToken?: (sequence: number, token: number) => void;
}

export interface Generation {
  /** New tokens, the stop token included where one was reached. */
  tokens: number[];
  stopped: boolean;
}

/** Counters an engine keeps since it was opened; the metrics quote them. */
export interface EngineCounters {
  /** Sequences that went through a scoring forward pass. */
  scoredSequences: number;
  scoredTokens: number;
  forwardPasses: number;
  trainingSteps: number;
  generatedTokens: number;
}

export interface StudentCapabilities {
  family: string;
  parameters: number;
  /** Parameters that training changes, where that is not all of them; adapters are not counted in `parameters`. */
  trainableParameters?: number;
  /** Longest sequence (prompt + context + target), tokens. */
  contextLength: number;
  vocabularySize: number;
  encoderDecoder: boolean;
  /** Memory that a reading takes; not there where the engine keeps none, and the options for readings do nothing. */
  readingBytesPerToken?: number;
}

/** A student that is open for work. Not safe for concurrent calls. */
export interface Student {
  capabilities(): StudentCapabilities;
  counters(): EngineCounters;
  /** One optimizer step over the sequences; micro-batches (if more than one) accumulate gradients. */
  train(microBatches: readonly (readonly WeightedSequence[])[], learningRate: number): Promise<StepReport>;
  score(sequences: readonly TokenSequence[], options?: ScoreOptions): Promise<SequenceScore[]>;
  /** `prompts`: prompt and context, concatenated by the caller's roles as in TokenSequence. */
  generate(
    prompts: readonly Pick<TokenSequence, "prompt" | "context">[],
    options: GenerateOptions,
  ): Promise<Generation[]>;
  /**
   * Writes the model folder's weights and configuration (Hugging Face layout), atomically. With LoRA the weights are merged, and
   * the adapters alone lie in `adapter/` in PEFT's layout.
   */
  saveModel(folder: string): Promise<void>;
  /** Writes the weights that are trained (float32) and optimizer state, so that training goes on bit for bit. */
  saveCheckpoint(folder: string): Promise<void>;
  loadCheckpoint(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** What analysis asks of a student beyond that. */
export interface InspectableStudent extends Student {
  /**
   * Gradient of the loss that `train` would minimize, by name of each parameter that is trained, without an update. The arrays are the caller's.
   * @param factors per sequence, what each target token's loss is multiplied by [target length]; 1 without them
   */
  gradients(
    batch: readonly WeightedSequence[],
    factors?: readonly Float32Array[],
  ): Promise<Map<string, Float32Array>>;
  /** Copies of the weights by parameter name. */
  copyWeights(): Map<string, { shape: readonly number[]; data: Float32Array }>;
  /** Replaces the weights that are named. @throws RangeError for an unknown name or another size */
  setWeights(weights: ReadonlyMap<string, Float32Array>): void;
}

export interface OpenOptions {
  optimizer?: Partial<OptimizerOptions>;
  threads?: number;
  /** The vocabulary the tokenizer has; smaller embeddings grow to it (new rows: mean of the old ones plus seeded noise). */
  vocabularySize?: number;
  seed?: number;
  /** Train low-rank adapters beside frozen weights. Default: train all weights. */
  lora?: LoraOptions;
}

export interface Engine {
  readonly name: string;
  open(modelFolder: string, options?: OpenOptions): Promise<Student>;
}
