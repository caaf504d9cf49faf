/**
 * Cost of a job folder: writes one with random items, as many and as long as asked for. bench/gpu/read_job.py reads it.
 *
 *     npx tsc -p tsconfig.tools.json && node build/bench/gpu/write-job.js FOLDER [ITEMS] [TOKENS PER ITEM]
 */
import { resolve } from "node:path";
import { onnxEngine } from "../../src/engine/onnx/student.ts";
import { JobWriter } from "../../src/engine/torch/job-writer.ts";
import { RandomStream } from "../../src/util/random.ts";

const [folder, items = "100000", length = "200"] = process.argv.slice(2);
const model = resolve(
  import.meta.dirname,
  import.meta.dirname.includes("/build/") ? "../../.." : "../..",
  "models/base",
);
const itemsPerStep = 8;

const student = await onnxEngine.open(model, { threads: 1 });
const { vocabularySize } = student.capabilities();
await student.close();
const writer = new JobWriter(folder!, {
  compute: { precision: "float32", sharding: "ddp", gradientCheckpointing: false, compile: false },
  checkpointEverySteps: 1000,
  keepCheckpoints: 1,
  threads: 1,
});
await writer.begin(model, {});
const random = new RandomStream(1, "bench/job");
const given = Math.floor(Number(length) * 0.6);
const tokens = (count: number): number[] => Array.from({ length: count }, () => random.below(vocabularySize));
let making = 0;
let writing = 0;
const steps = Math.floor(Number(items) / itemsPerStep);
for (let step = 0; step < steps; step++) {
  const began = performance.now();
  const batch = Array.from({ length: itemsPerStep }, () => ({
    prompt: tokens(given),
    context: [],
    target: tokens(Number(length) - given),
    weight: 1 / itemsPerStep,
  }));
  const made = performance.now();
  await writer.addStep([batch], 1e-4);
  making += made - began;
  writing += performance.now() - made;
}
const began = performance.now();
const written = await writer.finish(Array.from({ length: steps }, () => ({ epoch: 0, stage: -1 })));
writing += performance.now() - began;
console.log(
  JSON.stringify({
    ...written,
    writingSeconds: writing / 1000,
    makingRandomItemsSeconds: making / 1000,
    processorSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  }),
);
