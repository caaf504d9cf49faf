/** Adapters in the layout of the Python library PEFT: what PeftModel.from_pretrained puts on the base model. */
import { join } from "node:path";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { isEncoderDecoder } from "./families/encoder-decoder.ts";
import { type LoraModel, namedTargets } from "./lora.ts";

/**
 * Writes `adapter_model.safetensors` and, last, `adapter_config.json`.
 *
 * @param base the model the adapter goes on
 * @throws SkipthinkError naming the file when the system refuses (disk full, no permission)
 */
export async function writeAdapterFolder(
  folder: string,
  model: LoraModel,
  weights: ReadonlyMap<string, Float32Array>,
  base: { name: string; revision?: string },
): Promise<void> {
  const { family, trainable } = model;
  await writeSafetensors(
    join(folder, "adapter_model.safetensors"),
    trainable.map((name) => ({
      name: `base_model.model.${name}`,
      shape: family.parameterShapes.get(name)!,
      data: weights.get(name)!,
    })),
    { format: "pt" },
  );
  const config = adapterConfig(model, base);
  await writeTextAtomically(join(folder, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** The content of adapter_config.json. @param base the model the adapter goes on */
export function adapterConfig(
  model: LoraModel,
  base: { name: string; revision?: string },
): Record<string, unknown> {
  const { options, family, tables } = model;
  return {
    peft_type: "LORA",
    task_type: isEncoderDecoder(family) ? "SEQ_2_SEQ_LM" : "CAUSAL_LM",
    base_model_name_or_path: base.name,
    revision: base.revision ?? null,
    inference_mode: true,
    r: options.rank,
    lora_alpha: options.alpha,
    lora_dropout: 0,
    target_modules: namedTargets(model),
    fan_in_fan_out: family.linear.layout === "in-out",
    bias: "none",
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    modules_to_save: null,
    trainable_token_indices:
      tables.length === 0
        ? null
        : Object.fromEntries(
            tables.map((table) => [
              table
                .replace(/\.weight$/, "")
                .split(".")
                .at(-1)!,
              options.tokens,
            ]),
          ),
  };
}
