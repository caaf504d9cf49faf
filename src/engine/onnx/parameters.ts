/** The student's weights and AdamW's moments in memory, as tensors that sessions read and write in place. */
import { Tensor } from "./session.ts";

export interface ParameterStore {
  readonly weights: Map<string, Tensor>;
  /** Names of the weights that training changes; only they have gradients and moments. */
  readonly trainable: readonly string[];
  /** Grows with every change of the weights, so that sessions with packed copies know when they are stale. */
  version: number;
}

export function float32Tensor(data: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor("float32", data, shape);
}

export function makeParameterStore(
  shapes: ReadonlyMap<string, readonly number[]>,
  data: ReadonlyMap<string, Float32Array>,
  trainable: readonly string[] = [...shapes.keys()],
): ParameterStore {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of shapes) weights.set(name, float32Tensor(data.get(name)!, shape));
  return { weights, trainable, version: 0 };
}

export function dataOf(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}
