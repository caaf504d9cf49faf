/**
 * transformers.js' side of bench/decode.ts. argv: folder of @huggingface/transformers, models folder, model name, threads, file
 * of one prompt and the number of new tokens.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { StepTimes } from "./worker.ts";

/** What is used of the package, which is not among the dependencies and has no types here. */
interface TransformersJs {
  env: { allowRemoteModels: boolean; localModelPath: string; version: string };
  Tensor: new (type: string, data: BigInt64Array, dims: number[]) => unknown;
  AutoModelForCausalLM: {
    from_pretrained(
      name: string,
      options: object,
    ): Promise<{ generate(inputs: object): Promise<{ tolist(): bigint[][] }> }>;
  };
}

const [place, models, name, threads, file] = process.argv.slice(2) as string[];
const entry = createRequire(`${place}/package.json`).resolve("@huggingface/transformers");
const { env, Tensor, AutoModelForCausalLM } = (await import(pathToFileURL(entry).href)) as TransformersJs;
env.allowRemoteModels = false;
env.localModelPath = models!;
const model = await AutoModelForCausalLM.from_pretrained(name!, {
  dtype: "fp32",
  device: "cpu",
  session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});
const { prompts, newTokens } = JSON.parse(readFileSync(file!, "utf8")) as {
  prompts: number[][];
  newTokens: number;
};
const prompt = prompts[0]!;
const ids = (values: readonly number[]) =>
  new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
const print = (line: object) => process.stdout.write(JSON.stringify(line) + "\n");
print({ versions: { "@huggingface/transformers": env.version } });
for await (const line of createInterface({ input: process.stdin })) {
  // `losses` carries the tokens written, to compare both sides.
  const times: StepTimes = { seconds: [], cpuSeconds: [], losses: [], peakMegabytes: 0 };
  for (let i = 0; i < (JSON.parse(line) as { steps: number }).steps; i++) {
    const started = performance.now();
    const output = await model.generate({
      inputs: ids(prompt),
      attention_mask: ids(prompt.map(() => 1)),
      do_sample: false,
      max_new_tokens: newTokens,
      // Never reached: both sides write all tokens.
      eos_token_id: -1,
    });
    times.seconds.push((performance.now() - started) / 1000);
    times.losses = output.tolist()[0]!.slice(prompt.length).map(Number);
  }
  times.peakMegabytes = process.resourceUsage().maxRSS / 1024;
  print(times);
}
