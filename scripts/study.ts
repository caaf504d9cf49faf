/**
 * Runs a recipe over tasks, budgets and seeds and writes one table: the figures of docs/results.md come from here.
 *
 *   npm run study -- --out runs/study --tasks tracking_shuffled_objects,coin_flip,last_letter_concatenation --seeds 1,2,3
 *
 * Every cell is a run folder of its own (resumable, one thread each, so that two fit two cores). The second budget gives
 * `full` and `answer-only` the trained tokens that the chunk-wise student used; the other methods are the same in both.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { mcNemarExact, meanAndStandardError } from "../src/evaluate/statistics.ts";
import type { MethodResult } from "../src/report/data.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "runs/study" },
    recipe: { type: "string", default: "study" },
    tasks: { type: "string", default: "tracking_shuffled_objects,coin_flip,last_letter_concatenation" },
    seeds: { type: "string", default: "1,2,3" },
    parallel: { type: "string", default: "2" },
    set: { type: "string", multiple: true, default: [] },
  },
});
const cli = resolve(import.meta.dirname, "../../dist/cli/main.js");
const out = resolve(values.out);
mkdirSync(out, { recursive: true });

interface Cell {
  task: string;
  seed: number;
  budget: "epochs" | "trainedTokens";
  folder: string;
}

interface Results {
  methods: Record<string, MethodResult>;
  skips: { share: number; precision?: number; recall?: number };
}

const cells: Cell[] = values.tasks.split(",").flatMap((task) =>
  values.seeds.split(",").flatMap((seed) =>
    (["epochs", "trainedTokens"] as const).map((budget) => ({
      task,
      seed: Number(seed),
      budget,
      folder: join(out, `${task}-${budget}-${seed}`),
    })),
  ),
);

function readResults(folder: string): Results | undefined {
  const path = join(folder, "results.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Results) : undefined;
}

async function distill(cell: Cell, extra: string[]): Promise<void> {
  if (readResults(cell.folder) !== undefined) return;
  const settings = [`task.builtin=${cell.task}`, ...values.set, ...extra].flatMap((set) => ["--set", set]);
  const resume = existsSync(join(cell.folder, "run.json")) ? ["--resume"] : [];
  const args = [
    cli,
    "distill",
    values.recipe,
    "--out",
    cell.folder,
    "--seed",
    String(cell.seed),
    "--threads",
    "1",
    "--quiet",
    ...resume,
    ...settings,
  ];
  const code = await new Promise<number | null>((done) => {
    spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] }).on("exit", done);
  });
  if (code !== 0) throw new Error(`${cell.folder} ended with code ${code}`);
  console.error(`done ${cell.folder}`);
}

/** One task and seed: the run with the budget in epochs, then the plain methods with the tokens that CWT used. */
async function pair(task: string, seed: number): Promise<void> {
  const [first, second] = cells.filter((cell) => cell.task === task && cell.seed === seed) as [Cell, Cell];
  await distill(first, []);
  const tokens = readResults(first.folder)!.methods["cwt-sbc"]!.trainedTokens;
  await distill(second, [
    "methods=[answer-only, full]",
    `train.budget={unit: trainedTokens, amount: ${tokens}}`,
  ]);
}

const queue = values.tasks
  .split(",")
  .flatMap((task) => values.seeds.split(",").map((seed) => [task, Number(seed)] as const));
await Promise.all(
  Array.from({ length: Number(values.parallel) }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await pair(...next);
  }),
);

const lines: string[] = [];
const percent = (share: number) => (100 * share).toFixed(1);
for (const task of values.tasks.split(",")) {
  lines.push(
    `### ${task}`,
    "",
    "| method | budget | accuracy, % | tokens | s / problem | speed-up | trained tokens | steps |",
    "|---|---|---|---|---|---|---|---|",
  );
  const ofTask = (budget: Cell["budget"]) =>
    cells
      .filter((cell) => cell.task === task && cell.budget === budget)
      .map((cell) => readResults(cell.folder)!);
  const byEpochs = ofTask("epochs");
  const byTokens = ofTask("trainedTokens");
  const row = (method: string, budget: string, results: Results[]): void => {
    const of = (key: keyof MethodResult) => results.map(({ methods }) => methods[method]![key] as number);
    const { mean: accuracy, standardError } = meanAndStandardError(of("accuracy"));
    const mean = (key: keyof MethodResult) => meanAndStandardError(of(key)).mean;
    // Latency is set against full of the same seed and budget in epochs, measured the same way.
    const speedUp = meanAndStandardError(
      results.map(
        ({ methods }, i) => byEpochs[i]!.methods.full!.secondsPerProblem / methods[method]!.secondsPerProblem,
      ),
    ).mean;
    lines.push(
      `| ${method} | ${budget} | ${percent(accuracy)}${standardError === undefined ? "" : ` ± ${percent(standardError)}`} | ${mean("meanGeneratedTokens").toFixed(0)} | ${mean("secondsPerProblem").toFixed(2)} | ${speedUp.toFixed(2)}× | ${Math.round(mean("trainedTokens")).toLocaleString("en-US")} | ${Math.round(mean("optimizerSteps")).toLocaleString("en-US")} |`,
    );
  };
  for (const method of Object.keys(byEpochs[0]!.methods)) row(method, "epochs", byEpochs);
  for (const method of Object.keys(byTokens[0]!.methods)) row(method, "CWT's tokens", byTokens);
  const skips = (key: "share" | "precision" | "recall") =>
    meanAndStandardError(byEpochs.map((result) => result.skips[key] ?? 0)).mean;
  lines.push(
    "",
    `Skips: ${percent(skips("share"))} % of the medium chunks, precision ${percent(skips("precision"))} %, recall ${percent(skips("recall"))} %.`,
  );
  lines.push(`McNemar over the pooled test problems: ${pooled(task).join("; ")}.`, "");
}
writeFileSync(join(out, "table.md"), lines.join("\n"));
console.log(lines.join("\n"));

/** Exact McNemar tests over the problems of all seeds. */
function pooled(task: string): string[] {
  const folders = cells
    .filter((cell) => cell.task === task && cell.budget === "epochs")
    .map(({ folder }) => folder);
  const correct = (method: string): boolean[] =>
    folders.flatMap((folder) =>
      readFileSync(join(folder, "eval", `samples_${method}.jsonl`), "utf8")
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { correct: boolean }).correct),
    );
  const pairs = [
    ["cwt-sbc", "full"],
    ["cwt-sbc", "cwt-ac"],
    ["stt", "cwt-sbc"],
    ["stt", "stt-random"],
  ] as const;
  return pairs.map(([a, b]) => {
    const [first, second] = [correct(a), correct(b)];
    const onlyFirst = first.filter((right, i) => right && !second[i]).length;
    const onlySecond = first.filter((right, i) => !right && second[i]).length;
    return `${a} against ${b}: ${onlyFirst} to ${onlySecond}, p = ${mcNemarExact(onlyFirst, onlySecond).toPrecision(2)}`;
  });
}
