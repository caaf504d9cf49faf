/**
 * Model folders in Hugging Face layout: config.json, generation_config.json and the weights, in one safetensors file or
 * sharded behind an index. What is written loads in transformers unchanged.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type StagedFile, stageFile } from "../tensor/atomic-file.ts";
import { bytesPerElement, type FloatDtype } from "../tensor/dtypes.ts";
import {
  openSafetensors,
  type SafetensorsFile,
  stageSafetensors,
  type TensorToWrite,
} from "../tensor/safetensors.ts";
import { inputError } from "../util/errors.ts";
import { readJson, readJsonIfThere } from "./json-file.ts";

/** Reads weights by tensor name, from whichever file holds them. */
export interface WeightReader {
  names(): string[];
  /** Path of the file that holds a tensor. */
  file(name: string): string;
  /** @throws SkipthinkError (exit 2) when there is no such tensor; so does readFloat32 */
  shape(name: string): readonly number[];
  readFloat32(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface ModelFolder {
  /** config.json as it is. */
  config: Record<string, unknown> & { model_type: string };
  /** generation_config.json, or undefined where there is none. */
  generationConfig: Record<string, unknown> | undefined;
  weights: WeightReader;
}

const singleFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";
/** Some have more digits than five. */
const shardPattern = /^model-\d{5,}-of-\d{5,}\.safetensors$/;
/** A shard is a file of the index's own folder, whatever its name: no path may lead out of it. */
export const shardFileName = /^[^/\\]+\.safetensors$/;

const configSchema = z.looseObject({
  model_type: z.string("must name the model family, e.g. gpt2").min(1),
});

const indexSchema = z.looseObject({
  weight_map: z.record(z.string(), z.string().regex(shardFileName, "must be a file of the same folder")),
});

/**
 * Opens a model folder. The caller closes `weights`.
 *
 * @throws SkipthinkError (exit 2) naming the file that is missing or wrong, and the key or tensor
 */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const config = await readJson(
    join(folder, "config.json"),
    configSchema,
    "Give a model folder in Hugging Face layout (config.json, model.safetensors, tokenizer.json).",
  );
  const generationConfig = await readJsonIfThere(join(folder, "generation_config.json"), z.looseObject({}));
  return { config, generationConfig, weights: await openWeights(folder) };
}

async function openWeights(folder: string): Promise<WeightReader> {
  // transformers looks for the single file first, too.
  const files = new Set(await readdir(folder));
  if (files.has(singleFile)) {
    const file = await openSafetensors(join(folder, singleFile));
    return new FolderWeights(new Map(file.names.map((name) => [name, file])), folder, () => singleFile);
  }
  const index = await readJsonIfThere(join(folder, indexFile), indexSchema);
  if (index === undefined) {
    throw inputError(
      `${folder} has no ${singleFile}`,
      { file: join(folder, singleFile) },
      files.has("pytorch_model.bin")
        ? "Pickled weights are not read: load the model in transformers and save it again, which writes safetensors."
        : "Give a complete model folder in Hugging Face layout.",
    );
  }
  const opened = new Map<string, SafetensorsFile>();
  const owners = new Map<string, SafetensorsFile>();
  const indexPath = join(folder, indexFile);
  try {
    for (const [name, shard] of Object.entries(index.weight_map)) {
      let file = opened.get(shard);
      if (file === undefined) {
        if (!files.has(shard)) {
          throw inputError(
            `${indexPath} names the shard ${shard}, which is missing`,
            { file: join(folder, shard), key: name },
            "Download the missing file.",
          );
        }
        file = await openSafetensors(join(folder, shard));
        opened.set(shard, file);
      }
      if (!file.has(name)) {
        throw inputError(
          `${indexPath}: the shard ${shard} has no tensor "${name}"`,
          { file: join(folder, shard), key: name },
          "Index and shards must come from the same model: download the folder again.",
        );
      }
      owners.set(name, file);
    }
  } catch (error) {
    for (const file of opened.values()) await file.close();
    throw error;
  }
  return new FolderWeights(owners, folder, (name) => index.weight_map[name] ?? indexFile);
}

class FolderWeights implements WeightReader {
  private readonly owners: ReadonlyMap<string, SafetensorsFile>;
  private readonly folder: string;
  private readonly fileName: (tensor: string) => string;

  constructor(
    owners: ReadonlyMap<string, SafetensorsFile>,
    folder: string,
    fileName: (tensor: string) => string,
  ) {
    this.owners = owners;
    this.folder = folder;
    this.fileName = fileName;
  }

  names(): string[] {
    return [...this.owners.keys()];
  }

  file(name: string): string {
    return join(this.folder, this.fileName(name));
  }

  shape(name: string): readonly number[] {
    return this.owner(name).info(name).shape;
  }

  async readFloat32(name: string): Promise<Float32Array> {
    return await this.owner(name).readFloat32(name);
  }

  async close(): Promise<void> {
    for (const file of new Set(this.owners.values())) await file.close();
  }

  private owner(name: string): SafetensorsFile {
    const file = this.owners.get(name);
    if (file === undefined) {
      throw inputError(
        `the model in ${this.folder} has no tensor "${name}"`,
        { file: this.folder, key: name },
        "Check that config.json belongs to these weights.",
      );
    }
    return file;
  }
}

export interface ModelToWrite {
  config: Record<string, unknown>;
  /** Left out: no generation_config.json is written, and one that is there stays. */
  generationConfig?: Record<string, unknown> | undefined;
  tensors: readonly Omit<TensorToWrite, "dtype">[];
  /** Type of the stored weights. Default: F32. */
  dtype?: FloatDtype;
  /** Weights above this are split into several files. Default: 5 GB. */
  maxShardBytes?: number;
}

/** Values that transformers 5 refuses without a decimal point; JavaScript writes 1.0 as 1. */
const wholeFloats =
  /^( {2}"(?:initializer_factor|initializer_range|layer_norm_epsilon|rms_norm_eps)": \d+)(?=,?$)/gm;

const torchNames = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const satisfies Record<
  FloatDtype,
  string
>;

/**
 * Writes a model folder. All files are complete on disk before the first takes its place, and config.json comes last; on an
 * error an older model in the folder stays as it was.
 *
 * @throws SkipthinkError naming the file when the system refuses (disk full, no permission)
 */
export async function writeModelFolder(folder: string, model: ModelToWrite): Promise<void> {
  const { dtype = "F32", maxShardBytes = 5_000_000_000 } = model;
  const shards = splitIntoShards(model.tensors, dtype, maxShardBytes);
  const shardName = (index: number) =>
    shards.length === 1
      ? singleFile
      : `model-${String(index + 1).padStart(5, "0")}-of-${String(shards.length).padStart(5, "0")}.safetensors`;

  const staged: StagedFile[] = [];
  const written = new Set<string>();
  const stageJson = async (name: string, value: unknown) => {
    const text = `${JSON.stringify(value, null, 2)}\n`.replace(wholeFloats, "$1.0");
    staged.push(await stageFile(join(folder, name), (handle) => handle.writeFile(text, "utf8")));
    written.add(name);
  };
  try {
    const weightMap: Record<string, string> = {};
    for (const [index, tensors] of shards.entries()) {
      const name = shardName(index);
      staged.push(await stageSafetensors(join(folder, name), tensors, { format: "pt" }));
      written.add(name);
      for (const tensor of tensors) weightMap[tensor.name] = name;
    }
    if (shards.length > 1) {
      const parameters = model.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
      await stageJson(indexFile, {
        metadata: { total_parameters: parameters, total_size: parameters * bytesPerElement[dtype] },
        weight_map: weightMap,
      });
    }
    if (model.generationConfig !== undefined)
      await stageJson("generation_config.json", model.generationConfig);
    // "torch_dtype" is the older name of the key.
    const dtypeKey = "torch_dtype" in model.config && !("dtype" in model.config) ? "torch_dtype" : "dtype";
    await stageJson("config.json", { ...model.config, [dtypeKey]: torchNames[dtype] });

    for (const file of staged.slice(0, -1)) await file.commit();
    await removeOtherWeights(folder, written);
    await staged.at(-1)!.commit();
  } catch (error) {
    for (const file of staged) await file.discard();
    throw error;
  }
}

/** Weights of an earlier model in the folder: readers would take them instead of, or beside, the new ones. */
async function removeOtherWeights(folder: string, written: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const isWeights = name === singleFile || name === indexFile || shardPattern.test(name);
    if (isWeights && !written.has(name)) await rm(join(folder, name), { force: true });
  }
}

/** Consecutive tensors share a shard while they fit; a tensor larger than a shard has one of its own. */
function splitIntoShards(
  tensors: ModelToWrite["tensors"],
  dtype: FloatDtype,
  maxShardBytes: number,
): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = tensor.data.length * bytesPerElement[dtype];
    if (shards.at(-1)!.length > 0 && bytes + size > maxShardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push({ ...tensor, dtype });
    bytes += size;
  }
  return shards;
}
