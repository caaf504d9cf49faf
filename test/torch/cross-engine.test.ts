/**
 * The same work on both engines. Needs Python with torch, so it runs by `npm run test:torch` (SKIPTHINK_TORCH=1) only; a plain
 * test run shows it as skipped.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import type { Engine, Student, TokenSequence, WeightedSequence } from "../../src/engine/engine.ts";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { JobWriter, jobEngine } from "../../src/engine/torch/job-writer.ts";
import { findPython, workerEnvironment } from "../../src/engine/torch/python.ts";
import { TorchEngine } from "../../src/engine/torch/student.ts";
import { chunkRationales } from "../../src/method/chunk/chunk.ts";
import type { PlannedBatch } from "../../src/method/items/types.ts";
import { forcedJudge } from "../../src/method/probe/judge.ts";
import { probeRationales } from "../../src/method/probe/probe.ts";
import { DivergenceGuard } from "../../src/pipeline/guard.ts";
import { RandomStream } from "../../src/util/random.ts";
import {
  temporaryFolder,
  tinyModel,
  vocabulary as tinyVocabulary,
  writeTiny,
} from "../engine/tiny-student.ts";
import { golden, grown, largestDifference, rationales } from "./material.ts";

/** One student per family that is there. */
const students = [
  "gpt2-tied",
  "llama-grouped",
  "qwen2-tied",
  "phi3-grouped",
  "../golden-t5/relu-tied",
  "../golden-t5/gated-untied",
].filter((name) => existsSync(join(golden, name, "config.json")));
/**
 * T5's random students are so sharp that training magnifies rounding, and at the rate of the others the engines do not agree within
 * 1e-3. Measured: at 1e-3 the engines end 8e-2 (relu-tied) and 6e-2 (gated-untied) apart, but PyTorch with the same items cut into
 * other micro-batches ends 3e-2 to 5e-2 from itself. At 1e-4 relu-tied ends 2.3e-3 apart and up to 1.3e-4 from itself: weights start
 * equal to the bit, and after one step a single weight differs, whose gradient is rounding (6.0e-9 and 1.1e-9) beside Adam's
 * epsilon of 1e-8. At 3e-5 every pair, of one engine or two, is within 5e-6, so a difference would be one of the engines.
 */
const learningRateOf = (name: string): number => (name.includes("t5") ? 3e-5 : 1e-3);
const minutes = 60_000;
const steps = 50;

const torch = new TorchEngine({
  processes: 1,
  device: "cpu",
  threads: 1,
  torchrunArguments: [],
  precision: "float32",
  sharding: "ddp",
  gradientCheckpointing: false,
  compile: false,
});
afterAll(() => torch.close(), minutes);

/** Ragged one-chunk items in two micro-batches of unequal weights. */
function batch(vocabulary: number, index: number): WeightedSequence[][] {
  const random = new RandomStream(7, `cross-engine/batch-${index % 5}`);
  const tokens = (length: number): number[] => Array.from({ length }, () => random.below(vocabulary));
  const weights = [0.3, 0.2, 0.1, 0.25, 0.15];
  const sequences = weights.map((weight) => ({
    prompt: tokens(1 + random.below(8)),
    context: tokens(random.below(12)),
    target: tokens(1 + random.below(20)),
    weight,
  }));
  return [sequences.slice(0, 3), sequences.slice(3)];
}

async function withBoth<T>(
  folder: string,
  vocabularySize: number,
  work: (student: Student) => Promise<T>,
): Promise<[T, T]> {
  const run = async (engine: Engine): Promise<T> => {
    const student = await engine.open(folder, { vocabularySize, seed: 3, threads: 1 });
    try {
      return await work(student);
    } finally {
      await student.close();
    }
  };
  return [await run(onnxEngine), await run(torch)];
}

describe.runIf(process.env.SKIPTHINK_TORCH)("both engines", () => {
  it.each(students)(
    "%s: the losses of 50 steps agree, and what the trained student says",
    async (name) => {
      const { folder, vocabulary, markers } = await grown(name);
      const encoded = rationales(vocabulary, 40);
      const learningRate = learningRateOf(name);
      const [onnx, other] = await withBoth(folder, vocabulary, async (student) => {
        const reports = [];
        for (let step = 0; step < steps; step++) {
          reports.push(await student.train(batch(vocabulary, step), learningRate));
        }
        const options = {
          count: 3,
          search: "exact",
          context: "shared",
          sharedMarker: "answer",
          maxSweeps: 5,
        } as const;
        const chunks = await chunkRationales(student, encoded, markers, options);
        // The student's own greedy answer is gold, so that verdicts depend on what is removed.
        const asked = encoded.map((one) => ({
          prompt: [markers.answer, ...one.question],
          context: [...one.steps.slice(0, chunks[0]!.boundaries.at(-2)).flat(), ...one.arrow],
        }));
        const written = await student.generate(asked, { maxNewTokens: 1, stopTokens: [] });
        const probed = await probeRationales(
          student,
          encoded.map((one, i) => ({ ...one, answer: written[i]!.tokens })),
          new Map(chunks.map(({ rationaleId, boundaries }) => [rationaleId, boundaries])),
          markers,
          forcedJudge(student),
          {
            decision: "cumulative",
            onWrong: "keep",
            answerChunk: "shown",
            criterion: "answer",
            maxNllRise: 0.1,
          },
        );
        const sampled = await student.generate(asked, {
          maxNewTokens: 6,
          stopTokens: [2],
          temperature: 0.8,
          seed: 4,
          batchSize: 5,
        });
        // What is written first without it, so that the second best token has its turn.
        const suppressTokens = [
          ...markers.stages,
          markers.answer,
          markers.endOfChunk,
          written[0]!.tokens[0]!,
        ];
        const suppressed = await student.generate(asked, {
          maxNewTokens: 6,
          stopTokens: [2],
          suppressTokens,
        });
        expect(suppressed.flatMap(({ tokens }) => tokens).some((one) => suppressTokens.includes(one))).toBe(
          false,
        );
        const sequences: TokenSequence[] = batch(vocabulary, 1).flat();
        const scores = await student.score(sequences, { alsoTokens: [1, 4], maxTokensPerBatch: 60 });
        // Only the embedded engine keeps readings.
        const { family: _family, readingBytesPerToken: _bytes, ...sizes } = student.capabilities();
        return { reports, chunks, probed, sampled, suppressed, scores, sizes };
      });
      expect(other.sizes).toEqual(onnx.sizes);
      const losses = (found: typeof onnx): number[] => found.reports.map(({ loss }) => loss);
      // Step 46 has the batch of step 1 again.
      expect(losses(onnx)[45]!).toBeLessThan(losses(onnx)[0]! - 0.01);
      expect(largestDifference(losses(onnx), losses(other))).toBeLessThan(1e-3);
      onnx.reports.forEach((report, step) => {
        const { loss: _l, gradientNorm, sequenceLosses, ...counts } = report;
        const {
          loss: _o,
          gradientNorm: otherNorm,
          sequenceLosses: others,
          ...otherCounts
        } = other.reports[step]!;
        expect(otherCounts).toEqual(counts);
        expect(Math.abs(otherNorm / gradientNorm - 1)).toBeLessThan(5e-3);
        expect(largestDifference(others, sequenceLosses)).toBeLessThan(5e-3);
      });
      onnx.scores.forEach((score, i) => {
        expect(largestDifference(other.scores[i]!.logProbabilities, score.logProbabilities)).toBeLessThan(
          1e-2,
        );
        expect(other.scores[i]!.alsoLogProbabilities).toHaveLength(2);
        score.alsoLogProbabilities.forEach((also, k) => {
          expect(largestDifference(other.scores[i]!.alsoLogProbabilities[k]!, also)).toBeLessThan(1e-2);
        });
      });
      expect(other.chunks.map(({ boundaries }) => boundaries)).toEqual(
        onnx.chunks.map(({ boundaries }) => boundaries),
      );
      const verdicts = (found: typeof onnx) =>
        found.probed.map(({ wholeRight, chunks }) => [wholeRight, chunks.map(({ skipped }) => skipped)]);
      expect(verdicts(other)).toEqual(verdicts(onnx));
      // A comparison of verdicts that are all alike would show nothing.
      expect(new Set(onnx.probed.flatMap(({ chunks }) => chunks.map(({ skipped }) => skipped))).size).toBe(2);
      expect(other.sampled).toEqual(onnx.sampled);
      expect(other.suppressed).toEqual(onnx.suppressed);
    },
    5 * minutes,
  );

  it(
    "a student wide enough for products in blocks: losses and gradient norms of 10 steps agree",
    async () => {
      const sizes = { n_embd: 256, n_inner: 512, n_head: 4, initializer_range: 0.05 };
      const folder = await writeTiny(tinyModel(sizes));
      const [onnx, other] = await withBoth(folder, tinyVocabulary, async (student) => {
        const reports = [];
        for (let step = 0; step < 10; step++)
          reports.push(await student.train(batch(tinyVocabulary, step), 1e-3));
        return reports;
      });
      onnx.forEach(({ loss, gradientNorm }, step) => {
        expect(Math.abs(other[step]!.loss - loss)).toBeLessThan(1e-4);
        expect(Math.abs(other[step]!.gradientNorm / gradientNorm - 1)).toBeLessThan(1e-3);
      });
      expect(onnx[5]!.loss).toBeLessThan(onnx[0]!.loss - 0.1);
    },
    minutes,
  );

  it(
    "go on from each other's checkpoints, and load each other's models",
    async () => {
      const { folder, vocabulary } = await grown("gpt2-tied");
      const open = (engine: Engine, from = folder) =>
        engine.open(from, { vocabularySize: vocabulary, seed: 3, threads: 1 });
      for (const [first, second] of [
        [onnxEngine, torch],
        [torch, onnxEngine],
      ] as const) {
        const target = await temporaryFolder();
        const student = await open(first);
        for (let step = 0; step < 3; step++) await student.train(batch(vocabulary, step), 1e-3);
        await student.saveCheckpoint(join(target, "checkpoint"));
        await student.saveModel(join(target, "model"));
        const expected = [];
        for (let step = 3; step < 6; step++)
          expected.push((await student.train(batch(vocabulary, step), 1e-3)).loss);
        await student.close();
        const resumed = await open(second);
        await resumed.loadCheckpoint(join(target, "checkpoint"));
        const found = [];
        for (let step = 3; step < 6; step++)
          found.push((await resumed.train(batch(vocabulary, step), 1e-3)).loss);
        await resumed.close();
        expect(largestDifference(found, expected)).toBeLessThan(1e-4);
        const loaded = await open(second, join(target, "model"));
        expect((await loaded.train(batch(vocabulary, 3), 1e-3)).loss).toBeCloseTo(expected[0]!, 4);
        await loaded.close();
      }
    },
    5 * minutes,
  );
});

describe.runIf(process.env.SKIPTHINK_TORCH)("a job", () => {
  it(
    "has the losses of the embedded engine when it is run elsewhere",
    async () => {
      const { folder, vocabulary } = await grown("gpt2-tied");
      const job = join(await temporaryFolder(), "job");
      const writer = new JobWriter(job, {
        compute: { precision: "float32", sharding: "ddp", gradientCheckpointing: false, compile: false },
        checkpointEverySteps: 100,
        keepCheckpoints: 1,
        threads: 1,
      });
      const options = { vocabularySize: vocabulary, seed: 3, threads: 1 };
      const student = await onnxEngine.open(folder, options);
      const planned = await jobEngine(writer, student.capabilities()).open(folder, options);
      const expected = [];
      for (let step = 0; step < 10; step++) {
        expected.push((await student.train(batch(vocabulary, step), 1e-3)).loss);
        await planned.train(batch(vocabulary, step), 1e-3);
      }
      await student.close();
      const labels = expected.map(() => ({ epoch: 0, stage: 2 }));
      // Five different batches of five sequences, planned twice.
      expect(await writer.finish(labels)).toMatchObject({ steps: 10, items: 25, sequences: 50 });
      await promisify(execFile)(findPython(), ["-m", "skipthink_torch", job, "--device", "cpu"], {
        env: workerEnvironment() as NodeJS.ProcessEnv,
      });
      const text = await readFile(join(job, "metrics.jsonl"), "utf8");
      const lines = text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { loss: number; stage: string });
      expect(
        largestDifference(
          lines.map(({ loss }) => loss),
          expected,
        ),
      ).toBeLessThan(1e-4);
      expect(lines[0]!.stage).toBe("2");
      const trained = await onnxEngine.open(join(job, "student"), { threads: 1 });
      expect(trained.capabilities().vocabularySize).toBe(vocabulary);
      await trained.close();
    },
    5 * minutes,
  );
});

describe.runIf(process.env.SKIPTHINK_TORCH)("a worker that refuses", () => {
  it(
    "says what was refused, and works on",
    async () => {
      const { folder } = await grown("gpt2-tied");
      await expect(torch.open(join(golden, "nothing"))).rejects.toThrow(/config\.json cannot be read/);
      const student = await torch.open(folder);
      await expect(student.loadCheckpoint(folder)).rejects.toThrow(/training-state\.safetensors is missing/);
      expect(
        (await student.generate([{ prompt: [1], context: [] }], { maxNewTokens: 2, stopTokens: [] }))[0]!
          .tokens,
      ).toHaveLength(2);
      await student.close();
    },
    5 * minutes,
  );

  it(
    "tells a loss that is not a number as it is, for the guard to stop the training",
    async () => {
      const { folder, vocabulary } = await grown("gpt2-tied");
      const spoilt = batch(vocabulary, 0).map((micro) =>
        micro.map((one) => ({ ...one, weight: Number.NaN })),
      );
      const student = await torch.open(folder, { vocabularySize: vocabulary, seed: 3 });
      const report = await student.train(spoilt, 1e-3);
      await student.close();
      expect([report.loss, report.gradientNorm]).toEqual([Number.NaN, Number.NaN]);
      expect(report.targetTokens).toBeGreaterThan(0);
      const planned: PlannedBatch = { stage: 1, rationaleIds: ["r1"], microBatches: [] };
      expect(() =>
        new DivergenceGuard().check(report, planned, { method: "full", epoch: 0, step: 1 }),
      ).toThrow(/the loss is not a number \(full, step 1, epoch 1, stage 1; rationales r1\)/);
    },
    5 * minutes,
  );
});
