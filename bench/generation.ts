/**
 * Batched greedy generation, embedded engine against transformers' `generate`: same random GPT-2, same prompts, in turns. Both
 * write all tokens (nothing ends early) with a key-value cache. Prints; asserts nothing but that the tokens are the same.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RandomStream } from "../src/util/random.ts";
import { median } from "./median.ts";
import { shapes } from "./shapes.ts";
import { writeStudent } from "./train-step.ts";
import { Worker } from "./worker.ts";

export interface GenerationOptions {
  shapes: readonly string[];
  rounds: number;
  threads: number;
  pytorch: boolean;
}

const [promptCount, promptTokens, newTokens] = [64, 64, 128];

export async function benchGeneration(options: GenerationOptions): Promise<void> {
  const threads = options.threads > 0 ? options.threads : cpus().length;
  console.log(
    `generation, ${promptCount} prompts of up to ${promptTokens} tokens x ${newTokens} new ones, greedy, ${threads} threads`,
  );
  for (const shape of shapes.filter(({ name }) => options.shapes.includes(name))) {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
    try {
      await writeStudent({ ...shape, time: promptTokens + newTokens }, folder);
      const random = new RandomStream(1, `bench/generation/${shape.name}`);
      const prompts = Array.from({ length: promptCount }, () =>
        Array.from({ length: random.between(promptTokens / 2, promptTokens) }, () =>
          random.below(shape.vocabularySize),
        ),
      );
      const file = join(folder, "prompts.json");
      await writeFile(file, JSON.stringify({ prompts, newTokens }));
      const common = [folder, file, String(threads)];
      const script = `generation-worker${import.meta.filename.slice(-3)}`;
      const sides = [
        new Worker("skipthink", process.execPath, [join(import.meta.dirname, script), ...common]),
      ];
      if (options.pytorch) {
        const python = process.env.SKIPTHINK_PYTHON ?? "python3";
        sides.push(
          new Worker("transformers", python, [resolve("bench/transformers_generation.py"), ...common]),
        );
      }
      await compare(shape.name, sides, options.rounds);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function compare(shape: string, sides: readonly Worker[], rounds: number): Promise<void> {
  try {
    for (const side of sides) await side.start();
    const written: number[][] = [];
    for (const side of sides) written.push((await side.steps(1)).losses);
    const times = sides.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, side] of sides.entries()) times[i]!.push(...(await side.steps(1)).seconds);
    }
    const medians = times.map((seconds) => median(seconds));
    medians.forEach((seconds, i) => {
      const name = ["skipthink", "transformers"][i]!.padEnd(12);
      const rate = Math.round((promptCount * newTokens) / seconds).toLocaleString("en");
      console.log(
        `  ${shape.padEnd(5)} ${name} ${seconds.toFixed(2).padStart(7)} s  ${rate.padStart(7)} tok/s`,
      );
    });
    if (medians.length === 2) {
      // Float32 sums in another order may turn a near tie, and all that follows it; random weights have few of them.
      const [own, other] = written as [number[], number[]];
      const equal = own.filter((token, i) => token === other[i]).length;
      const same = equal === own.length ? "the same tokens" : `${equal} of ${own.length} tokens the same`;
      console.log(
        `  ${shape.padEnd(5)} ${(medians[1]! / medians[0]!).toFixed(2)}x transformers' speed; ${same}`,
      );
    }
  } finally {
    for (const side of sides) side.stop();
  }
}
