/** What the writer of a job puts into its folder, without a training that plans it. Needs no Python. */
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { OpenOptions } from "../../src/engine/engine.ts";
import { JobWriter, jobEngine } from "../../src/engine/torch/job-writer.ts";
import { writeSuppressedTokens } from "../../src/students/generation-config.ts";
import { temporaryFolder, tinyModel, vocabulary, writeTiny } from "../engine/tiny-student.ts";

const settings = {
  compute: { precision: "float32", sharding: "ddp", gradientCheckpointing: false, compile: false },
  checkpointEverySteps: 3,
  keepCheckpoints: 1,
  threads: 1,
} as const;
const capabilities = {
  contextLength: 64,
  vocabularySize: vocabulary,
  parameters: 1,
  family: "gpt2",
  encoderDecoder: false,
};

interface Plan {
  learningRate?: number;
  weights?: [number, number];
  /** Which of two items the steps train. */
  order?: [number, number];
  oneStep?: boolean;
  options?: OpenOptions;
}

/** @returns the job's folder and what job.json says */
async function written(model: string, plan: Plan = {}) {
  const folder = join(await temporaryFolder(), "job");
  const writer = new JobWriter(folder, settings);
  const engine = jobEngine(writer, capabilities);
  const student = await engine.open(model, { vocabularySize: vocabulary + 2, seed: 3, ...plan.options });
  const [first, second] = plan.weights ?? [1, 1];
  const items = [
    { prompt: [1, 2], context: [], target: [3] },
    { prompt: [4], context: [5], target: [6, 7] },
  ];
  const [a, b] = plan.order ?? [0, 1];
  const batches = [[{ ...items[a]!, weight: first }], [{ ...items[b]!, weight: second }]];
  const steps = plan.oneStep ? [batches] : batches.map((batch) => [batch]);
  for (const step of steps) await student.train(step, plan.learningRate ?? 1e-3);
  // As many lines as with two steps, so that only `steps` tells the plans apart.
  await writer.finish([0, 0].map((epoch) => ({ epoch, stage: -1 })));
  const job = JSON.parse(await readFile(join(folder, "job.json"), "utf8")) as { id: string };
  return { folder, student, id: job.id };
}

it("holds the files themselves of a model that lies behind links, as in the hub's cache", async () => {
  const blobs = await writeTiny();
  const snapshot = join(await temporaryFolder(), "snapshot");
  await mkdir(snapshot);
  const names = (await readdir(blobs)).sort();
  for (const name of names) await symlink(join(blobs, name), join(snapshot, name));
  const { folder } = await written(snapshot);
  expect((await readdir(join(folder, "model"))).sort()).toEqual(names);
  for (const name of names) {
    expect((await lstat(join(folder, "model", name))).isFile(), name).toBe(true);
    expect(await readFile(join(folder, "model", name))).toEqual(await readFile(join(blobs, name)));
  }
});

it("gives the same plan the same id, and another one another", async () => {
  const model = await writeTiny();
  const { id } = await written(model);
  expect((await written(model)).id).toBe(id);
  const lora = { rank: 2, alpha: 4, targets: ["c_attn"], tokens: [] };
  const adapted = { options: { lora } };
  const ids = {
    learningRate: (await written(model, { learningRate: 2e-3 })).id,
    weights: (await written(model, { weights: [0.5, 1.5] })).id,
    sequences: (await written(model, { order: [1, 0] })).id,
    steps: (await written(model, { oneStep: true })).id,
    noise: (await written(model, { options: { seed: 4 } })).id,
    lora: (await written(model, adapted)).id,
    adapters: (await written(model, { options: { lora, seed: 4 } })).id,
    model: (await written(await writeTiny(tinyModel({}, 2)))).id,
  };
  expect(new Set([id, ...Object.values(ids)]).size, JSON.stringify({ id, ...ids })).toBe(9);
});

it("leaves the finished student what its model says of generation, with the suppressed tokens", async () => {
  const model = await writeTiny();
  await writeFile(join(model, "generation_config.json"), '{ "eos_token_id": [0, 9], "pad_token_id": 5 }');
  const { student } = await written(model);
  const target = join(await temporaryFolder(), "student");
  await student.saveModel(target);
  await writeSuppressedTokens(target, [7, 8], 0);
  expect(JSON.parse(await readFile(join(target, "generation_config.json"), "utf8"))).toEqual({
    eos_token_id: [0, 9],
    pad_token_id: 5,
    suppress_tokens: [7, 8],
  });
});
