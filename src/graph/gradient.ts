/** Reverse-mode differentiation over the recorded operations; the gradients become nodes of the same graph. */
import type { Value } from "./graph.ts";
import { add } from "./operators/elementwise.ts";

/**
 * Gradients of a scalar `loss` with respect to each value of `wrt`.
 * @param stops values that count as given: nothing flows on to what they are made of
 * @returns one gradient per value, of the value's shape
 * @throws Error if the loss does not depend on a value, or if an operation on the way has no derivative
 */
export function gradient(loss: Value, wrt: readonly Value[], stops: ReadonlySet<Value> = new Set()): Value[] {
  const graph = loss.graph;
  if (loss.shape.length !== 0) throw new Error(`the loss must be a scalar, ${loss.name} is not`);
  const wanted = new Set<Value>(wrt);
  // An operation takes part if it leads from a wanted value to the loss.
  const reaches = new Set<Value>(wanted);
  const operations = graph.operations.filter(
    ({ sealed, outputs }) => !sealed && !outputs.some((output) => stops.has(output)),
  );
  for (const operation of operations) {
    if (operation.inputs.some((input) => input !== undefined && reaches.has(input))) {
      for (const output of operation.outputs) reaches.add(output);
    }
  }
  const gradients = new Map<Value, Value>();
  gradients.set(loss, graph.scalar(1));
  for (const operation of operations.reverse()) {
    const outputGradients = operation.outputs.map((output) => gradients.get(output));
    if (outputGradients.every((value) => value === undefined)) continue;
    if (!operation.inputs.some((input) => input !== undefined && reaches.has(input))) continue;
    if (operation.derivative === undefined) throw new Error(`${operation.type} has no derivative`);
    const [first] = operation.inputs;
    const firstSum = first === undefined ? undefined : gradients.get(first);
    if (operation.accumulate !== undefined && first !== undefined && firstSum !== undefined) {
      gradients.set(first, operation.accumulate(firstSum, outputGradients));
      continue;
    }
    const inputGradients = operation.derivative(outputGradients);
    operation.inputs.forEach((input, i) => {
      const contribution = inputGradients[i];
      if (input === undefined || contribution === undefined || !reaches.has(input)) return;
      const sum = gradients.get(input);
      gradients.set(input, sum === undefined ? contribution : add(sum, contribution));
    });
  }
  return wrt.map((value) => {
    const result = gradients.get(value);
    if (result === undefined) throw new Error(`the loss does not depend on ${value.name}`);
    return result;
  });
}
