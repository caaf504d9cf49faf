/**
 * `context: shared`: one forward pass per rationale. Every chunk is scored in the same prompt (one marker for all), so its
 * cost does not depend on m. The default: with S steps it replaces up to S·M passes.
 */
import type { SequenceScore, TokenSequence } from "../../engine/engine.ts";
import type { EncodedRationale } from "../items/encode.ts";
import { type Markers, markerOfStage } from "../items/markers.ts";
import type { ChunkCost } from "./cost.ts";
import { StepLosses } from "./token-losses.ts";

/** Marker of the shared prompt: `[answer]`, under which whole rationales were trained, or `[M]`, the last stage's. */
export type SharedMarker = "answer" | "last";

/** The one sequence to score: marker, question → all steps. */
export function sharedSequence(
  encoded: EncodedRationale,
  markers: Markers,
  sharedMarker: SharedMarker,
): TokenSequence {
  const marker = sharedMarker === "answer" ? markers.answer : markerOfStage(markers, markers.stages.length);
  return { prompt: [marker, ...encoded.question], context: [], target: encoded.steps.flat() };
}

export function sharedCost(encoded: EncodedRationale, score: SequenceScore): ChunkCost {
  const losses = new StepLosses(encoded.steps, score, encoded.rationaleId);
  return { steps: encoded.steps.length, cost: (_m, from, to) => losses.meanNll(from, to) };
}
