/**
 * Staged inference (docs/method.md §5): a chunk-wise student writes chunk after chunk, each under its marker `[m]`, and then the
 * answer under `[answer]`. For analysis: the prompts are exactly those of the training items, so what a student has learnt
 * of each stage can be looked at alone. Serving uses `[answer]`, which needs one prompt only.
 */
import type { Student } from "../../engine/engine.ts";
import type { Markers } from "../items/markers.ts";
import type { Stage } from "../items/types.ts";

export interface StagedOptions {
  /** ` -->`, as EncodedRationale.arrow: what stands between the rationale and the answer. */
  arrow: readonly number[];
  endOfSequence: number;
  /** New tokens of all stages together. */
  maxNewTokens: number;
  /** 0: greedy. */
  temperature?: number;
  seed?: number;
  /** Every token as it comes; the tokens that end a stage are left out. */
  onToken?: (stage: Stage, token: number) => void;
}

export interface StagedGeneration {
  /** Tokens of each chunk, end-of-chunk left out; fewer than M where the student has nothing more to say. */
  chunks: number[][];
  /** Tokens after the arrow, end of sequence left out; empty if the tokens or the context ran out before. */
  answer: number[];
  /** Generated tokens, end tokens included. */
  tokens: number;
  /** false: the token limit or the end of the context came first. */
  finished: boolean;
}

/** @param question tokens of the question with its separator (encodeQuestion), without a marker */
export async function generateStaged(
  student: Student,
  question: readonly number[],
  markers: Markers,
  options: StagedOptions,
): Promise<StagedGeneration> {
  const { contextLength } = student.capabilities();
  const result: StagedGeneration = { chunks: [], answer: [], tokens: 0, finished: false };

  /** One stage's tokens; undefined once there is no room for another stage. */
  const write = async (
    stage: Stage,
    marker: number,
    context: readonly number[],
    end: number,
  ): Promise<{ written: number[]; stopped: boolean } | undefined> => {
    const prompt = [marker, ...question];
    const room = Math.min(
      options.maxNewTokens - result.tokens,
      contextLength - prompt.length - context.length,
    );
    if (room < 1) return undefined;
    const stops = [end, options.endOfSequence];
    const [generation] = await student.generate([{ prompt, context }], {
      maxNewTokens: room,
      stopTokens: stops,
      batchSize: 1,
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      onToken: (_sequence, token) => {
        if (!stops.includes(token)) options.onToken?.(stage, token);
      },
    });
    const { tokens, stopped } = generation!;
    result.tokens += tokens.length;
    return { written: stopped ? tokens.slice(0, -1) : tokens, stopped };
  };

  for (const [index, marker] of markers.stages.entries()) {
    const chunk = await write(index + 1, marker, result.chunks.flat(), markers.endOfChunk);
    if (chunk === undefined) return result;
    // Rationales with fewer steps than M have fewer chunks: nothing before the end token says so.
    if (chunk.written.length === 0) break;
    result.chunks.push(chunk.written);
    if (!chunk.stopped) return result;
  }
  const context = [...result.chunks.flat(), ...options.arrow];
  const answer = await write("answer", markers.answer, context, options.endOfSequence);
  if (answer === undefined) return result;
  result.answer = answer.written;
  result.finished = answer.stopped;
  return result;
}
