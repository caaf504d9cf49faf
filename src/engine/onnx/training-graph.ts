/** The graph of training: forward, and backward to the gradient of every weight that is trained. The trainer runs it. */

import { blockProducts } from "../../graph/blocks/block-products.ts";
import { gradient } from "../../graph/gradient.ts";
import { Graph, type Operation, type Value } from "../../graph/graph.ts";
import { multiply } from "../../graph/operators/elementwise.ts";
import { crossEntropy } from "../../graph/operators/neural.ts";
import { reduceSum } from "../../graph/operators/reduce.ts";
import { elementCount } from "../../graph/shape.ts";
import { cutTallProducts } from "../../graph/tall-products.ts";
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

/** A parameter's gradient, or some rows of it. */
export interface GradientPart {
  /** Name of the parameter. */
  parameter: string;
  /** Name of the output, whose numbers are a run of the parameter's. */
  output: string;
  /** Which number of the parameter is the first. */
  start: number;
  shape: readonly number[];
}

export interface GradientGraph {
  /** Batches must have tokens and supervised indices in multiples of it. */
  multiple: number;
  /** Outputs: `tokenLosses`, the parts of gradients, and each lookup's rows. */
  graph: Graph;
  /** The gradients of trained parameters that have one besides their lookups. */
  dense: readonly GradientPart[];
  /**
   * Whoever runs the graph adds these to the tables' gradients, which costs as much as the batch has tokens. Nodes that add rows
   * to a table copy the whole table first.
   */
  lookups: readonly Lookup[];
}

/** Sizes to decide with which products are worth blocks; not those of a batch, so that every process decides alike. */
const usualSizes = { tokens: 1024, sourceTokens: 1024, supervised: 512 };

/**
 * Gradients of Σ weight · NLL with respect to what is trained; frozen weights are plain inputs.
 * @param block columns of a block, see blocks.ts; 1: no product becomes a convolution
 * @param always all products that can become one, also where it does not help
 */
export function gradientGraph(
  { family, trainable }: TrainedStudent,
  block: number,
  always = false,
): GradientGraph {
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
  const parts = dense.flatMap((parameter, i) =>
    rowsOf(graph, gradients[i]!).map(({ value, start }, part) => {
      const output = `gradient.${parameter}${part === 0 ? "" : `.${part}`}`;
      graph.output(value, output);
      return { parameter, output, start };
    }),
  );
  const lookups = found.map(({ table, operation }, i) => {
    const rows = `rows.${i}`;
    graph.output(gradients[dense.length + i]!, rows);
    return { table, indices: operation.inputs[1]!.name, rows };
  });
  const blocked = block > 1 && blockProducts(graph, { block, aligned: usualSizes, always });
  const cut = cutTallProducts(graph);
  const shapes = new Map(graph.outputs.map(({ name, shape }) => [name, shape as readonly number[]]));
  return {
    graph,
    multiple: blocked ? block : 1,
    dense: parts.flatMap(({ parameter, output, start }) => {
      const pieces = cut.get(output);
      if (pieces === undefined) return [{ parameter, output, start, shape: shapes.get(output)! }];
      return pieces.map(({ value: { name, shape }, firstRow }) => {
        const first = start + firstRow * (shape[1] as number);
        return { parameter, output: name, start: first, shape: shape as readonly number[] };
      });
    }),
    lookups,
  };
}

/** What a gradient is put together of row by row, or itself: results need not be put together. */
function rowsOf(graph: Graph, gradient: Value): { value: Value; start: number }[] {
  const maker = graph.operations.find(({ outputs, virtual }) => !virtual && outputs.includes(gradient));
  if (maker?.type !== "Concat" || maker.attributes.axis !== 0) return [{ value: gradient, start: 0 }];
  let start = 0;
  return maker.inputs.map((value) => {
    const part = { value: value!, start };
    start += elementCount(value!.shape);
    return part;
  });
}

/** Operations that look rows of `table` up by numbers that are an input. */
function lookupsOf(graph: Graph, table: Value): Operation[] {
  return graph.operations.filter(
    ({ type, inputs }) => type === "Gather" && inputs[0] === table && graph.inputs.includes(inputs[1]!),
  );
}
