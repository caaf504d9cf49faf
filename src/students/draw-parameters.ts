/** Random parameters of a new student. */
import { RandomStream } from "../util/random.ts";

/** How a parameter begins: normal around 0 with this deviation, or all entries of one value. */
export type Beginning = { deviation: number } | { value: number };

/** Draws every parameter from a random stream of its own, so that none depends on which others there are. */
export function drawParameters(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
  beginningOf: (name: string) => Beginning,
): Map<string, Float32Array> {
  const parameters = new Map<string, Float32Array>();
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
    parameters.set(name, values);
    const beginning = beginningOf(name);
    if ("value" in beginning) {
      values.fill(beginning.value);
      continue;
    }
    const random = new RandomStream(seed, `initialize/${name}`);
    for (let i = 0; i < values.length; i++) values[i] = beginning.deviation * random.normal();
  }
  return parameters;
}

/** Normal matrices of one deviation, biases 0, norms 1: the decoders with RMSNorm. */
export function beginDecoder(deviation: number): (name: string) => Beginning {
  return (name) => {
    if (name.endsWith(".bias")) return { value: 0 };
    return name.endsWith("norm.weight") ? { value: 1 } : { deviation };
  };
}
