/** Commands that read one file and write another must not write over what they have read. */
import { realpath } from "node:fs/promises";
import { inputError } from "../../util/errors.ts";

/** @throws SkipthinkError (exit 2) where an output is an input, be it by another name or through a link */
export async function refuseOwnInput(
  inputs: readonly string[],
  outputs: readonly string[],
  remedy: string,
): Promise<void> {
  const read = new Set(await Promise.all(inputs.map(realPath)));
  for (const output of outputs) {
    const real = await realPath(output);
    if (real === undefined || !read.has(real)) continue;
    throw inputError("the output would overwrite the file that it is made from", { file: output }, remedy);
  }
}

/** undefined for what is not there: it can be neither read nor overwritten. */
async function realPath(path: string): Promise<string | undefined> {
  return await realpath(path).catch(() => undefined);
}
