/** What a recipe settles for the stages where PyTorch computes, and only there. Needs no Python. */
import { expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { TorchEngine } from "../../src/engine/torch/student.ts";
import { scoringBound } from "../../src/pipeline/chunk-search.ts";
import { recipeSchema } from "../../src/pipeline/config/schema.ts";
import { engineOf } from "../../src/pipeline/engine.ts";
import { hashOf, RunFolder } from "../../src/pipeline/run-folder.ts";
import { withPrecision } from "../../src/pipeline/stages/precision.ts";
import { temporaryFolder } from "../engine/tiny-student.ts";

const given = { task: { builtin: "coin_flip" }, student: { model: "builtin:base" } };
const recipe = (torch: object, train: object = {}) => recipeSchema.parse({ ...given, torch, train });
const torchEngine = engineOf({ ...recipe({}), engine: "torch" });

it("tells stages computed in bfloat16 from others, whose hashes stay what they were", async () => {
  const folder = new RunFolder(await temporaryFolder());
  const inputs = { method: "full", seed: 1 };
  const hash = async (engine: Engine, precision: string): Promise<string> =>
    hashOf(await withPrecision({ folder, engine, recipe: recipe({ precision }) }, "train-full", inputs));
  const plain = hashOf(inputs);
  expect(torchEngine).toBeInstanceOf(TorchEngine);
  const rounded = await hash(torchEngine, "bfloat16");
  expect(rounded).not.toBe(plain);
  expect(await hash(torchEngine, "float32")).toBe(plain);
  // Another engine does not compute by it, and yet takes what is there.
  expect(await hash(onnxEngine, "bfloat16")).toBe(plain);
  await folder.writeJson({ inputs: rounded }, "stages", "train-full.json");
  expect(await hash(onnxEngine, "bfloat16")).toBe(rounded);
  expect(await hash(onnxEngine, "float32")).toBe(plain);
});

it("bounds what PyTorch scores at once by the recipe, and by 8192 tokens without a word", () => {
  const bound = (engine: Engine, train: object = {}) => scoringBound({ engine, recipe: recipe({}, train) });
  expect(bound(torchEngine)).toEqual({ maxTokensPerBatch: 8192 });
  expect(bound(torchEngine, { tokensPerBatch: 1000 })).toEqual({ maxTokensPerBatch: 2000 });
  expect(bound(onnxEngine, { tokensPerBatch: 1000 })).toEqual({});
});
