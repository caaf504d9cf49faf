/**
 * Boundaries of a chunking: `0 = b_0 < b_1 < … < b_M = S`; chunk m is steps b_{m-1} … b_m - 1, counted from 0 (docs/method.md §2).
 * Also AC, average chunking, which needs no student (docs/method.md §3).
 */
import { inputError, SkipthinkError } from "../../util/errors.ts";

/**
 * AC: chunks whose sizes in steps differ by at most one. Fewer steps than chunks: one chunk per step.
 * @returns b_0 … b_M, with M = min(count, steps)
 */
export function averageBoundaries(steps: number, count: number): number[] {
  if (!(Number.isInteger(steps) && steps >= 1))
    throw inputError(`A rationale of ${steps} steps cannot be chunked.`);
  if (!(Number.isInteger(count) && count >= 1))
    throw inputError(`The number of chunks is ${count}; it must be a whole number of at least 1.`);
  const chunks = Math.min(count, steps);
  return Array.from({ length: chunks + 1 }, (_, m) => Math.floor((m * steps) / chunks));
}

/** @throws SkipthinkError unless the boundaries cut exactly this many steps into the expected number of chunks */
export function checkBoundaries(
  boundaries: readonly number[],
  steps: number,
  count: number,
  rationaleId: string,
): void {
  const rising = boundaries.every((b, m) => Number.isInteger(b) && (m === 0 || b > boundaries[m - 1]!));
  const chunks = Math.min(count, steps);
  if (rising && boundaries[0] === 0 && boundaries.at(-1) === steps && boundaries.length === chunks + 1)
    return;
  throw new SkipthinkError(
    `Boundaries ${boundaries.join(" ")} do not cut ${steps} steps into ${chunks} chunks.`,
    {
      place: { key: rationaleId },
      remedy: "Chunk the rationales again: they, or the number of chunks, changed since.",
    },
  );
}
