/** The graph of training: forward, and backward to the gradient of every weight that is trained. The trainer runs it. */

import { gradient } from "../../graph/gradient.ts";
import { Graph } from "../../graph/graph.ts";
import { multiply } from "../../graph/operators/elementwise.ts";
import { crossEntropy } from "../../graph/operators/neural.ts";
import { reduceSum } from "../../graph/operators/reduce.ts";
import type { StudentFamily } from "../../students/families/encoder-decoder.ts";
import { forwardSequences, parameterInputs } from "./forward.ts";

export interface TrainedStudent {
  family: StudentFamily;
  /** Names of the weights that have gradients and moments. */
  trainable: readonly string[];
}

/** Outputs `tokenLosses` and `gradient.<name>` of Σ weight · NLL for what is trained; frozen weights are plain inputs. */
export function gradientGraph({ family, trainable }: TrainedStudent): Graph {
  const graph = new Graph();
  const parameters = parameterInputs(graph, family);
  const { logits, targets } = forwardSequences(graph, family, (name) => parameters.get(name)!);
  const tokenWeights = graph.input("tokenWeights", "float32", ["supervised"]);
  const tokenLosses = crossEntropy(logits, targets);
  graph.output(tokenLosses, "tokenLosses");
  const loss = reduceSum(multiply(tokenLosses, tokenWeights));
  const gradients = gradient(
    loss,
    trainable.map((name) => parameters.get(name)!),
  );
  trainable.forEach((name, i) => {
    graph.output(gradients[i]!, `gradient.${name}`);
  });
  return graph;
}
