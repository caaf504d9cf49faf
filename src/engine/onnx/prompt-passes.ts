/** How prompts are read before texts are written: in which passes, and what a pass is given. */
import { causalMask, countingPositions } from "./batch.ts";
import { Tensor } from "./session.ts";

/** Padded tokens of prompts that are read in one pass: many times what keeps all cores busy, and far from gigabytes of scores. */
const tokensPerPass = 4096;

/**
 * Rows [from, to) of each pass over prompts of the given lengths: as many as stay within `maxTokens` with their padding, and one
 * at least.
 */
export function promptPasses(
  lengths: readonly number[],
  maxTokens = tokensPerPass,
): [from: number, to: number][] {
  const passes: [number, number][] = [];
  let longest = 0;
  lengths.forEach((length, i) => {
    longest = Math.max(longest, length);
    const pass = passes.at(-1);
    if (pass !== undefined && (i + 1 - pass[0]) * longest <= maxTokens) {
      pass[1] = i + 1;
      return;
    }
    passes.push([i, i + 1]);
    longest = length;
  });
  return passes;
}

/** Prompts [batch, time], padded, and the place of each one's last token. @param prefix tokens that were read before them */
export function promptFeeds(prompts: readonly (readonly number[])[], prefix = 0): Record<string, Tensor> {
  const time = Math.max(...prompts.map(({ length }) => length));
  const ids = new Int32Array(prompts.length * time);
  prompts.forEach((prompt, i) => {
    ids.set(prompt, i * time);
  });
  const last = Int32Array.from(prompts, ({ length }, i) => i * time + length - 1);
  return {
    ids: new Tensor("int32", ids, [prompts.length, time]),
    positions: countingPositions(time, prefix),
    mask: causalMask(time, prefix),
    picked: new Tensor("int32", last, [prompts.length]),
  };
}
