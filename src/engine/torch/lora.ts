/** Adapters as the worker gets them: what it puts them on, how they begin, and the adapter_config.json that it will save. */
import { join } from "node:path";
import { findFamily } from "../../students/families/index.ts";
import { firstValuesOfA, layerSizes, planLora } from "../../students/lora.ts";
import { readModelFolder } from "../../students/model-folder.ts";
import { adapterConfig } from "../../students/peft-folder.ts";
import type { OpenOptions } from "../engine.ts";

/** `lora` of a request or job; python: LoraPlan of lora.py. */
export interface TorchLora {
  plan: {
    config: Record<string, unknown>;
    modules: readonly string[];
    tables: readonly string[];
  };
  /** First values of all matrices A, module after module; the same as on the embedded engine. */
  adapters: Float32Array;
  trainableParameters: number;
}

/**
 * Plans the adapters on a student without reading its weights.
 *
 * @param rows of the student's embeddings, after they have grown
 * @returns undefined where all weights are trained
 * @throws SkipthinkError (exit 2) for a target that names no layer, and for a family that the embedded engine does not know
 */
export async function torchLora(
  modelFolder: string,
  rows: number,
  { lora, seed = 0 }: Pick<OpenOptions, "lora" | "seed">,
): Promise<TorchLora | undefined> {
  if (lora === undefined) return undefined;
  const { config: written, weights } = await readModelFolder(modelFolder);
  try {
    const file = join(modelFolder, "config.json");
    const entry = findFamily(written.model_type, file);
    const config = await entry.configOfWeights(written, file, weights);
    const family = entry.create({ ...config, vocab_size: rows }, file);
    const model = planLora(family, entry.vocabularyParameters, lora);
    const inputs = model.modules.map((module) => layerSizes(family, module).inputs);
    const adapters = new Float32Array(lora.rank * inputs.reduce((sum, count) => sum + count, 0));
    let at = 0;
    for (const module of model.modules) {
      const values = firstValuesOfA(model, module, seed);
      adapters.set(values, at);
      at += values.length;
    }
    const sizes = model.trainable.map((name) => model.family.parameterShapes.get(name)!);
    return {
      plan: {
        config: adapterConfig(model, lora.base ?? { name: modelFolder }),
        modules: model.modules,
        tables: model.tables,
      },
      adapters,
      trainableParameters: sizes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
    };
  } finally {
    await weights.close();
  }
}
