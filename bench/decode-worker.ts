/** The embedded engine's side of bench/decode.ts. argv: model folder, threads, file of token ids and the number of new ones. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import type { StepTimes } from "./worker.ts";

const [folder, threads, file] = process.argv.slice(2) as string[];
const { prompt, newTokens } = JSON.parse(readFileSync(file!, "utf8")) as {
  prompt: number[];
  newTokens: number;
};
const student = await onnxEngine.open(folder!, { threads: Number(threads) });
const print = (line: object) => process.stdout.write(JSON.stringify(line) + "\n");
print({ versions: {} });
for await (const line of createInterface({ input: process.stdin })) {
  // `losses` carries the tokens written, to compare both sides.
  const times: StepTimes = { seconds: [], cpuSeconds: [], losses: [], peakMegabytes: 0 };
  for (let i = 0; i < (JSON.parse(line) as { steps: number }).steps; i++) {
    const started = performance.now();
    const [generation] = await student.generate([{ prompt, context: [] }], {
      maxNewTokens: newTokens,
      stopTokens: [],
      batchSize: 1,
    });
    times.seconds.push((performance.now() - started) / 1000);
    times.losses = generation!.tokens;
  }
  times.peakMegabytes = process.resourceUsage().maxRSS / 1024;
  print(times);
}
await student.close();
