/**
 * Single-stream greedy decoding against transformers.js on the model that `skipthink export` writes: random weights, one prompt,
 * in turns. transformers.js is half a gigabyte, so it is no dependency; SKIPTHINK_TRANSFORMERS_JS names a folder made by
 *
 *   mkdir tjs && cd tjs && npm init -y && npm install --ignore-scripts @huggingface/transformers@4.3.1
 *
 * Prints a Markdown table; says so where the two sides do not write the same tokens.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { writeOnnxFolder } from "../src/engine/onnx/export.ts";
import { loadModel } from "../src/engine/onnx/load.ts";
import { RandomStream } from "../src/util/random.ts";
import { median } from "./median.ts";
import { type BenchShape, shapes } from "./shapes.ts";
import { writeStudent } from "./train-step.ts";
import { Worker } from "./worker.ts";

export interface DecodeOptions {
  rounds: number;
  threads: number;
}

const [promptTokens, newTokens] = [64, 128];
/** The sizes of models/base (with grouped heads, as Qwen2 has them), and the middle GPT-2. */
const decoded: readonly BenchShape[] = [
  {
    name: "base",
    family: "qwen2",
    layers: 5,
    width: 160,
    heads: 4,
    vocabularySize: 1536,
    rows: 1,
    time: 256,
  },
  shapes.find(({ name }) => name === "14m")!,
];

export async function benchDecode(options: DecodeOptions): Promise<void> {
  const place = process.env.SKIPTHINK_TRANSFORMERS_JS;
  if (place === undefined)
    throw new Error(
      "SKIPTHINK_TRANSFORMERS_JS names no folder with transformers.js; bench/decode.ts says how to make one",
    );
  const threads = options.threads > 0 ? options.threads : cpus().length;
  console.log(`single-stream decoding: ${newTokens} tokens after ${promptTokens}, ${threads} threads\n`);
  console.log("| student | skipthink, tok/s | transformers.js, tok/s | speed | tokens |");
  console.log("|---|---|---|---|---|");
  for (const shape of decoded) {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
    try {
      await writeStudent({ ...shape, time: promptTokens + newTokens }, folder);
      const exported = join(folder, "exported");
      await writeOnnxFolder(exported, folder, await loadModel(folder));
      const random = new RandomStream(1, `bench/decode/${shape.name}`);
      const prompt = Array.from({ length: promptTokens }, () => random.below(shape.vocabularySize));
      const file = join(folder, "prompt.txt");
      await writeFile(file, JSON.stringify({ prompts: [prompt], newTokens }));
      await compare(shape.name, folder, exported, file, place, threads, options.rounds);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function compare(
  name: string,
  folder: string,
  exported: string,
  file: string,
  place: string,
  threads: number,
  rounds: number,
): Promise<void> {
  const script = (worker: string): string =>
    join(import.meta.dirname, `${worker}${import.meta.filename.slice(-3)}`);
  const theirs = [place, dirname(exported), basename(exported), String(threads), file];
  const sides = [
    new Worker("skipthink", process.execPath, [script("generation-worker"), folder, file, String(threads)]),
    new Worker("transformers.js", process.execPath, [script("transformers-js-worker"), ...theirs]),
  ];
  try {
    const written: number[][] = [];
    for (const side of sides) {
      await side.start();
      written.push((await side.steps(1)).losses);
    }
    const times: number[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      console.error(`decode ${name}: round ${round + 1} of ${rounds}`);
      for (const [i, side] of sides.entries()) times[i]!.push(...(await side.steps(1)).seconds);
    }
    const [own, other] = times.map((seconds) => newTokens / median(seconds)) as [number, number];
    const first = written[0]!.findIndex((token, i) => token !== written[1]![i]);
    const same = first < 0 && written[1]!.length === newTokens ? "the same" : `differ from token ${first} on`;
    console.log(
      `| ${name} | ${own.toFixed(0)} | ${other.toFixed(0)} | ${(own / other).toFixed(2)}x | ${same} |`,
    );
  } finally {
    for (const side of sides) side.stop();
  }
}
