/** The graphs of training: a whole step, and its two halves for a step of several forward passes. The trainer runs them. */

import { gradient } from "../../graph/gradient.ts";
import { Graph, type Value } from "../../graph/graph.ts";
import { add, multiply } from "../../graph/operators/elementwise.ts";
import { crossEntropy } from "../../graph/operators/neural.ts";
import { reduceSum } from "../../graph/operators/reduce.ts";
import { adamW, adamWScalarInputs } from "../../graph/optimizer.ts";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { OptimizerOptions } from "../engine.ts";
import { forwardSequences, parameterInputs } from "./forward.ts";

export interface TrainedStudent {
  family: StudentFamily;
  /** Names of the weights that have gradients and moments. */
  trainable: readonly string[];
  optimizer: Pick<OptimizerOptions, "beta1" | "beta2" | "epsilon">;
}

/** Forward, backward, clipping and AdamW: the step of a single forward pass. */
export function stepGraph(student: TrainedStudent): Graph {
  const graph = new Graph();
  const { trained, gradients } = lossGradients(graph, student);
  updateWeights(graph, student, trained, gradients);
  return graph;
}

/** Forward and backward; gradients are added to the inputs `sum.<name>`. */
export function accumulationGraph(student: TrainedStudent): Graph {
  const graph = new Graph();
  const { gradients } = lossGradients(graph, student);
  for (const [name, value] of gradients) {
    const sum = graph.input(`sum.${name}`, "float32", value.shape);
    graph.output(add(sum, value), `new.sum.${name}`);
  }
  return graph;
}

/** Clipping and AdamW on the summed gradients. */
export function updateGraph(student: TrainedStudent): Graph {
  const graph = new Graph();
  const parameters = parameterInputs(graph, student.family, student.trainable);
  const gradients = new Map(
    [...parameters].map(([name, value]) => [name, graph.input(`sum.${name}`, "float32", value.shape)]),
  );
  updateWeights(graph, student, parameters, gradients);
  return graph;
}

/** Token losses and the gradients of Σ weight · NLL with respect to what is trained; frozen weights are plain inputs. */
function lossGradients(graph: Graph, { family, trainable }: TrainedStudent) {
  const parameters = parameterInputs(graph, family);
  const { logits, targets } = forwardSequences(graph, family, (name) => parameters.get(name)!);
  const tokenWeights = graph.input("tokenWeights", "float32", ["supervised"]);
  const tokenLosses = crossEntropy(logits, targets);
  graph.output(tokenLosses, "tokenLosses");
  const trained = new Map(trainable.map((name) => [name, parameters.get(name)!]));
  const gradients = gradient(reduceSum(multiply(tokenLosses, tokenWeights)), [...trained.values()]);
  const names = [...trained.keys()];
  return { trained, gradients: new Map(names.map((name, i) => [name, gradients[i]!])) };
}

function updateWeights(
  graph: Graph,
  { family, optimizer }: TrainedStudent,
  parameters: ReadonlyMap<string, Value>,
  gradients: ReadonlyMap<string, Value>,
): void {
  const scalars = adamWScalarInputs(graph);
  const norm = adamW(
    [...parameters].map(([name, value]) => ({
      name,
      value,
      gradient: gradients.get(name)!,
      firstMoment: graph.input(`${name}.m`, "float32", value.shape),
      secondMoment: graph.input(`${name}.v`, "float32", value.shape),
      decays: family.decays(name),
    })),
    scalars,
    optimizer,
  );
  graph.output(norm, "gradientNorm");
}
