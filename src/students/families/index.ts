/** The families the embedded engine runs, by `model_type` of config.json. */
import { inputError } from "../../util/errors.ts";
import { gpt2ParameterName, initializeGpt2, parseGpt2Config } from "../gpt2-config.ts";
import { initializeLlama, llamaParameterName, parseLlamaConfig } from "../llama-config.ts";
import type { WeightReader } from "../model-folder.ts";
import { initializePhi3, parsePhi3Config } from "../phi3-config.ts";
import { holdsOwnHead, type ParameterName } from "../stored-names.ts";
import { initializeT5, parseT5Config, t5ConfigOfWeights, t5ParameterName } from "../t5-config.ts";
import type { StudentFamily } from "./encoder-decoder.ts";
import { gpt2Family } from "./gpt2.ts";
import { llamaFamily } from "./llama.ts";
import { phi3Family } from "./phi3.ts";
import { t5Family } from "./t5.ts";

export interface FamilyEntry {
  /** @throws SkipthinkError (exit 2) for a key it does not support */
  create(config: Record<string, unknown>, file: string): StudentFamily;
  /** The configuration completed by what only the weights say. */
  configOfWeights(
    config: Record<string, unknown>,
    file: string,
    weights: WeightReader,
  ): Promise<Record<string, unknown>>;
  parameterName: ParameterName;
  /** Begins the names of all parameters inside the model, whatever its configuration; a head that is tied is not among them. */
  modules: RegExp;
  /** Random parameters, as transformers draws them. */
  initialize(config: Record<string, unknown>, file: string, seed: number): Map<string, Float32Array>;
  /** Parameters with one row per token of the vocabulary. */
  vocabularyParameters: readonly string[];
}

/** For families whose configurations say all but whether a head that they call tied has weights of its own. */
function untiedByWeights(
  isTied: (config: Record<string, unknown>, file: string) => boolean,
  embeddingName: string,
  parameterName: ParameterName,
): FamilyEntry["configOfWeights"] {
  return async (config, file, weights) =>
    isTied(config, file) && (await holdsOwnHead(weights, embeddingName, parameterName))
      ? { ...config, tie_word_embeddings: false }
      : config;
}

const llama: FamilyEntry = {
  create: (config, file) => llamaFamily(parseLlamaConfig(config, file)),
  configOfWeights: untiedByWeights(
    (config, file) => parseLlamaConfig(config, file).tie_word_embeddings,
    "model.embed_tokens.weight",
    llamaParameterName,
  ),
  parameterName: llamaParameterName,
  modules: /^model\.(?:embed_tokens|layers\.\d+|norm)\./,
  initialize: (config, file, seed) => initializeLlama(parseLlamaConfig(config, file), seed),
  vocabularyParameters: ["model.embed_tokens.weight", "lm_head.weight"],
};

const families: Readonly<Record<string, FamilyEntry>> = {
  gpt2: {
    create: (config, file) => gpt2Family(parseGpt2Config(config, file)),
    configOfWeights: untiedByWeights(
      (config, file) => parseGpt2Config(config, file).tie_word_embeddings,
      "transformer.wte.weight",
      gpt2ParameterName,
    ),
    parameterName: gpt2ParameterName,
    modules: /^transformer\.(?:wte|wpe|h\.\d+|ln_f)\./,
    initialize: (config, file, seed) => initializeGpt2(parseGpt2Config(config, file), seed),
    vocabularyParameters: ["transformer.wte.weight", "lm_head.weight"],
  },
  llama,
  qwen2: llama,
  phi3: {
    create: (config, file) => phi3Family(parsePhi3Config(config, file)),
    configOfWeights: untiedByWeights(
      (config, file) => parsePhi3Config(config, file).tie_word_embeddings,
      "model.embed_tokens.weight",
      llamaParameterName,
    ),
    parameterName: llamaParameterName,
    modules: llama.modules,
    initialize: (config, file, seed) => initializePhi3(parsePhi3Config(config, file), seed),
    vocabularyParameters: llama.vocabularyParameters,
  },
  t5: {
    create: (config, file) => t5Family(parseT5Config(config, file)),
    configOfWeights: t5ConfigOfWeights,
    parameterName: t5ParameterName,
    modules: /^(?:shared|(?:encoder|decoder)\.(?:block\.\d+|final_layer_norm))\./,
    initialize: (config, file, seed) => initializeT5(parseT5Config(config, file), seed),
    vocabularyParameters: ["shared.weight", "lm_head.weight"],
  },
};

/** @throws SkipthinkError (exit 2) for a family that is not there */
export function findFamily(modelType: string, file: string): FamilyEntry {
  const family = families[modelType];
  if (family === undefined || !Object.hasOwn(families, modelType)) {
    throw inputError(
      `model_type "${modelType.slice(0, 80)}" is not supported by the embedded engine`,
      { file, key: "model_type" },
      `Use a student of one of these families: ${Object.keys(families).join(", ")}.`,
    );
  }
  return family;
}
