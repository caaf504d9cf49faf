/** How long `skipthink inspect` takes on a student of 4 M parameters and 200 rationales, part by part; the target is three minutes on two cores. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { InspectData } from "../src/analysis/data.ts";

export interface InspectBenchOptions {
  rationales: number;
  threads: number;
}

/** A few optimizer steps: what a measurement costs follows from the student's size and the texts, not from what it knows. */
const recipe = [
  "name: inspect benchmark",
  "task: { builtin: tracking_shuffled_objects, train: 300, dev: 0, test: 40 }",
  "student: { random: { layers: 4, width: 256, heads: 4, contextLength: 512, vocabularySize: 4096 } }",
  "methods: [full, cwt-ac]",
  "train: { budget: { unit: optimizerSteps, amount: 20 }, select: last }",
  "evaluate: { maxNewTokens: 8, latencyProblems: 1 }",
  "",
].join("\n");

export async function benchInspect({ rationales, threads }: InspectBenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "skipthink-bench-inspect-"));
  try {
    const path = join(folder, "recipe.yaml");
    await writeFile(path, recipe);
    const run = join(folder, "run");
    await command(["distill", path, "--out", run, "--quiet", "--threads", `${threads}`]);
    const started = performance.now();
    const printed = await command([
      "inspect",
      run,
      "--rationales",
      `${rationales}`,
      "--threads",
      `${threads}`,
      "--json",
      "--quiet",
    ]);
    const seconds = (performance.now() - started) / 1000;
    const figures = JSON.parse(printed) as Pick<InspectData, "core" | "seconds">;
    const parts = Object.entries(figures.seconds).map(([part, time]) => `${part} ${time.toFixed(1)} s`);
    const { completeRationales, rationales: tested, testedTokens } = figures.core;
    console.log(
      `inspect: ${seconds.toFixed(1)} s (${parts.join(", ")}); ${testedTokens} tokens of ${tested} rationales replaced, ${completeRationales} rationales in full`,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs the built command line (`npm run build`), as a user does. @returns what it prints on stdout */
async function command(argv: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [resolve("dist/cli/main.js"), ...argv], {
    maxBuffer: 256 * 1024 * 1024,
  });
  return stdout;
}
