/** A model folder's weights into memory: names mapped, shapes checked, embeddings grown to the tokenizer. */
import { join } from "node:path";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import { findFamily } from "../../students/families/index.ts";
import { growEmbedding } from "../../students/grow-embedding.ts";
import { readModelFolder } from "../../students/model-folder.ts";
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
 * @throws SkipthinkError (exit 2) naming the tensor that is missing, or has another shape or type than it should
 */
export async function loadModel(
  folder: string,
  options: { vocabularySize?: number | undefined; seed?: number | undefined } = {},
): Promise<LoadedModel> {
  const { config: written, generationConfig, weights: reader } = await readModelFolder(folder);
  const file = join(folder, "config.json");
  try {
    const entry = findFamily(written.model_type, file);
    const config = (await entry.configOfWeights?.(written, file, reader)) ?? written;
    const stored = entry.create(config, file);
    const byParameter = new Map<string, string>();
    for (const name of reader.names()) {
      const parameter = entry.parameterName(name);
      // A parameter's own name comes before others it may be stored under.
      if (parameter !== undefined && (parameter === name || !byParameter.has(parameter))) {
        byParameter.set(parameter, name);
      }
    }
    const weights = new Map<string, Float32Array>();
    for (const [name, shape] of stored.parameterShapes) {
      const tensor = byParameter.get(name);
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
      weights.set(name, await reader.readFloat32(tensor));
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
