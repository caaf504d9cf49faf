/** A model folder's weights into memory: names mapped, shapes checked, embeddings grown to the tokenizer. */
import { join } from "node:path";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import { type FamilyEntry, findFamily } from "../../students/families/index.ts";
import { growEmbedding } from "../../students/grow-embedding.ts";
import { readModelFolder, type WeightReader } from "../../students/model-folder.ts";
import { storedNames } from "../../students/stored-names.ts";
import { inputError } from "../../util/errors.ts";

export interface LoadedModel {
  family: StudentFamily;
  config: Record<string, unknown>;
  generationConfig: Record<string, unknown> | undefined;
  weights: Map<string, Float32Array>;
  /** Parameters that may have one row per token of the vocabulary. */
  vocabularyParameters: readonly string[];
}

/**
 * Checkpoints may have more rows than their tokenizer has tokens (Qwen2 rounds its vocabulary up): those rows stay, so that the
 * saved student is as large as the model it came from.
 *
 * @param options.vocabularySize tokens of the tokenizer; embeddings with fewer rows grow to it
 * @throws SkipthinkError (exit 2) naming the tensor that is missing, is there although the configuration does not know it, or has
 * another shape or type than it should, or holds values that are no numbers
 */
export async function loadModel(
  folder: string,
  options: { vocabularySize?: number | undefined; seed?: number | undefined } = {},
): Promise<LoadedModel> {
  const { config: written, generationConfig, weights: reader } = await readModelFolder(folder);
  const file = join(folder, "config.json");
  try {
    const entry = findFamily(written.model_type, file);
    const config = await entry.configOfWeights(written, file, reader);
    const stored = entry.create(config, file);
    const weights = new Map<string, Float32Array>();
    for (const [name, tensor] of tensorsOf(stored, entry, reader, folder)) {
      const values = await reader.readFloat32(tensor);
      checkFinite(values, tensor, reader.file(tensor));
      weights.set(name, values);
    }
    const rows = Math.max(options.vocabularySize ?? 0, stored.shape.vocabularySize);
    const { vocabularyParameters } = entry;
    if (rows === stored.shape.vocabularySize) {
      return { family: stored, config, generationConfig, weights, vocabularyParameters };
    }
    for (const name of vocabularyParameters) {
      const old = weights.get(name);
      if (old === undefined) continue;
      const { vocabularySize, width } = stored.shape;
      weights.set(name, growEmbedding(old, vocabularySize, rows, width, options.seed ?? 0));
    }
    const grown = { ...config, vocab_size: rows };
    const family = entry.create(grown, file);
    return { family, config: grown, generationConfig, weights, vocabularyParameters };
  } finally {
    await reader.close();
  }
}

/** The tensor of each parameter; all are there, of the right shape, and none of the model's own is left over. */
function tensorsOf(
  family: StudentFamily,
  { parameterName, modules }: FamilyEntry,
  reader: WeightReader,
  folder: string,
): Map<string, string> {
  const stored = storedNames(reader.names(), parameterName);
  const tensors = new Map<string, string>();
  for (const [name, shape] of family.parameterShapes) {
    const tensor = stored.get(name);
    if (tensor === undefined) {
      throw inputError(
        `${folder} has no tensor "${name}"`,
        { file: folder, key: name },
        "The weights belong to another configuration: download or save the model again.",
      );
    }
    const found = reader.shape(tensor);
    if (found.length !== shape.length || found.some((length, i) => length !== shape[i])) {
      throw inputError(
        `tensor "${tensor}" is [${found.join(", ")}]; config.json asks for [${shape.join(", ")}]`,
        { file: folder, key: tensor },
        "Weights and config.json must come from the same model.",
      );
    }
    tensors.set(name, tensor);
  }
  // What is not the model's, such as the head of a classifier, does not change what the student computes.
  for (const [name, tensor] of stored) {
    if (family.parameterShapes.has(name) || !modules.test(name)) continue;
    throw inputError(
      `${folder} holds the tensor "${tensor}", which a model of its config.json does not have`,
      { file: folder, key: tensor },
      "Weights and config.json must come from the same model: correct config.json (number of layers, biases), or download or save the model again.",
    );
  }
  return tensors;
}

/** A student with such a value would write nothing of sense, and its training would blame the learning rate. */
function checkFinite(values: Float32Array, tensor: string, file: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw inputError(
      `tensor "${tensor}" of ${file} holds ${values[i]} (value ${i + 1} of ${values.length})`,
      { file, key: tensor },
      "The file is damaged, or the training that wrote it has diverged: download the model again, or take an earlier state of it.",
    );
  }
}
