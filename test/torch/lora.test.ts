/**
 * LoRA on both engines: the same adapters from the first step on, and the same files. Needs Python with torch and PEFT, so it runs
 * by `npm run test:torch` (SKIPTHINK_TORCH=1) only; a plain test run shows it as skipped.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import type { Engine, OpenOptions, Student, WeightedSequence } from "../../src/engine/engine.ts";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { JobWriter, jobEngine } from "../../src/engine/torch/job-writer.ts";
import { findPython, workerEnvironment } from "../../src/engine/torch/python.ts";
import { TorchEngine } from "../../src/engine/torch/student.ts";
import { openSafetensors } from "../../src/tensor/safetensors.ts";
import { RandomStream } from "../../src/util/random.ts";
import { temporaryFolder } from "../engine/tiny-student.ts";
import { largestDifference } from "./material.ts";

const minutes = 60_000;
const steps = 20;
/** Both layouts of a weight, tied and untied heads, and an encoder-decoder student. */
const students: readonly (readonly [name: string, targets: readonly string[], learningRate: number])[] = [
  ["golden/gpt2-tied", ["c_attn", "mlp.c_proj"], 1e-2],
  ["golden/qwen2-untied", ["all-linear"], 1e-2],
  // As in cross-engine.test.ts: sharp, so that larger steps magnify rounding.
  ["golden-t5/relu-tied", ["q", "v", "wo"], 1e-4],
];

const compute = {
  precision: "float32",
  sharding: "ddp",
  gradientCheckpointing: false,
  compile: false,
} as const;
const torch = new TorchEngine({
  processes: 1,
  device: "cpu",
  threads: 1,
  torchrunArguments: [],
  ...compute,
});
afterAll(() => torch.close(), minutes);

/** A student whose vocabulary grows by three trained tokens; two of its own are trained as well. */
async function adapted(name: string, targets: readonly string[]) {
  const folder = resolve(import.meta.dirname, "..", name);
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as { vocab_size: number };
  const first = config.vocab_size;
  const options: OpenOptions = {
    vocabularySize: first + 3,
    seed: 3,
    threads: 1,
    lora: { rank: 4, alpha: 6, targets, tokens: [2, 5, first, first + 1, first + 2] },
  };
  return { folder, vocabulary: first + 3, options };
}

function batch(vocabulary: number, index: number): WeightedSequence[][] {
  const random = new RandomStream(7, `lora/batch-${index % 4}`);
  const tokens = (length: number): number[] => Array.from({ length }, () => random.below(vocabulary));
  const sequences = [0.3, 0.2, 0.1, 0.25, 0.15].map((weight) => ({
    prompt: [...tokens(1 + random.below(6)), vocabulary - 1],
    context: tokens(random.below(8)),
    target: [...tokens(1 + random.below(12)), 2],
    weight,
  }));
  return [sequences.slice(0, 3), sequences.slice(3)];
}

async function losses(student: Student, vocabulary: number, from: number, to: number, rate: number) {
  const found: number[] = [];
  for (let step = from; step < to; step++)
    found.push((await student.train(batch(vocabulary, step), rate)).loss);
  return found;
}

/** Names and shapes of a file's tensors, in no order. */
async function tensorsOf(path: string): Promise<string[]> {
  const file = await openSafetensors(path);
  const found = file.names.map((name) => `${name} [${file.info(name).shape.join(", ")}]`).sort();
  await file.close();
  return found;
}

describe.runIf(process.env.SKIPTHINK_TORCH)("LoRA on both engines", () => {
  it.each(students)(
    "%s: losses, sizes, answers and saved files agree",
    async (name, targets, learningRate) => {
      const { folder, vocabulary, options } = await adapted(name, targets);
      const work = async (engine: Engine) => {
        const student = await engine.open(folder, options);
        // Only the embedded engine keeps readings.
        const { family: _family, readingBytesPerToken: _bytes, ...sizes } = student.capabilities();
        const trained = await losses(student, vocabulary, 0, steps, learningRate);
        const sequences = batch(vocabulary, 1).flat();
        const scores = await student.score(sequences, { alsoTokens: [2, vocabulary - 1] });
        const written = await student.generate(sequences, { maxNewTokens: 6, stopTokens: [] });
        const saved = join(await temporaryFolder(), "student");
        await student.saveModel(saved);
        await student.close();
        return { sizes, trained, scores, written, saved };
      };
      const [onnx, other] = [await work(onnxEngine), await work(torch)];
      expect(other.sizes).toEqual(onnx.sizes);
      expect(onnx.sizes.trainableParameters).toBeLessThan(onnx.sizes.parameters);
      expect(largestDifference(other.trained, onnx.trained)).toBeLessThan(1e-3);
      // Step 17 has the batch of step 1 again.
      expect(onnx.trained[16]!).toBeLessThan(onnx.trained[0]! - 1e-3);
      expect(other.written).toEqual(onnx.written);
      for (const file of ["model.safetensors", "adapter/adapter_model.safetensors"]) {
        expect(await tensorsOf(join(other.saved, file))).toEqual(await tensorsOf(join(onnx.saved, file)));
      }
      const configs = [onnx, other].map(({ saved }) =>
        readFile(join(saved, "adapter", "adapter_config.json"), "utf8"),
      );
      expect(JSON.parse(await configs[1]!)).toEqual(JSON.parse(await configs[0]!));
      // The merged student is the one that was trained.
      const merged = await onnxEngine.open(other.saved, { threads: 1 });
      const again = await merged.score(batch(vocabulary, 1).flat(), { alsoTokens: [2, vocabulary - 1] });
      await merged.close();
      again.forEach((score, i) => {
        const theirs = other.scores[i]!;
        expect(largestDifference(score.logProbabilities, theirs.logProbabilities)).toBeLessThan(1e-3);
        score.alsoLogProbabilities.forEach((also, k) => {
          expect(largestDifference(also, theirs.alsoLogProbabilities[k]!)).toBeLessThan(1e-3);
        });
      });
    },
    5 * minutes,
  );

  it(
    "each goes on from the other's checkpoint",
    async () => {
      const { folder, vocabulary, options } = await adapted("golden/gpt2-tied", ["all-linear"]);
      for (const [first, second] of [
        [onnxEngine, torch],
        [torch, onnxEngine],
      ] as const) {
        const checkpoint = await temporaryFolder();
        const student = await first.open(folder, options);
        await losses(student, vocabulary, 0, 3, 1e-2);
        await student.saveCheckpoint(checkpoint);
        const expected = await losses(student, vocabulary, 3, 6, 1e-2);
        await student.close();
        const resumed = await second.open(folder, options);
        // Somewhere else before it loads, so that only the checkpoint can make the losses agree.
        await losses(resumed, vocabulary, 1, 2, 1e-2);
        await resumed.loadCheckpoint(checkpoint);
        expect(largestDifference(await losses(resumed, vocabulary, 3, 6, 1e-2), expected)).toBeLessThan(1e-4);
        await resumed.close();
      }
    },
    5 * minutes,
  );

  it(
    "a job has the losses of the embedded engine, and leaves merged weights and adapters",
    async () => {
      const { folder, vocabulary, options } = await adapted("golden/gpt2-tied", ["c_attn"]);
      const job = join(await temporaryFolder(), "job");
      const writer = new JobWriter(job, { compute, checkpointEverySteps: 3, keepCheckpoints: 1, threads: 1 });
      const student = await onnxEngine.open(folder, options);
      const planned = await jobEngine(writer, student.capabilities()).open(folder, options);
      expect(planned.capabilities()).toEqual(student.capabilities());
      await losses(planned, vocabulary, 0, 8, 1e-2);
      const expected = await losses(student, vocabulary, 0, 8, 1e-2);
      await student.close();
      await writer.finish(expected.map(() => ({ epoch: 0, stage: -1 })));
      await promisify(execFile)(findPython(), ["-m", "skipthink_torch", job, "--device", "cpu"], {
        env: workerEnvironment() as NodeJS.ProcessEnv,
      });
      const lines = (await readFile(join(job, "metrics.jsonl"), "utf8")).trim().split("\n");
      const found = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
      expect(largestDifference(found, expected)).toBeLessThan(1e-4);
      expect(await tensorsOf(join(job, "student", "adapter", "adapter_model.safetensors"))).toHaveLength(5);
      const trained = await onnxEngine.open(join(job, "student"), { threads: 1 });
      expect((await trained.train(batch(vocabulary, 0), 0)).loss).toBeLessThan(expected[0]! - 1e-3);
      await trained.close();
    },
    5 * minutes,
  );
});
