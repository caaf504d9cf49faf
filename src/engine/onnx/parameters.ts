/** The student's weights and AdamW's moments in memory, as tensors that sessions read and write in place. */
import { Tensor } from "./session.ts";

export interface ParameterStore {
  readonly names: readonly string[];
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Grows with every change of the weights, so that sessions with packed copies know when they are stale. */
  version: number;
}

export function float32Tensor(data: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor("float32", data, shape);
}

export function makeParameterStore(
  shapes: ReadonlyMap<string, readonly number[]>,
  data: ReadonlyMap<string, Float32Array>,
): ParameterStore {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of shapes) weights.set(name, float32Tensor(data.get(name)!, shape));
  return { names: [...shapes.keys()], weights, version: 0 };
}

/** Zero tensors with the shapes of the weights. */
export function zerosLike(store: ParameterStore): Map<string, Tensor> {
  return new Map(
    [...store.weights].map(([name, tensor]) => [
      name,
      float32Tensor(new Float32Array(tensor.size), tensor.dims),
    ]),
  );
}

export function dataOf(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}
