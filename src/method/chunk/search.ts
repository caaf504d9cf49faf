/**
 * SBC's two searches over boundaries (docs/method.md §3). `searchGreedy` is the paper's; `searchExact` finds the global minimum,
 * which removes the local optima that the paper names as SBC's limitation.
 */
import { type ChunkCost, objective } from "./cost.ts";

/**
 * The paper's heuristic: sweep over the inner boundaries, try each one step to the left and one to the right, keep what
 * lowers J; stop when a sweep changes nothing. J never rises, so the result is at least as good as the start.
 */
export function searchGreedy(
  costs: ChunkCost,
  start: readonly number[],
  options: { maxSweeps: number },
): number[] {
  const best = [...start];
  let lowest = objective(costs, best);
  for (let sweep = 0; sweep < options.maxSweeps; sweep++) {
    let changed = false;
    for (let k = 1; k < best.length - 1; k++) {
      const here = best[k]!;
      for (const moved of [here - 1, here + 1]) {
        if (moved <= best[k - 1]! || moved >= best[k + 1]!) continue;
        const candidate = best.with(k, moved);
        const value = objective(costs, candidate);
        if (value < lowest) {
          lowest = value;
          best[k] = moved;
          changed = true;
        }
      }
    }
    if (!changed) break;
  }
  return best;
}

/**
 * The global minimum of J by dynamic programming: J is a sum over chunks, so the best way to cut the steps from `from` on
 * into chunks m … M does not depend on the chunks before. O(S²M) cost look-ups. Of equally good chunkings the one whose
 * first differing boundary is smaller is returned.
 *
 * @param count M; a rationale with fewer steps gets one chunk per step
 */
export function searchExact(costs: ChunkCost, count: number): number[] {
  const { steps } = costs;
  const chunks = Math.min(count, steps);
  // rest[from]: lowest cost of steps from … S-1 as chunks m … M; choice[m][from]: where chunk m then ends.
  let rest = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY);
  rest[steps] = 0;
  const choice: number[][] = [];
  for (let m = chunks; m >= 1; m--) {
    const current = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY);
    const ends: number[] = [];
    const furthest = steps - (chunks - m);
    // Chunk 1 starts at step 0; a later chunk leaves at least one step to each chunk before it.
    for (let from = m - 1; from <= (m === 1 ? 0 : furthest - 1); from++) {
      for (let to = m === chunks ? steps : from + 1; to <= furthest; to++) {
        const value = costs.cost(m, from, to) + rest[to]!;
        if (value < current[from]!) {
          current[from] = value;
          ends[from] = to;
        }
      }
    }
    choice[m] = ends;
    rest = current;
  }
  const boundaries = [0];
  for (let m = 1; m <= chunks; m++) boundaries.push(choice[m]![boundaries.at(-1)!]!);
  return boundaries;
}
