/** The precision that a stage is computed in, as part of what its result depends on. */
import type { RunContext } from "../context.ts";
import { hashOf } from "../run-folder.ts";

/**
 * A stage's inputs with the precision that it is computed in: what comes of bfloat16 is another result. float32 is every engine's
 * and goes unnamed. The embedded engine goes on from what PyTorch has finished, in either precision.
 */
export async function withPrecision(
  { folder, engine, recipe }: Pick<RunContext, "folder" | "engine" | "recipe">,
  stage: string,
  inputs: object,
): Promise<object> {
  const { precision } = recipe.torch;
  if (precision === "float32") return inputs;
  const rounded = { ...inputs, precision };
  if (engine.name === "torch") return rounded;
  const record = await folder.readJson<{ inputs: string }>("stages", `${stage}.json`);
  return record?.inputs === hashOf(rounded) ? rounded : inputs;
}
