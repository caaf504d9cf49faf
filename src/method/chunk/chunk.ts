/**
 * SBC, search-based chunking, for a whole data set: score the rationales with the student as it is now, then move the
 * boundaries to where its loss is lowest. The pipeline calls this after the warm-up and then every few epochs.
 */
import type { Student } from "../../engine/engine.ts";
import type { EncodedRationale } from "../items/encode.ts";
import type { Markers } from "../items/markers.ts";
import { averageBoundaries, checkBoundaries } from "./boundaries.ts";
import { type ChunkCost, chunkCosts, objective } from "./cost.ts";
import { searchExact, searchGreedy } from "./search.ts";
import { type SharedMarker, sharedCost, sharedSequence } from "./shared-cost.ts";
import { stagedCost, stagedSequences } from "./staged-cost.ts";

export interface ChunkOptions {
  /** M. A rationale with fewer steps gets one chunk per step. */
  count: number;
  search: "greedy" | "exact";
  context: "shared" | "staged";
  sharedMarker: SharedMarker;
  /** Greedy search stops after this many sweeps. */
  maxSweeps: number;
  /** Bound on padded tokens per forward pass; the engine's own without it. */
  maxTokensPerBatch?: number;
}

/** One line of the chunking history. */
export interface ChunkedRationale {
  rationaleId: string;
  boundaries: number[];
  /** Where the search began: the last chunking, or average chunking. */
  boundariesBefore: number[];
  /** J before and after, nats. */
  objectiveBefore: number;
  objectiveAfter: number;
  /** Mean NLL of each chunk, end-of-chunk included; they sum to `objectiveAfter`. [M] */
  chunkNll: number[];
}

/** Rationales scored per call: enough to fill batches of similar length, few enough to hold their scores. */
const rationalesPerCall = 512;

/**
 * @param previous boundaries by rationale id, where the search continues from; average chunking for the others
 * @returns one result per rationale, in the order given
 * @throws SkipthinkError if previous boundaries do not fit a rationale, or the student's losses are not finite
 */
export async function chunkRationales(
  student: Student,
  encoded: readonly EncodedRationale[],
  markers: Markers,
  options: ChunkOptions,
  previous: ReadonlyMap<string, readonly number[]> = new Map(),
): Promise<ChunkedRationale[]> {
  const results: ChunkedRationale[] = [];
  for (let start = 0; start < encoded.length; start += rationalesPerCall) {
    const part = encoded.slice(start, start + rationalesPerCall);
    const costs = await scoreCosts(student, part, markers, options);
    part.forEach((rationale, i) => {
      results.push(searchOne(rationale, costs[i]!, options, previous.get(rationale.rationaleId)));
    });
  }
  return results;
}

function searchOne(
  { rationaleId, steps }: EncodedRationale,
  costs: ChunkCost,
  options: ChunkOptions,
  previous: readonly number[] | undefined,
): ChunkedRationale {
  if (previous !== undefined) checkBoundaries(previous, steps.length, options.count, rationaleId);
  const before = [...(previous ?? averageBoundaries(steps.length, options.count))];
  const boundaries =
    options.search === "greedy" ? searchGreedy(costs, before, options) : searchExact(costs, options.count);
  return {
    rationaleId,
    boundaries,
    boundariesBefore: before,
    objectiveBefore: objective(costs, before),
    objectiveAfter: objective(costs, boundaries),
    chunkNll: chunkCosts(costs, boundaries),
  };
}

/** One cost table per rationale, from one scoring call for all of them. */
async function scoreCosts(
  student: Student,
  encoded: readonly EncodedRationale[],
  markers: Markers,
  options: ChunkOptions,
): Promise<ChunkCost[]> {
  const sequences = encoded.map((rationale) =>
    options.context === "shared"
      ? [sharedSequence(rationale, markers, options.sharedMarker)]
      : stagedSequences(rationale, options.count, markers),
  );
  const scores = await student.score(sequences.flat(), {
    alsoTokens: [markers.endOfChunk],
    ...(options.maxTokensPerBatch === undefined ? {} : { maxTokensPerBatch: options.maxTokensPerBatch }),
  });
  let next = 0;
  return encoded.map((rationale, i) => {
    const own = scores.slice(next, next + sequences[i]!.length);
    next += own.length;
    return options.context === "shared"
      ? sharedCost(rationale, own[0]!)
      : stagedCost(rationale, options.count, own);
  });
}
