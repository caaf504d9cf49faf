/** Chunks the rationales with the trained chunk-wise student: the chunking that probing and the report use. */
import { rm } from "node:fs/promises";
import { type ChunkedRationale, chunkRationales } from "../../method/chunk/chunk.ts";
import { mean } from "../../util/mean.ts";
import { type RunContext, type RunStudent, stopIfAsked } from "../context.ts";
import { openPartialResults } from "../partial-results.ts";
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

/** Rationales chunked in one go: what a killed run does again at most. Fixed, so that batches are the same after a resume. */
const blockSize = 512;

interface ChunkedBlock {
  chunks: ChunkedRationale[];
  scoredSequences: number;
  seconds: number;
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
  const partialFile = folder.file("chunks.partial.jsonl");
  const { result, hash, cached } = await runStage<ChunkResult>(
    folder,
    "chunk",
    inputs,
    async (inputsHash) => {
      reporter.stage(title);
      const partial = await openPartialResults<ChunkedBlock>(partialFile, inputsHash);
      const blocks = [...partial.blocks];
      const student = await engine.open(folder.student("cwt-sbc"), { threads: recipe.threads });
      try {
        const { count, search, context: scoring, sharedMarker, maxSweeps } = chunk;
        const options = { count, search, context: scoring, sharedMarker, maxSweeps };
        // Greedy search goes on from its own last result; the global minimum does not depend on where it starts.
        const previous =
          search === "greedy" && count === recipe.chunk.count
            ? new Map(Object.entries(trained.result.boundaries ?? {}))
            : new Map<string, number[]>();
        const total = base.encoded.length;
        for (let from = blocks.length * blockSize; from < total; from += blockSize) {
          const started = performance.now();
          const before = student.counters().scoredSequences;
          const rationales = base.encoded.slice(from, from + blockSize);
          const block = {
            chunks: await chunkRationales(student, rationales, base.markers, options, previous),
            scoredSequences: student.counters().scoredSequences - before,
            seconds: (performance.now() - started) / 1000,
          };
          await partial.append(block);
          blocks.push(block);
          reporter.progress({ done: Math.min(from + blockSize, total), total, unit: "rationale" });
          stopIfAsked(context, "while searching the chunks");
        }
      } finally {
        await student.close();
      }
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
