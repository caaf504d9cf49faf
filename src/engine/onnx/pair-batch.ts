/** Token sequences to the dense inputs of an encoder-decoder student: prompts for the encoder, the rest for the decoder. */
import type { TokenSequence } from "../engine.ts";
import {
  type BatchOptions,
  causalMask,
  countingPositions,
  paddedTime,
  type SequenceBatch,
  supervision,
} from "./batch.ts";
import { Tensor } from "./session.ts";

/** Inputs of the encoder: right-padded ids, and which of them are there. */
export function sourceFeeds(
  prompts: readonly (readonly number[])[],
  multiple?: number,
): Record<string, Tensor> {
  const rows = prompts.length;
  const time = paddedTime(Math.max(...prompts.map(({ length }) => length)), rows, multiple);
  const ids = new Int32Array(rows * time);
  const mask = new Float32Array(rows * time);
  prompts.forEach((prompt, row) => {
    if (prompt.length === 0) throw new RangeError(`sequence ${row} needs a prompt for the encoder`);
    ids.set(prompt, row * time);
    mask.fill(-1e9, row * time + prompt.length, (row + 1) * time);
  });
  return {
    sourceIds: new Tensor("int32", ids, [rows, time]),
    sourcePositions: countingPositions(time),
    sourceMask: new Tensor("float32", mask, [rows, 1, 1, time]),
  };
}

/** The decoder reads its start token, the context and the target. */
export function pairBatch(
  sequences: readonly TokenSequence[],
  startToken: number,
  options: BatchOptions = {},
): SequenceBatch {
  // Without `after` the last token predicts nothing, so it need not be read.
  const read = sequences.map(({ context, target }, row) => {
    if (target.length === 0) throw new RangeError(`sequence ${row} needs at least one target token`);
    return [startToken, ...context, ...(options.after === true ? target : target.slice(0, -1))];
  });
  const rows = sequences.length;
  const time = paddedTime(Math.max(...read.map(({ length }) => length)), rows, options.multiple);
  const ids = new Int32Array(rows * time);
  read.forEach((tokens, row) => {
    ids.set(tokens, row * time);
  });
  const source = sourceFeeds(
    sequences.map(({ prompt }) => prompt),
    options.multiple,
  );
  const { supervised, targets, offsets } = supervision(
    sequences,
    ({ context }, row) => row * time + context.length,
    options,
  );
  return {
    feeds: {
      ...source,
      ids: new Tensor("int32", ids, [rows, time]),
      positions: countingPositions(time),
      mask: causalMask(time),
      supervised,
      targets,
    },
    tokens: sequences.reduce((sum, { prompt }, row) => sum + prompt.length + read[row]!.length, 0),
    paddedTokens: source.sourceIds!.size + ids.length,
    offsets,
  };
}
