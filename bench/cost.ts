/**
 * How a training step's time grows with sequence length, batch size and model size: one is varied, the others stay. Prints a
 * Markdown table and writes docs/img/step-cost.svg (times and tokens per second of both axes logarithmic).
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import { median } from "./median.ts";
import { type BenchShape, batchesOf } from "./shapes.ts";
import { type Curve, curvesSvg } from "./svg.ts";
import { writeStudent } from "./train-step.ts";

export interface CostOptions {
  rounds: number;
  threads: number;
  /** SVG file. */
  out: string;
}

const base: BenchShape = {
  name: "cost",
  family: "gpt2",
  layers: 4,
  width: 256,
  heads: 4,
  vocabularySize: 4096,
  rows: 8,
  time: 128,
};
const widths = [128, 256, 384, 512];
const series: readonly {
  title: string;
  unit: string;
  x: (shape: BenchShape, parameters: number) => number;
  shapes: BenchShape[];
}[] = [
  {
    title: "sequence length",
    unit: "tokens",
    x: ({ time }) => time,
    shapes: [32, 64, 128, 256, 512].map((time) => ({ ...base, time })),
  },
  {
    title: "batch size",
    unit: "sequences",
    x: ({ rows }) => rows,
    shapes: [1, 2, 4, 8, 16, 32].map((rows) => ({ ...base, rows })),
  },
  {
    title: "model size",
    unit: "M parameters",
    x: (_, parameters) => parameters / 1e6,
    shapes: widths.map((width) => ({ ...base, width, heads: width / 64, layers: width / 64 })),
  },
];

export async function benchCost(options: CostOptions): Promise<void> {
  const threads = options.threads > 0 ? options.threads : cpus().length;
  console.log(
    `cost of a training step, all positions supervised, ${threads} threads; median of ${options.rounds} steps\n`,
  );
  console.log("| varied | value | tokens per step | ms per step | tokens/s |");
  console.log("|---|---|---|---|---|");
  const curves: Curve[] = [];
  for (const { title, unit, x, shapes } of series) {
    const points: { x: number; y: number }[] = [];
    for (const shape of shapes) {
      const { parameters, seconds } = await stepSeconds(shape, options.rounds, threads);
      const value = x(shape, parameters);
      const tokens = shape.rows * shape.time;
      const cells = [
        title,
        `${Number(value.toPrecision(3))} ${unit}`,
        tokens,
        (1000 * seconds).toFixed(1),
        Math.round(tokens / seconds),
      ];
      console.log(`| ${cells.join(" | ")} |`);
      console.error(`cost: ${title} ${value.toPrecision(3)}`);
      points.push({ x: value, y: 1000 * seconds });
    }
    curves.push({ title: `${title}, ${unit}`, points });
  }
  await mkdir(dirname(options.out), { recursive: true });
  await writeFile(options.out, curvesSvg("Milliseconds per training step", curves));
  console.log(`\nwrote ${options.out}`);
}

async function stepSeconds(
  shape: BenchShape,
  rounds: number,
  threads: number,
): Promise<{ parameters: number; seconds: number }> {
  const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
  try {
    const parameters = await writeStudent(shape, folder);
    const student = await onnxEngine.open(folder, { threads });
    try {
      const times: number[] = [];
      // The first step builds the graph.
      for (const [i, batch] of batchesOf(shape, "full", rounds + 1).entries()) {
        const started = performance.now();
        await student.train([batch], 1e-4);
        if (i > 0) times.push((performance.now() - started) / 1000);
      }
      return { parameters, seconds: median(times) };
    } finally {
      await student.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
