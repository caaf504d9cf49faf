/**
 * What chunk search minimises: `J(b) = Σ_m meanNLL(chunk m, its end-of-chunk token included)`, in nats per token. A mean per
 * chunk, so that a short chunk counts as much as a long one (docs/method.md §3).
 */

/** Costs of every chunk a search may ask for, for one rationale. */
export interface ChunkCost {
  /** S, the number of steps. */
  readonly steps: number;
  /** meanNLL of steps `from` … `to - 1` as chunk m (1-based), end-of-chunk included. */
  cost(m: number, from: number, to: number): number;
}

/** The terms of J, one per chunk. */
export function chunkCosts(costs: ChunkCost, boundaries: readonly number[]): number[] {
  return boundaries.slice(1).map((to, index) => costs.cost(index + 1, boundaries[index]!, to));
}

/** J. Summed from the last chunk on, as `searchExact` does, so that its minimum holds to the last bit. */
export function objective(costs: ChunkCost, boundaries: readonly number[]): number {
  return chunkCosts(costs, boundaries).reduceRight((sum, cost) => cost + sum, 0);
}
