/**
 * Two processes score, search, probe and decode what one does: the same results, in the same order. Needs Python with torch, so it
 * runs by `npm run test:torch` (SKIPTHINK_TORCH=1) only; a plain test run shows it as skipped.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, Generation, Student } from "../../src/engine/engine.ts";
import { TorchEngine, type TorchOptions } from "../../src/engine/torch/student.ts";
import { chunkRationales } from "../../src/method/chunk/chunk.ts";
import { forcedJudge } from "../../src/method/probe/judge.ts";
import { probeRationales } from "../../src/method/probe/probe.ts";
import { RandomStream } from "../../src/util/random.ts";
import { golden, grown, largestDifference, rationales } from "./material.ts";

/** Of each start and each student, on a machine that others use too. */
const limit = 10 * 60_000;
const sharding = ["ddp", "fsdp"] as const;
const names = ["gpt2-tied", "../golden-t5/relu-tied"];
type Material = Awaited<ReturnType<typeof grown>>;

const engineOf = (options: Pick<TorchOptions, "processes" | "sharding">): TorchEngine =>
  new TorchEngine({
    device: "cpu",
    threads: 1,
    torchrunArguments: [],
    precision: "float32",
    gradientCheckpointing: false,
    compile: false,
    ...options,
  });

/** The work with one student, opened for it. */
async function withStudent<T>(
  engine: Engine,
  name: string,
  work: (student: Student, material: Material) => Promise<T>,
): Promise<T> {
  const material = await grown(name);
  const student = await engine.open(join(golden, name), { vocabularySize: material.vocabulary, seed: 3 });
  const result = await work(student, material);
  await student.close();
  return result;
}

/** Everything that is shared out over ranks, on work that does not divide by two. */
async function everything(student: Student, { vocabulary, markers }: Material) {
  const random = new RandomStream(11, "two-ranks");
  const tokens = (length: number): number[] => Array.from({ length }, () => random.below(vocabulary));
  const sequences = Array.from({ length: 13 }, () => ({
    prompt: tokens(1 + random.below(9)),
    context: tokens(random.below(9)),
    target: tokens(1 + random.below(9)),
  }));
  const scores = await student.score(sequences, {
    alsoTokens: [1, vocabulary - 1],
    alternatives: true,
    maxTokensPerBatch: 60,
  });
  // One sequence leaves the second rank without any.
  const lone = await student.score(sequences.slice(0, 1));
  const encoded = rationales(vocabulary, 17);
  const chunks = await chunkRationales(student, encoded, markers, {
    count: 3,
    search: "exact",
    context: "shared",
    sharedMarker: "answer",
    maxSweeps: 5,
    maxTokensPerBatch: 120,
  });
  const asked = encoded.map((one, i) => ({
    prompt: [markers.answer, ...one.question],
    context: [...one.steps.slice(0, chunks[i]!.boundaries.at(-2)).flat(), ...one.arrow],
  }));
  const told: number[][] = asked.map(() => []);
  const greedy = await student.generate(asked, {
    maxNewTokens: 7,
    stopTokens: [3, 5, 8],
    batchSize: 3,
    onToken: (i, token) => told[i]!.push(token),
  });
  expect(told).toEqual(greedy.map((one) => one.tokens));
  const alone = await student.generate(asked.slice(0, 1), {
    maxNewTokens: 4,
    stopTokens: [],
    suppressTokens: [greedy[0]!.tokens[0]!, markers.answer],
  });
  expect(alone[0]!.tokens).not.toContain(greedy[0]!.tokens[0]);
  const sampled = await student.generate(asked, {
    maxNewTokens: 5,
    stopTokens: [2],
    temperature: 0.8,
    seed: 4,
    batchSize: 4,
  });
  // The student's own greedy answer is gold, so that verdicts depend on what is removed.
  const probed = await probeRationales(
    student,
    encoded.map((one, i) => ({ ...one, answer: greedy[i]!.tokens.slice(0, 1) })),
    new Map(chunks.map(({ rationaleId, boundaries }) => [rationaleId, boundaries])),
    markers,
    forcedJudge(student, { maxTokensPerBatch: 90 }),
    { decision: "cumulative", onWrong: "keep", answerChunk: "shown", criterion: "answer", maxNllRise: 0.1 },
  );
  return {
    scores: [...scores, ...lone],
    chunks,
    greedy,
    alone,
    sampled,
    probed,
    counters: student.counters(),
  };
}

describe.runIf(process.env.SKIPTHINK_TORCH)("two ranks", () => {
  const expected = new Map<string, Awaited<ReturnType<typeof everything>>>();
  // One process does the same with either sharding, so it does it once.
  beforeAll(async () => {
    const engine = engineOf({ processes: 1, sharding: "ddp" });
    try {
      for (const name of names) expected.set(name, await withStudent(engine, name, everything));
    } finally {
      await engine.close();
    }
  }, limit);

  describe.each(sharding)("%s", (mode) => {
    const engine = engineOf({ processes: 2, sharding: mode });
    // Starting two processes takes longer than the work where others have the processors.
    beforeAll(() => withStudent(engine, names[0]!, async () => undefined), limit);
    afterAll(() => engine.close(), limit);

    it.each(names)(
      "%s: scores, chunks, verdicts and texts are those of one",
      async (name) => {
        const one = expected.get(name)!;
        const two = await withStudent(engine, name, everything);
        expect(two.scores).toHaveLength(one.scores.length);
        one.scores.forEach((score, i) => {
          const other = two.scores[i]!;
          expect(largestDifference(other.logProbabilities, score.logProbabilities)).toBeLessThan(1e-5);
          score.alsoLogProbabilities.forEach((also, k) => {
            expect(largestDifference(other.alsoLogProbabilities[k]!, also)).toBeLessThan(1e-5);
          });
          expect([other.isArgmax, other.alternatives]).toEqual([score.isArgmax, score.alternatives]);
        });
        const boundaries = ({ chunks }: typeof one) => chunks.map((chunk) => chunk.boundaries);
        expect(boundaries(two)).toEqual(boundaries(one));
        const costs = ({ chunks }: typeof one) => chunks.flatMap(({ chunkNll }) => chunkNll);
        expect(largestDifference(costs(two), costs(one))).toBeLessThan(1e-5);
        const verdicts = ({ probed }: typeof one) =>
          probed.map(({ wholeRight, chunks }) => [wholeRight, chunks.map(({ skipped }) => skipped)]);
        expect(verdicts(two)).toEqual(verdicts(one));
        expect([two.greedy, two.alone, two.sampled]).toEqual([one.greedy, one.alone, one.sampled]);
        // A call is cut into more batches when every rank takes its share of it.
        const { forwardPasses, ...counts } = two.counters;
        expect(counts).toEqual({ ...one.counters, forwardPasses: undefined });
        expect(forwardPasses).toBeGreaterThanOrEqual(one.counters.forwardPasses);
        // Comparisons of results that are all alike would show nothing.
        const kinds = (values: readonly unknown[]): number => new Set(values.map(String)).size;
        expect(kinds(verdicts(one).flat(2))).toBeGreaterThan(1);
        expect(kinds(boundaries(one))).toBeGreaterThan(1);
        expect(kinds(one.greedy.map(({ tokens }: Generation) => tokens))).toBeGreaterThan(1);
      },
      limit,
    );
  });
});
