/** Chunks the rationales with the trained chunk-wise student: the chunking that probing and the report use. */
import { rm } from "node:fs/promises";
import { type ChunkedRationale, chunkRationales } from "../../method/chunk/chunk.ts";
import { mean } from "../../util/mean.ts";
import { scoringBound } from "../chunk-search.ts";
import { type RunContext, type RunStudent, stopIfAsked } from "../context.ts";
import { inBlocks } from "../partial-results.ts";
import { runStage } from "../run-folder.ts";
import { withPrecision } from "./precision.ts";
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

/** Rationales chunked in one go. */
const blockSize = 512;

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
  const partialFile = folder.file("chunks.partial.jsonl");
  const { result, hash, cached } = await runStage<ChunkResult>(
    folder,
    "chunk",
    await withPrecision(context, "chunk", inputs),
    async (inputsHash) => {
      reporter.stage(title);
      const student = await engine.open(folder.trainedStudent("cwt-sbc"), { threads: recipe.threads });
      const { count, search, context: scoring, sharedMarker, maxSweeps } = chunk;
      const options = {
        count,
        search,
        context: scoring,
        sharedMarker,
        maxSweeps,
        ...scoringBound(context),
      };
      // Greedy search goes on from its own last result; the global minimum does not depend on where it starts.
      const previous =
        search === "greedy" && count === recipe.chunk.count
          ? new Map(Object.entries(trained.result.boundaries ?? {}))
          : new Map<string, number[]>();
      const total = base.encoded.length;
      const blocks = await inBlocks(
        { path: partialFile, inputsHash },
        base.encoded,
        blockSize,
        async (rationales) => {
          const before = student.counters().scoredSequences;
          const chunks = await chunkRationales(student, rationales, base.markers, options, previous);
          return { chunks, scoredSequences: student.counters().scoredSequences - before };
        },
        (done) => {
          reporter.progress({ done, total, unit: "rationale" });
          stopIfAsked(context, `after chunking ${done} of ${total} rationales`);
        },
      ).finally(() => student.close());
      const chunks = blocks.flatMap((block) => block.chunks);
      await folder.writeJsonLines(chunks, "chunks.jsonl");
      return {
        rationales: chunks.length,
        scoredSequences: blocks.reduce((sum, { scoredSequences }) => sum + scoredSequences, 0),
        meanObjectiveBefore: mean(chunks.map(({ objectiveBefore }) => objectiveBefore)),
        meanObjectiveAfter: mean(chunks.map(({ objectiveAfter }) => objectiveAfter)),
        seconds: blocks.reduce((sum, { seconds }) => sum + seconds, 0),
      };
    },
    ["chunks.jsonl"],
  );
  await rm(partialFile, { force: true });
  if (cached) reporter.stageSkipped(title, "unchanged");
  return {
    result,
    hash,
    count: chunk.count,
    chunks: await folder.readJsonLines<ChunkedRationale>("chunks.jsonl"),
  };
}
