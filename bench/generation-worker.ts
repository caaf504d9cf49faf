/** The embedded engine's side of bench/generation.ts and bench/decode.ts. argv: model folder, file of prompts, threads. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import type { StepTimes } from "./worker.ts";

const [folder, file, threads] = process.argv.slice(2) as string[];
const { prompts, newTokens } = JSON.parse(readFileSync(file!, "utf8")) as {
  prompts: number[][];
  newTokens: number;
};
const student = await onnxEngine.open(folder!, { threads: Number(threads) });
const print = (line: object) => process.stdout.write(JSON.stringify(line) + "\n");
print({ versions: {} });
for await (const line of createInterface({ input: process.stdin })) {
  // `losses` carries the tokens written, row by row, to compare both sides.
  const times: StepTimes = { seconds: [], cpuSeconds: [], losses: [], peakMegabytes: 0 };
  for (let i = 0; i < (JSON.parse(line) as { steps: number }).steps; i++) {
    const started = performance.now();
    const generations = await student.generate(
      prompts.map((prompt) => ({ prompt, context: [] })),
      { maxNewTokens: newTokens, stopTokens: [], batchSize: prompts.length },
    );
    times.seconds.push((performance.now() - started) / 1000);
    times.losses = generations.flatMap(({ tokens }) => tokens);
  }
  times.peakMegabytes = process.resourceUsage().maxRSS / 1024;
  print(times);
}
await student.close();
