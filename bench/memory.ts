/**
 * The memory that `--dry-run` states against the largest resident set of real training: each shape and kind of items for a few
 * steps in a process of its own, then a few tokens of generation, as between a run's epochs. Prints a Markdown table.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onnxEngine } from "../src/engine/onnx/student.ts";
import type { TrainingMemory } from "../src/engine/onnx/training-memory.ts";
import { batchesOf, type ItemKind, itemKinds, shapes } from "./shapes.ts";
import { writeStudent } from "./train-step.ts";

export const memorySteps = 3;

/** What bench/memory-worker.ts prints; bytes. */
export interface MeasuredMemory {
  training: number;
  generation: number;
}

export async function benchMemory(options: {
  shapes: readonly string[];
  kinds: readonly string[];
  threads: number;
}): Promise<void> {
  const [stated, measured] = ["stated, MB", "measured, MB"];
  console.log(
    `| student | items | ${stated} | ${measured} | ratio | with generation: ${stated} | ${measured} | ratio |`,
  );
  console.log("|---|---|---|---|---|---|---|---|");
  for (const shape of shapes.filter(({ name }) => options.shapes.includes(name))) {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-"));
    try {
      await writeStudent(shape, folder);
      for (const kind of itemKinds.filter((one) => options.kinds.includes(one))) {
        console.error(`memory: ${shape.name} ${kind}`);
        const whole = await statedMemory(folder, shape, kind);
        const stated = whole.totalBytes - whole.decodingBytes;
        const worker = join(import.meta.dirname, `memory-worker${import.meta.filename.slice(-3)}`);
        const { stdout } = await promisify(execFile)(process.execPath, [
          worker,
          folder,
          shape.name,
          kind,
          String(options.threads),
        ]);
        const { training, generation } = JSON.parse(stdout) as MeasuredMemory;
        const cells = [
          shape.name,
          kind,
          megabytes(stated),
          megabytes(training),
          (stated / training).toFixed(2),
        ];
        cells.push(
          megabytes(whole.totalBytes),
          megabytes(generation),
          (whole.totalBytes / generation).toFixed(2),
        );
        console.log(`| ${cells.join(" | ")} |`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function statedMemory(
  folder: string,
  shape: (typeof shapes)[number],
  kind: ItemKind,
): Promise<TrainingMemory> {
  const student = await onnxEngine.open(folder);
  const steps = batchesOf(shape, kind, memorySteps).map((batch) => [batch]);
  const memory = await student.trainingMemory(steps, true);
  await student.close();
  return memory;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
