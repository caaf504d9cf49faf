/**
 * Random directions in weight space, filter-normalized (Li et al. 2018, "Visualizing the loss landscape of neural nets",
 * section 4): each filter of the direction is as long as the same filter of the weights, so that the scale of the weights
 * does not decide how sharp a minimum looks. A filter is what one output unit is computed with; of an embedding, a row.
 * Biases and normalization weights stay as they are.
 */
import { RandomStream } from "../util/random.ts";

export type Weights = ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>;

/** The matrices that directions move. T5's relative attention bias is a bias, whatever its shape. */
export function matrixNames(weights: Weights): string[] {
  return [...weights].flatMap(([name, { shape }]) =>
    shape.length === 2 && !name.includes("relative_attention_bias") ? [name] : [],
  );
}

/** GPT-2 stores projections as [in, out] (Conv1D); everything else is [out, in], embeddings have one row per token. */
function filtersAreColumns(name: string): boolean {
  return /\.c_(attn|proj|fc)\.weight$/.test(name);
}

/**
 * Direction number `index` of a seed; the normal draws are the same for all students with the same parameters.
 * @returns by parameter name, matrices only
 */
export function filterNormalizedDirection(
  weights: Weights,
  seed: number,
  index: number,
): Map<string, Float32Array> {
  return new Map(
    matrixNames(weights).map((name) => {
      const { shape, data } = weights.get(name)!;
      const random = new RandomStream(seed, `inspect/direction-${index}/${name}`);
      const direction = Float32Array.from(data, () => random.normal());
      normalizeFilters(direction, data, shape as [number, number], filtersAreColumns(name));
      return [name, direction];
    }),
  );
}

/** Scales each filter of `direction` to the length it has in `weights`, in place; both [rows, columns]. */
export function normalizeFilters(
  direction: Float32Array,
  weights: Float32Array,
  [rows, columns]: readonly [number, number],
  byColumn: boolean,
): void {
  const filters = byColumn ? columns : rows;
  const filterOf = (i: number): number => (byColumn ? i % columns : Math.floor(i / columns));
  const ofDirection = new Float64Array(filters);
  const ofWeights = new Float64Array(filters);
  for (let i = 0; i < direction.length; i++) {
    ofDirection[filterOf(i)]! += direction[i]! ** 2;
    ofWeights[filterOf(i)]! += weights[i]! ** 2;
  }
  const scale = ofDirection.map((sum, filter) => (sum > 0 ? Math.sqrt(ofWeights[filter]! / sum) : 0));
  for (let i = 0; i < direction.length; i++) direction[i]! *= scale[filterOf(i)]!;
}
