/**
 * `context: staged`: every candidate chunk in its exact training prompt, `[m]`, question, earlier steps. Candidates of one
 * stage that start at the same step differ only in where they end, so they share a sequence; that leaves at most S·M
 * sequences per rationale. The reference that `shared` is compared with.
 */
import type { SequenceScore, TokenSequence } from "../../engine/engine.ts";
import type { EncodedRationale } from "../items/encode.ts";
import { type Markers, markerOfStage } from "../items/markers.ts";
import type { ChunkCost } from "./cost.ts";
import { StepLosses } from "./token-losses.ts";

/** Where chunk m may start, and the furthest step it may reach, if each of `chunks` chunks has at least one step. */
interface Candidates {
  m: number;
  from: number;
  furthest: number;
}

function candidates(steps: number, chunks: number): Candidates[] {
  return Array.from({ length: chunks }, (_, index) => {
    const furthest = steps - (chunks - 1 - index);
    const lastStart = index === 0 ? 0 : furthest - 1;
    return Array.from({ length: lastStart - index + 1 }, (_, offset) => ({
      m: index + 1,
      from: index + offset,
      furthest,
    }));
  }).flat();
}

/** The sequences to score, one per (stage, first step). */
export function stagedSequences(encoded: EncodedRationale, count: number, markers: Markers): TokenSequence[] {
  const { steps, question } = encoded;
  return candidates(steps.length, Math.min(count, steps.length)).map(({ m, from, furthest }) => ({
    prompt: [markerOfStage(markers, m), ...question],
    context: steps.slice(0, from).flat(),
    target: steps.slice(from, furthest).flat(),
  }));
}

/** @param scores those of `stagedSequences`, in its order */
export function stagedCost(
  encoded: EncodedRationale,
  count: number,
  scores: readonly SequenceScore[],
): ChunkCost {
  const { steps, rationaleId } = encoded;
  const table = new Map<string, StepLosses>();
  candidates(steps.length, Math.min(count, steps.length)).forEach(({ m, from, furthest }, i) => {
    table.set(`${m}/${from}`, new StepLosses(steps.slice(from, furthest), scores[i]!, rationaleId));
  });
  return {
    steps: steps.length,
    cost: (m, from, to) => table.get(`${m}/${from}`)!.meanNll(0, to - from),
  };
}
