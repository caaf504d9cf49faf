/** Chunks the rationales with the trained chunk-wise student: the chunking that probing and the report use. */
import { type ChunkedRationale, chunkRationales } from "../../method/chunk/chunk.ts";
import { mean } from "../../util/mean.ts";
import { type RunContext, type RunStudent, stopIfAsked } from "../context.ts";
import { runStage } from "../run-folder.ts";
import type { TrainResult } from "./train.ts";

export interface ChunkResult {
  rationales: number;
  scoredSequences: number;
  meanObjectiveBefore: number;
  meanObjectiveAfter: number;
  seconds: number;
}

export interface Chunked {
  result: ChunkResult;
  hash: string;
  /** Chunks per rationale that were asked for: of probing, where it has a number of its own. */
  count: number;
  chunks: ChunkedRationale[];
}

export async function chunkStage(
  context: RunContext,
  base: RunStudent,
  trained: { result: TrainResult; hash: string },
): Promise<Chunked> {
  const { folder, recipe, reporter, engine } = context;
  const title = "chunk";
  // Skipping may cut finer than training: a chunk that holds one needed step cannot go, however much else is in it.
  const chunk = { ...recipe.chunk, count: recipe.probe.chunks ?? recipe.chunk.count };
  const inputs = { student: trained.hash, chunk };
  const { result, hash, cached } = await runStage<ChunkResult>(folder, "chunk", inputs, async () => {
    reporter.stage(title);
    const student = await engine.open(folder.student("cwt-sbc"), { threads: recipe.threads });
    try {
      const started = performance.now();
      const { count, search, context: scoring, sharedMarker, maxSweeps } = chunk;
      // Greedy search goes on from its own last result; the global minimum does not depend on where it starts.
      const previous =
        search === "greedy" && count === recipe.chunk.count
          ? new Map(Object.entries(trained.result.boundaries ?? {}))
          : undefined;
      const chunks = await chunkRationales(
        student,
        base.encoded,
        base.markers,
        {
          count,
          search,
          context: scoring,
          sharedMarker,
          maxSweeps,
          onProgress: (done) => {
            reporter.progress({ done, total: base.encoded.length, unit: "rationale" });
            stopIfAsked(context, "while searching the chunks");
          },
        },
        previous,
      );
      await folder.writeJsonLines(chunks, "chunks.jsonl");
      return {
        rationales: chunks.length,
        scoredSequences: student.counters().scoredSequences,
        meanObjectiveBefore: mean(chunks.map(({ objectiveBefore }) => objectiveBefore)),
        meanObjectiveAfter: mean(chunks.map(({ objectiveAfter }) => objectiveAfter)),
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await student.close();
    }
  });
  if (cached) reporter.stageSkipped(title, "unchanged");
  return {
    result,
    hash,
    count: chunk.count,
    chunks: await folder.readJsonLines<ChunkedRationale>("chunks.jsonl"),
  };
}
