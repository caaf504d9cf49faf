/** A run's memory, for `--dry-run`: of this process on the embedded engine, of one PyTorch process by a published formula. */
import { join } from "node:path";
import type { Student, WeightedSequence } from "../engine/engine.ts";
import { OnnxStudent } from "../engine/onnx/student.ts";
import { itemLength } from "../method/items/batches.ts";
import type { PlannedBatch } from "../method/items/types.ts";
import type { FamilyShape } from "../students/families/family.ts";
import { findFamily } from "../students/families/index.ts";
import { readModelFolder } from "../students/model-folder.ts";
import type { Recipe } from "./config/schema.ts";
import type { RunStudent } from "./context.ts";
import type { RunEstimate } from "./estimate.ts";

export async function estimateMemory(
  base: Pick<RunStudent, "base">,
  student: Student,
  batches: readonly PlannedBatch[],
  { train, evaluate }: Pick<Recipe, "train" | "evaluate">,
): Promise<RunEstimate["memory"]> {
  if (student instanceof OnnxStudent) {
    const decodes = train.select === "best" || evaluate.testEveryEpoch;
    const memory = await student.trainingMemory(
      batches.map(({ microBatches }) => microBatches),
      decodes,
    );
    return {
      parameterBytes: memory.parameterBytes,
      activationBytes: memory.workingBytes,
      decodingBytes: memory.decodingBytes,
      totalBytes: memory.totalBytes,
      method: `largest resident set of the process in training: weights and AdamW's two moments, the results alive at once in the training graph at the largest batch, what onnxruntime holds beyond them (measured), ${decodes ? "copies of the weights that answer the dev questions after an epoch, " : ""}and Node.js itself`,
    };
  }
  const { parameters, trainableParameters } = student.capabilities();
  const shape = await shapeOf(base.base);
  const activationBytes = batches
    .flatMap(({ microBatches }) => microBatches)
    .reduce((most, batch) => Math.max(most, activationFormula(shape, batch)), 0);
  const frozen = trainableParameters === undefined ? 0 : parameters;
  const parameterBytes = 4 * frozen + 16 * (trainableParameters ?? parameters);
  return {
    parameterBytes,
    activationBytes,
    totalBytes: parameterBytes + activationBytes,
    method:
      "16 bytes per trained parameter (weights, gradients, two moments of AdamW in float32), 4 per frozen one, and the activations of the largest forward pass by the formula of Korthikanti et al. 2022",
  };
}

/**
 * Korthikanti et al. 2022 (arXiv 2205.05198): tokens · (34 · width + 5 · heads · time) bytes per layer in 16 bits, so twice that
 * in float32; and the logits of the supervised tokens with their gradient and log-probabilities.
 */
export function activationFormula(
  {
    layers,
    width,
    heads,
    vocabularySize,
  }: Pick<FamilyShape, "layers" | "width" | "heads" | "vocabularySize">,
  batch: readonly WeightedSequence[],
): number {
  const time = batch.reduce((most, sequence) => Math.max(most, itemLength(sequence)), 0);
  const supervised = batch.reduce((sum, { target }) => sum + target.length, 0);
  return (
    2 * layers * batch.length * time * (34 * width + 5 * heads * time) + 3 * 4 * supervised * vocabularySize
  );
}

async function shapeOf(folder: string): Promise<FamilyShape> {
  const { config, weights } = await readModelFolder(folder);
  await weights.close();
  const file = join(folder, "config.json");
  return findFamily(config.model_type, file).create(config, file).shape;
}
