/**
 * What skipthink's own process does for a rationale while GPUs wait for it: encoding its text, chunk search without the scoring,
 * probing without the scoring, planning an epoch. A student that answers at once stands in for the PyTorch engine. Prints seconds
 * of the processor and memory per rationale, one JSON line.
 *
 *     npx tsc -p tsconfig.tools.json && node --expose-gc build/bench/gpu/host.js [RATIONALES]
 */
import { resolve } from "node:path";
import type { SequenceScore, Student, TokenSequence } from "../../src/engine/engine.ts";
import { chunkRationales } from "../../src/method/chunk/chunk.ts";
import { planEpoch } from "../../src/method/items/batches.ts";
import { answerItem, stageItems } from "../../src/method/items/build.ts";
import { encodeRationale } from "../../src/method/items/encode.ts";
import { findMarkers, markerTokens } from "../../src/method/items/markers.ts";
import { forcedJudge } from "../../src/method/probe/judge.ts";
import { probeRationales } from "../../src/method/probe/probe.ts";
import { loadTokenizer } from "../../src/students/tokenizer.ts";
import { generateBuiltin } from "../../src/tasks/builtin/index.ts";
import { RandomStream } from "../../src/util/random.ts";

const count = Number(process.argv[2] ?? 4000);
const chunks = 4;
const root = resolve(import.meta.dirname, import.meta.dirname.includes("/build/") ? "../../.." : "../..");
const random = new RandomStream(1, "bench/host");

/** Scores of the right shape at once; answers are right, so that every removal is tried. */
const student = {
  score: async (sequences: readonly TokenSequence[]): Promise<SequenceScore[]> =>
    sequences.map(({ target: { length } }) => ({
      logProbabilities: Float32Array.from({ length }, () => -random.next()),
      isArgmax: new Uint8Array(length).fill(1),
      alsoLogProbabilities: [Float32Array.from({ length: length + 1 }, () => -random.next())],
    })),
} as unknown as Student;

const found: Record<string, number> = {};
async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(began);
  found[`${name}Microseconds`] = Math.round((user + system) / count);
  return result;
}

const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

const tokenizer = (await loadTokenizer(resolve(root, "models/base"))).withAddedTokens(markerTokens(chunks));
const markers = findMarkers(tokenizer, chunks);
const before = heap();
const { train } = generateBuiltin("tracking_shuffled_objects", { train: count, dev: 0, test: 0 }, 1);
const withTexts = heap();
const encoded = await measured("encode", async () =>
  train.map((rationale) => encodeRationale(tokenizer, rationale)),
);
const withTokens = heap();
const chunked = await measured("search", () =>
  chunkRationales(student, encoded, markers, {
    count: chunks,
    search: "exact",
    context: "shared",
    sharedMarker: "answer",
    maxSweeps: 20,
  }),
);
const boundaries = new Map(chunked.map((one) => [one.rationaleId, one.boundaries]));
await measured("probe", () =>
  probeRationales(student, encoded, boundaries, markers, forcedJudge(student), {
    decision: "cumulative",
    onWrong: "keep",
    answerChunk: "shown",
    criterion: "continuation",
    maxNllRise: 0.25,
  }),
);
const beforeItems = heap();
const batches = await measured("plan", async () => {
  const items = encoded.flatMap((one) => [
    ...stageItems(one, boundaries.get(one.rationaleId)!, markers),
    answerItem(one, markers),
  ]);
  return planEpoch(items, {
    seed: 1,
    epoch: 0,
    itemsPerBatch: 64,
    tokensPerBatch: 16_384,
    oneStagePerBatch: true,
    schedule: "shuffled",
    keepTogether: false,
  });
});
const withItems = heap();
const tokens = encoded.reduce(
  (sum, { question, steps, arrow, answer }) =>
    sum + question.length + steps.flat().length + arrow.length + answer.length,
  0,
);
console.log(
  JSON.stringify({
    rationales: count,
    tokensEach: Math.round(tokens / count),
    batches: batches.length,
    ...found,
    textBytes: Math.round((withTexts - before) / count),
    tokenBytes: Math.round((withTokens - withTexts) / count),
    itemBytes: Math.round((withItems - beforeItems) / count),
  }),
);
