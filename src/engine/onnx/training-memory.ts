/**
 * What training on the embedded engine takes, from its graphs and the sizes of the largest batch: for `--dry-run`. The process as a
 * whole is meant, its largest resident set.
 */
import { peakResultBytes } from "../../graph/memory.ts";
import { elementCount } from "../../graph/shape.ts";
import { isEncoderDecoder, type StudentFamily } from "../../students/families/encoder-decoder.ts";
import type { TokenSequence } from "../engine.ts";
import { blockSize } from "./blocks.ts";
import { batchSequences } from "./forward.ts";
import type { Tensor } from "./session.ts";
import { type GradientGraph, gradientGraph, type TrainedStudent } from "./training-graph.ts";

/** Node.js with this package and onnxruntime loaded, before there is a student. */
export const processBytes = 80e6;

/**
 * Resident bytes per byte of results alive: what an allocator holds beyond that, and kernels' own buffers. Measured with
 * onnxruntime-node 1.30 on students of 4 M to 124 M parameters (`npm run bench -- memory`): 1.1 to 1.6.
 */
const residentPerAlive = 1.4;

export interface TrainingMemory {
  /** Weights, and AdamW's two moments of those that are trained. */
  parameterBytes: number;
  /** Gradients and activations of the largest step, which stay reserved while texts are written. */
  workingBytes: number;
  /** Copies of the weights in the sessions that write texts. */
  decodingBytes: number;
  /** The above and the process itself. */
  totalBytes: number;
}

/** Copies of the weights that decoding holds, as constants and packed for products. Measured as above: 3 to 4. */
const decodingCopies = 3.5;

/**
 * @param steps the micro-batches of each optimizer step
 * @param decodes whether texts are written between them
 */
export async function trainingMemory(
  student: TrainedStudent,
  steps: readonly (readonly (readonly TokenSequence[])[])[],
  decodes = false,
): Promise<TrainingMemory> {
  const { family, trainable } = student;
  const bytesOf = (names: Iterable<string>): number =>
    4 * [...names].reduce((sum, name) => sum + elementCount(family.parameterShapes.get(name)!), 0);
  const alive = largestRun(gradientGraph(student, await blockSize()), family, steps.flat());
  const parameterBytes = bytesOf(family.parameterShapes.keys()) + 2 * bytesOf(trainable);
  // Where passes are summed, the sums stand beside the next pass.
  const gradients = bytesOf(trainable) * (steps.some((step) => step.length > 1) ? 2 : 1);
  const workingBytes = gradients + residentPerAlive * alive;
  const decodingBytes = decodes ? decodingCopies * bytesOf(family.parameterShapes.keys()) : 0;
  const totalBytes = processBytes + parameterBytes + workingBytes + decodingBytes;
  return { parameterBytes, workingBytes, decodingBytes, totalBytes };
}

function largestRun(
  { graph, multiple }: GradientGraph,
  family: StudentFamily,
  batches: readonly (readonly TokenSequence[])[],
): number {
  const seen = new Map<string, Record<string, number>>();
  for (const batch of batches) {
    const sizes = batchDimensions(family, batch, multiple);
    seen.set(JSON.stringify(sizes), sizes);
  }
  return [...seen.values()].reduce((most, sizes) => Math.max(most, peakResultBytes(graph, sizes)), 0);
}

/** The symbolic dimensions of the training graphs, as `batchSequences` fills them. */
export function batchDimensions(
  family: StudentFamily,
  batch: readonly TokenSequence[],
  multiple: number,
): Record<string, number> {
  const { feeds } = batchSequences(family, batch, { multiple });
  const dimensions = (name: string): readonly number[] => (feeds[name] as Tensor).dims;
  const [rows, time] = dimensions("ids") as [number, number];
  const supervised = dimensions("supervised")[0]!;
  const own = { batch: rows, time, tokens: rows * time, supervised };
  if (!isEncoderDecoder(family)) return own;
  const source = dimensions("sourceIds")[1]!;
  return { ...own, source, sourceTokens: rows * source };
}
