/** What the recipe's `student.lora` asks of the engine. */
import { resolve } from "node:path";
import { commitOfFolder, isHubModel, parseHubModel } from "../students/hub.ts";
import type { LoraOptions } from "../students/lora.ts";
import type { Recipe } from "./config/schema.ts";
import type { RunStudent } from "./context.ts";

/**
 * Adapters on the targeted layers, and trained embeddings for the markers, which mean nothing to the base student.
 *
 * @param modelFolder the model that the adapters go on: the base, or the student that a method starts from
 * @returns undefined where all weights are trained
 */
export function loraOptions(
  { student }: Pick<Recipe, "student">,
  { base, markers }: Pick<RunStudent, "base" | "markers">,
  modelFolder: string,
): LoraOptions | undefined {
  if (student.lora === undefined) return undefined;
  const isBase = modelFolder === base;
  return {
    ...student.lora,
    tokens: [...markers.stages, markers.answer, markers.endOfChunk],
    base:
      isBase && isHubModel(student.model ?? "")
        ? hubBase(student.model!, modelFolder)
        : { name: resolve(modelFolder) },
  };
}

/** By its commit: a branch may move on, and the adapters belong to these weights. */
function hubBase(model: string, folder: string): { name: string; revision: string } {
  const { repository, revision } = parseHubModel(model);
  return { name: repository, revision: commitOfFolder(folder) ?? revision };
}
