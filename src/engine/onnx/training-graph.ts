/** The graph of training: forward, and backward to the gradient of every weight that is trained. The trainer runs it. */

import { gradient } from "../../graph/gradient.ts";
import { Graph, type Operation, type Value } from "../../graph/graph.ts";
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

/** Rows of a trained table that an input picks: the table's gradient has this lookup's part row by row. */
export interface Lookup {
  /** Name of the table among the parameters. */
  table: string;
  /** Name of the input that holds the picked rows' numbers. */
  indices: string;
  /** Name of the output that holds the gradient of each picked row: [...indices, width]. */
  rows: string;
}

export interface GradientGraph {
  /** Outputs: `tokenLosses`, `gradient.<name>` for each name of `dense`, and each lookup's rows. */
  graph: Graph;
  /** Trained parameters that have a gradient besides their lookups. */
  dense: readonly string[];
  /**
   * Whoever runs the graph adds these to the tables' gradients, which costs as much as the batch has tokens. Nodes that add rows
   * to a table copy the whole table first.
   */
  lookups: readonly Lookup[];
}

/** Gradients of Σ weight · NLL with respect to what is trained; frozen weights are plain inputs. */
export function gradientGraph({ family, trainable }: TrainedStudent): GradientGraph {
  const graph = new Graph();
  const parameters = parameterInputs(graph, family);
  const { logits, targets } = forwardSequences(graph, family, (name) => parameters.get(name)!, {
    differentiated: true,
  });
  const tokenWeights = graph.input("tokenWeights", "float32", ["supervised"]);
  const tokenLosses = crossEntropy(logits, targets);
  graph.output(tokenLosses, "tokenLosses");
  const loss = reduceSum(multiply(tokenLosses, tokenWeights));

  const found = trainable.flatMap((table) =>
    lookupsOf(graph, parameters.get(table)!).map((operation) => ({ table, operation })),
  );
  const inLookups = new Set(found.map(({ operation }) => operation));
  const dense = trainable.filter((name) => {
    const value = parameters.get(name)!;
    const readers = graph.operations.filter(({ inputs }) => inputs.includes(value));
    return readers.length === 0 || readers.some((operation) => !inLookups.has(operation));
  });
  const picked = found.map(({ operation }) => operation.outputs[0]!);
  const gradients = gradient(
    loss,
    [...dense.map((name) => parameters.get(name)!), ...picked],
    new Set(picked),
  );
  dense.forEach((name, i) => {
    graph.output(gradients[i]!, `gradient.${name}`);
  });
  const lookups = found.map(({ table, operation }, i) => {
    const rows = `rows.${i}`;
    graph.output(gradients[dense.length + i]!, rows);
    return { table, indices: operation.inputs[1]!.name, rows };
  });
  return { graph, dense, lookups };
}

/** Operations that look rows of `table` up by numbers that are an input. */
function lookupsOf(graph: Graph, table: Value): Operation[] {
  return graph.operations.filter(
    ({ type, inputs }) => type === "Gather" && inputs[0] === table && graph.inputs.includes(inputs[1]!),
  );
}
