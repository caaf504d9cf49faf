/** The embedded engine's side of bench/train-step.ts. argv: model folder, shape, item kind, threads, batches, learning rate. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { batchesOf, type ItemKind, shapes } from "./shapes.ts";
import type { StepTimes } from "./worker.ts";

const [folder, shapeName, kind, threads, batchCount, learningRate] = process.argv.slice(2) as string[];
const shape = shapes.find(({ name }) => name === shapeName)!;
const batches = batchesOf(shape, kind as ItemKind, Number(batchCount));
const student = await onnxEngine.open(folder!, { threads: Number(threads) });
const runtime = JSON.parse(
  readFileSync(new URL(import.meta.resolve("onnxruntime-node/package.json")), "utf8"),
) as {
  version: string;
};
const print = (line: object) => process.stdout.write(JSON.stringify(line) + "\n");
print({ versions: { node: process.versions.node, "onnxruntime-node": runtime.version } });
let next = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const times: StepTimes = { seconds: [], cpuSeconds: [], losses: [], peakMegabytes: 0 };
  for (let i = 0; i < (JSON.parse(line) as { steps: number }).steps; i++) {
    const batch = batches[next++ % batches.length]!;
    const cpu = process.cpuUsage();
    const started = performance.now();
    const { loss } = await student.train([batch], Number(learningRate));
    times.seconds.push((performance.now() - started) / 1000);
    const used = process.cpuUsage(cpu);
    times.cpuSeconds.push((used.user + used.system) / 1e6);
    times.losses.push(loss);
  }
  times.peakMegabytes = process.resourceUsage().maxRSS / 1024;
  print(times);
}
await student.close();
