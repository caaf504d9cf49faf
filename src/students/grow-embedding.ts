/** Token embeddings for a vocabulary that has grown by added tokens. */
import { inputError } from "../util/errors.ts";
import { RandomStream } from "../util/random.ts";

/** Noise on a new row, as a share of the column's standard deviation: new tokens start near the mean, but not equal. */
const noiseShare = 0.02;

/**
 * A copy of an embedding with more rows. New rows are the mean of the old ones plus small seeded noise, so that the model's
 * predictions hardly change at first (Hewitt 2021).
 *
 * @param old [oldRows, width] @returns [newRows, width]
 * @throws SkipthinkError when `old` is not of that shape or has no rows to average, or when rows would be lost
 */
export function growEmbedding(
  old: Float32Array,
  oldRows: number,
  newRows: number,
  width: number,
  seed: number,
): Float32Array {
  if (old.length !== oldRows * width || oldRows < 1) {
    throw inputError(`an embedding of ${old.length} values is not [${oldRows}, ${width}]`, {
      key: "vocab_size",
    });
  }
  if (newRows < oldRows) {
    throw inputError(`an embedding of ${oldRows} rows cannot keep them in ${newRows}`, { key: "vocab_size" });
  }
  const grown = new Float32Array(newRows * width);
  grown.set(old);

  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let row = 0; row < oldRows; row++) {
    for (let column = 0; column < width; column++) mean[column]! += old[row * width + column]! / oldRows;
  }
  for (let row = 0; row < oldRows; row++) {
    for (let column = 0; column < width; column++) {
      deviation[column]! += (old[row * width + column]! - mean[column]!) ** 2 / oldRows;
    }
  }
  newRowNoise(newRows - oldRows, width, seed).forEach((normal, i) => {
    const column = i % width;
    grown[oldRows * width + i] = mean[column]! + noiseShare * Math.sqrt(deviation[column]!) * normal;
  });
  return grown;
}

/** The standard normal draws of new rows: the same for every engine. [rows · width] */
export function newRowNoise(rows: number, width: number, seed: number): Float64Array {
  const random = new RandomStream(seed, "resize-embedding");
  return Float64Array.from({ length: rows * width }, () => random.normal());
}
