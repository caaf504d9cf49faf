/**
 * Training jobs as folders that run anywhere with `torchrun -m skipthink_torch DIR`. The writer is an engine whose student
 * writes down each step it is asked to train, so whatever plans a training plans a job, without a line of its own. The form is
 * described in python/skipthink_torch/skipthink_torch/job.py.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { cp, mkdir, open, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFully } from "../../tensor/atomic-file.ts";
import { inputError, SkipthinkError } from "../../util/errors.ts";
import type {
  Engine,
  OpenOptions,
  OptimizerOptions,
  StepReport,
  Student,
  StudentCapabilities,
  WeightedSequence,
} from "../engine.ts";
import { defaultOptimizer } from "../onnx/student.ts";
import { torchLora } from "./lora.ts";
import type { TorchCompute } from "./student.ts";
import { grownVocabulary } from "./vocabulary.ts";

export interface JobSettings {
  compute: TorchCompute;
  checkpointEverySteps: number;
  keepCheckpoints: number;
  /** CPU threads of each process; 0: PyTorch's choice. */
  threads: number;
}

/** Where a step stands in the training, for its line of metrics. */
export interface StepLabel {
  epoch: number;
  /** −1: answer, 0: mixed, m: chunk m. */
  stage: number;
}

export interface WrittenJob {
  steps: number;
  /** Different training items. */
  items: number;
  /** Sequences of the plan: items as often as they are trained. */
  sequences: number;
  tokens: number;
}

const formatVersion = 1;
const bufferedBytes = 1 << 20;
type ArrayType = "uint16" | "int32" | "float32" | "float64";
const bytesOf: Record<ArrayType, number> = { uint16: 2, int32: 4, float32: 4, float64: 8 };
const arrayTypes = {
  items: "float64",
  prompts: "int32",
  contexts: "int32",
  sequences: "int32",
  weights: "float64",
  microBatches: "float64",
  steps: "float64",
  learningRates: "float64",
  epochs: "int32",
  stages: "int32",
} as const satisfies Record<string, ArrayType>;

/** An array on its way to a file: appended to, never whole in memory. */
class ArrayFile {
  length = 0;
  readonly type: ArrayType;
  private readonly path: string;
  private readonly buffer = Buffer.alloc(bufferedBytes);
  private used = 0;
  private readonly hash = createHash("sha256");
  private handle: Awaited<ReturnType<typeof open>> | undefined;

  constructor(path: string, type: ArrayType) {
    this.path = path;
    this.type = type;
  }

  async append(values: ArrayLike<number>): Promise<void> {
    const { buffer, type } = this;
    for (let i = 0; i < values.length; i++) {
      if (this.used + bytesOf[type] > buffer.length) await this.flush();
      if (type === "uint16") buffer.writeUInt16LE(values[i]!, this.used);
      else if (type === "int32") buffer.writeInt32LE(values[i]!, this.used);
      else if (type === "float32") buffer.writeFloatLE(values[i]!, this.used);
      else buffer.writeDoubleLE(values[i]!, this.used);
      this.used += bytesOf[type];
    }
    this.length += values.length;
  }

  /** @returns SHA-256 of the file's bytes */
  async close(): Promise<string> {
    await this.flush();
    await this.handle!.sync();
    await this.handle!.close();
    return this.hash.digest("hex");
  }

  private async flush(): Promise<void> {
    this.handle ??= await open(this.path, "w");
    const bytes = this.buffer.subarray(0, this.used);
    this.hash.update(bytes);
    await writeFully(this.handle, bytes);
    this.used = 0;
  }
}

/** Writes one job; `begin` is called when its student is opened, `finish` when the training is planned to its end. */
export class JobWriter {
  readonly folder: string;
  private readonly settings: JobSettings;
  private readonly files = new Map<string, ArrayFile>();
  /** Number of each item that is stored, by the hash of its tokens. */
  private readonly known = new Map<string, number>();
  private storedTokens = 0;
  private sequences = 0;
  private microBatches = 0;
  private steps = 0;
  private description: Record<string, unknown> = {};

  constructor(folder: string, settings: JobSettings) {
    this.folder = folder;
    this.settings = settings;
  }

  /** The student to start from, in the job. */
  get model(): string {
    return join(this.folder, "model");
  }

  /**
   * @returns what the student will have, as far as the options decide it
   * @throws SkipthinkError (exit 2) if the folder holds something already, or LoRA names a layer that is not there
   */
  async begin(
    modelFolder: string,
    options: OpenOptions,
  ): Promise<Pick<StudentCapabilities, "vocabularySize" | "trainableParameters">> {
    await mkdir(this.folder, { recursive: true });
    if ((await readdir(this.folder)).length > 0) {
      throw inputError(
        "the job folder is not empty",
        { file: this.folder },
        "Give a new folder with --job-only.",
      );
    }
    const { rows, noise } = await grownVocabulary(
      modelFolder,
      options.vocabularySize ?? 0,
      options.seed ?? 0,
    );
    const lora = await torchLora(modelFolder, rows, options);
    // The folder is to be copied to other machines, so it holds the model itself, not the links of the hub's cache.
    await cp(modelFolder, this.model, { recursive: true, dereference: true });
    const optimizer: OptimizerOptions = { ...defaultOptimizer, ...options.optimizer };
    this.description = { kind: "train", rows, optimizer, ...(lora === undefined ? {} : { lora: lora.plan }) };
    this.file("tokens", rows <= 0x1_0000 ? "uint16" : "int32");
    for (const [name, type] of Object.entries(arrayTypes)) this.file(name, type);
    if (noise.length > 0) await this.file("noise", "float64").append(noise);
    if (lora !== undefined) await this.file("adapters", "float32").append(lora.adapters);
    await this.append("items", [0]);
    return {
      vocabularySize: rows,
      ...(lora === undefined ? {} : { trainableParameters: lora.trainableParameters }),
    };
  }

  async addStep(microBatches: readonly (readonly WeightedSequence[])[], learningRate: number): Promise<void> {
    await this.append("steps", [this.microBatches]);
    await this.append("learningRates", [learningRate]);
    for (const batch of microBatches) {
      await this.append("microBatches", [this.sequences]);
      for (const sequence of batch) {
        await this.append("sequences", [await this.itemOf(sequence)]);
        await this.append("weights", [sequence.weight]);
      }
      this.sequences += batch.length;
      this.microBatches += 1;
    }
    this.steps += 1;
  }

  /** Completes the arrays; job.json comes last, so a folder that has one is whole. @param labels one per step */
  async finish(labels: readonly StepLabel[]): Promise<WrittenJob> {
    for (const { epoch, stage } of labels) {
      await this.append("epochs", [epoch]);
      await this.append("stages", [stage]);
    }
    await this.append("steps", [this.microBatches]);
    await this.append("microBatches", [this.sequences]);
    const arrays: Record<string, { type: ArrayType; length: number }> = {};
    const digests: string[] = [];
    for (const [name, file] of this.files) {
      digests.push(await file.close());
      arrays[name] = { type: file.type, length: file.length };
    }
    const { compute, checkpointEverySteps, keepCheckpoints, threads } = this.settings;
    const job = { ...this.description, compute, checkpointEverySteps, keepCheckpoints, threads, arrays };
    // Tells checkpoints of this plan from those of another one in a folder that was written again.
    const told = JSON.stringify([job, digests, await modelDigests(this.model)]);
    const id = createHash("sha256").update(told).digest("hex").slice(0, 16);
    const text = JSON.stringify({ format: formatVersion, id, ...job }, null, 2);
    await writeFile(join(this.folder, "job.json"), `${text}\n`);
    return {
      steps: this.steps,
      items: this.known.size,
      sequences: this.sequences,
      tokens: this.storedTokens,
    };
  }

  /** The item's number; its tokens are written when it is seen for the first time. */
  private async itemOf({ prompt, context, target }: WeightedSequence): Promise<number> {
    const tokens = Int32Array.from([prompt.length, context.length, ...prompt, ...context, ...target]);
    const bytes = new Uint8Array(tokens.buffer);
    // 128 bits: two different items never meet, and a million keys still fit in memory.
    const key = createHash("sha256").update(bytes).digest().toString("latin1", 0, 16);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const item = this.known.size;
    this.known.set(key, item);
    await this.append("tokens", tokens.subarray(2));
    this.storedTokens += tokens.length - 2;
    await this.append("items", [this.storedTokens]);
    await this.append("prompts", [prompt.length]);
    await this.append("contexts", [context.length]);
    return item;
  }

  private file(name: string, type: ArrayType): ArrayFile {
    const file = new ArrayFile(join(this.folder, `${name}.bin`), type);
    this.files.set(name, file);
    return file;
  }

  private append(name: string, values: ArrayLike<number>): Promise<void> {
    return this.files.get(name)!.append(values);
  }
}

/** SHA-256 of the config and of each file of weights, by name. */
async function modelDigests(folder: string): Promise<[name: string, digest: string][]> {
  const names = (await readdir(folder)).filter((name) => /^config\.json$|\.(safetensors|bin)$/.test(name));
  const digests: [string, string][] = [];
  for (const name of names.sort()) {
    const hash = createHash("sha256");
    for await (const bytes of createReadStream(join(folder, name))) hash.update(bytes as Buffer);
    digests.push([name, hash.digest("hex")]);
  }
  return digests;
}

/** An engine that trains nothing and writes a job. @param capabilities of the student that the job will train */
export function jobEngine(writer: JobWriter, capabilities: StudentCapabilities): Engine {
  const refuse = (what: string) => (): Promise<never> => {
    throw new SkipthinkError(
      `a job cannot be written: this training has to ${what} with the student on its way`,
      {
        remedy: "Run it with --engine torch where the GPUs are, which does the whole method there.",
      },
    );
  };
  return {
    name: "torch-job",
    async open(modelFolder: string, options: OpenOptions = {}): Promise<Student> {
      const sizes = await writer.begin(modelFolder, options);
      return {
        capabilities: () => ({ ...capabilities, ...sizes }),
        counters: () => ({
          scoredSequences: 0,
          scoredTokens: 0,
          forwardPasses: 0,
          trainingSteps: 0,
          generatedTokens: 0,
        }),
        async train(microBatches, learningRate): Promise<StepReport> {
          await writer.addStep(microBatches, learningRate);
          const sequences = microBatches.flat();
          const targetTokens = sequences.reduce((sum, { target }) => sum + target.length, 0);
          return {
            loss: 0,
            gradientNorm: 0,
            sequenceLosses: new Float32Array(sequences.length),
            targetTokens,
            tokens: 0,
            paddedTokens: 0,
          };
        },
        score: refuse("search chunks"),
        generate: refuse("measure the dev split"),
        // The weights come from the job; how the model generates is decided already.
        async saveModel(folder): Promise<void> {
          const name = "generation_config.json";
          const source = join(writer.model, name);
          if (existsSync(source)) await cp(source, join(folder, name));
        },
        saveCheckpoint: async () => undefined,
        loadCheckpoint: async () => undefined,
        close: async () => undefined,
      };
    },
  };
}
