/** Run folders of finished cells as a run leaves them, written by hand: the grid and the table need no training. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cell } from "../../src/experiment/grid.ts";
import { loadRecipe } from "../../src/pipeline/config/load.ts";
import { recipeHash } from "../../src/pipeline/run-folder.ts";
import type { MethodResult } from "../../src/report/data.ts";

export interface FakeMethod {
  /** Right or wrong, per test problem. */
  correct: readonly boolean[];
  tokens?: number;
  seconds?: number;
  trainedTokens?: number;
  optimizerSteps?: number;
}

export function methodResult({
  correct,
  tokens = 50,
  seconds = 0.5,
  trainedTokens = 1000,
  optimizerSteps = 20,
}: FakeMethod): MethodResult {
  const right = correct.filter(Boolean).length;
  return {
    accuracy: right / correct.length,
    accuracyStandardError: 0.1,
    accuracyInterval: [0, 1],
    problems: correct.length,
    meanGeneratedTokens: tokens,
    secondsPerProblem: seconds,
    secondsPerProblemBatched: seconds / 4,
    optimizerSteps,
    trainedTokens,
    trainingSeconds: 10,
  };
}

/** Writes what `distill` would leave in a cell's folder. */
export async function writeCell(
  folder: string,
  recipe: string,
  overrides: readonly string[],
  methods: Readonly<Record<string, FakeMethod>>,
): Promise<void> {
  const loaded = await loadRecipe(recipe, overrides);
  await mkdir(join(folder, "eval"), { recursive: true });
  const versions = { skipthink: "0" };
  const manifest = { format: 1, versions, recipeHash: recipeHash(loaded.recipe), recipe: loaded.recipe };
  await writeFile(join(folder, "run.json"), JSON.stringify(manifest));
  const results = Object.entries(methods).map(([name, method]) => [name, methodResult(method)]);
  await writeFile(
    join(folder, "results.json"),
    JSON.stringify({
      task: "coin_flip",
      methods: Object.fromEntries(results),
      skips: { share: 0.25, precision: 0.5, recall: 0.1 },
    }),
  );
  for (const [name, { correct }] of Object.entries(methods)) {
    const lines = correct.map((right, i) => JSON.stringify({ id: `p${i}`, correct: right }));
    await writeFile(join(folder, "eval", `samples_${name}.jsonl`), `${lines.join("\n")}\n`);
  }
}

export const cellOf = (fields: Partial<Cell>): Cell => ({
  id: "run-seed-1",
  setting: {},
  seed: 1,
  overrides: [],
  ...fields,
});
