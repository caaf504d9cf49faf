/** generation_config.json of a saved student: what transformers' `generate` does by default. */
import { join } from "node:path";
import { z } from "zod";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { readJsonIfThere } from "./json-file.ts";

/** Sets `suppress_tokens`, so that transformers leaves the same tokens out as we do; other settings stay. */
export async function writeSuppressedTokens(
  folder: string,
  tokens: readonly number[],
  endOfSequence: number,
): Promise<void> {
  const path = join(folder, "generation_config.json");
  const before = (await readJsonIfThere(path, z.looseObject({}))) ?? { eos_token_id: endOfSequence };
  await writeTextAtomically(path, JSON.stringify({ ...before, suppress_tokens: tokens }, null, 2) + "\n");
}
