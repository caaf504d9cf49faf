/** The engine that a recipe names. */
import type { Engine } from "../engine/engine.ts";
import { onnxEngine } from "../engine/onnx/student.ts";
import { TorchEngine } from "../engine/torch/student.ts";
import type { Recipe } from "./config/schema.ts";

export interface OpenEngine extends Engine {
  /** Ends what the engine has running outside this process. */
  close(): Promise<void>;
}

/** @param torchrunArguments passed to torchrun, for several machines */
export function engineOf(recipe: Recipe, torchrunArguments: readonly string[] = []): OpenEngine {
  switch (recipe.engine) {
    case "onnx":
      return { ...onnxEngine, close: async () => undefined };
    case "torch":
      return new TorchEngine({ ...recipe.torch, threads: recipe.threads, torchrunArguments });
    default:
      return recipe.engine satisfies never;
  }
}
