/** The control of skip-thinking (`stt-random`): as many chunks skipped per rationale, but which ones is left to chance. */
import { RandomStream } from "../../util/random.ts";
import { keptStepsOf, type ProbedRationale } from "./types.ts";

/** Deterministic per seed and rationale, whatever the order or company of the rationales. */
export function randomSkips(probed: ProbedRationale, seed: number): ProbedRationale {
  const candidates = probed.chunks.flatMap(({ candidate }, k) => (candidate ? [k] : []));
  const skips = probed.chunks.filter(({ skipped }) => skipped).length;
  const random = new RandomStream(seed, `probe/random-skips/${probed.rationaleId}`);
  const drawn = new Set(random.shuffle(candidates).slice(0, skips));
  const chunks = probed.chunks.map(({ trial, ...chunk }, k) =>
    chunk.candidate ? { ...chunk, skipped: drawn.has(k), reason: "random" as const } : chunk,
  );
  return { ...probed, chunks, keptSteps: keptStepsOf(chunks) };
}
