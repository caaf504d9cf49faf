/** `skipthink experiment`: a grid of runs and one table. */
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { Command } from "commander";
import type { KnownHashes } from "../../experiment/cell-inputs.ts";
import type { CellResult } from "../../experiment/cell-result.ts";
import { cellProcesses } from "../../experiment/child.ts";
import { type ExperimentEstimate, estimateExperiment } from "../../experiment/estimate.ts";
import {
  accuracyError,
  type ExperimentFigures,
  errorNote,
  joinedVersions,
  progressText,
} from "../../experiment/figures.ts";
import { finishedCells } from "../../experiment/finished-cells.ts";
import { type Cell, gridCells } from "../../experiment/grid.ts";
import { type CellEnd, runCells } from "../../experiment/run-cells.ts";
import { type SummaryRow, summarize } from "../../experiment/summary.ts";
import { writeExperiment } from "../../experiment/write.ts";
import { type Experiment, experimentSchema } from "../../pipeline/config/experiment.ts";
import { loadRecipe } from "../../pipeline/config/load.ts";
import { engineOf } from "../../pipeline/engine.ts";
import { exitCodes, inputError, SkipthinkError } from "../../util/errors.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { formatCount, formatPercent, formatSeconds } from "../terminal/format.ts";
import { installInterruptHandler } from "../terminal/interrupt.ts";
import type { Reporter } from "../terminal/reporter.ts";
import { tableLines } from "../terminal/table.ts";
import { commandLine } from "./command-line.ts";
import {
  addEngineOptions,
  addOutputOptions,
  checkEngineOptions,
  collect,
  type EngineOptions,
  engineOverrides,
  engineWords,
  type OutputOptions,
  wholeNumber,
} from "./options.ts";
import { ofRecipe } from "./recipe-errors.ts";

interface ExperimentOptions extends OutputOptions, EngineOptions {
  out?: string;
  parallel?: number;
  seeds?: string;
  tasks?: string;
  only?: string[];
  set?: string[];
  tensorboard?: boolean;
  dryRun?: boolean;
}

export function registerExperiment(program: Command, io: CliIo): void {
  const command = program
    .command("experiment")
    .description("run a grid of runs, as the recipe's experiment section has it, into one table")
    .argument("<recipe>", "recipe file, or the name of a shipped one")
    .option("--out <folder>", "folder of all runs and the table (default: runs/<recipe>)")
    .option("--parallel <number>", "runs side by side (default: one for each two cores)", wholeNumber(1, 256))
    .option(
      "--threads <number>",
      "threads of all runs together; 0: all logical cores (default: the recipe's)",
      wholeNumber(0, 1024),
    )
    .option("--seeds <list>", "seeds in place of the recipe's, e.g. 1,2,3")
    .option("--tasks <list>", "short for --only task=…")
    .option("--only <axis=values>", "only these values of an axis, e.g. M=2,4 (repeatable)", collect)
    .option("--set <key=value>", "change one value of the recipe in every run (repeatable)", collect)
    .option("--tensorboard", "also write every run's metrics as TensorBoard event files")
    .option("--dry-run", "say which runs there are and what they would take; train nothing");
  addOutputOptions(addEngineOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink experiment study --dry-run
  $ skipthink experiment study --tasks coin_flip --seeds 1,2 --parallel 2
  $ tensorboard --logdir runs/study/cells

Run it again to go on: finished runs are not run again, and a failed one loses none of the others.
--tasks, --seeds and --only say what is run; the tables show every finished run of the grid in the folder.`,
    )
    .action((recipe: string, options: ExperimentOptions) => runExperiment(recipe, options, io));
}

async function runExperiment(path: string, options: ExperimentOptions, io: CliIo): Promise<void> {
  const load = { environment: io.environment };
  const overrides = [
    ...engineOverrides(options),
    ...(options.set ?? []),
    ...(options.tensorboard ? ["report.tensorboard=true"] : []),
  ];
  const { recipe, source } = await loadRecipe(path, overrides, load);
  checkEngineOptions(recipe.engine, options);
  if (recipe.experiment !== undefined && options.set?.some((one) => /^\s*seed\s*=/.test(one)))
    throw inputError(
      "the recipe's experiment has seeds of its own",
      { key: "--set seed" },
      "Use --seeds, for example --seeds 7.",
    );
  const experiment = recipe.experiment ?? experimentSchema.parse({ seeds: [recipe.seed] });
  const cells = gridCells(experiment, {
    overrides,
    only: onlyOf(options),
    ...(options.seeds === undefined ? {} : { seeds: seedsOf(options.seeds) }),
  });
  const label = basename(path)
    .replace(/\.(ya?ml|json)$/i, "")
    .replace(/[^\p{L}\p{N}_.-]+/gu, "-");
  const out = options.out ?? join("runs", label);
  const folder = join(out, "cells");
  const cores = (options.threads ?? recipe.threads) || availableParallelism();
  const parallel = Math.min(cells.length, options.parallel ?? Math.max(1, Math.floor(cores / 2)));
  const threads = Math.max(1, Math.floor(cores / parallel));
  const reporter = reporterOf(io, options.quiet ?? false);
  if (options.dryRun) {
    const where = { recipe: path, folder, parallel, threads, load };
    const engine = engineOf({ ...recipe, threads });
    const estimate = await estimateExperiment(cells, engine, reporter, where)
      .catch(async (error: unknown) => {
        throw await ofRecipe(error, { recipe, source, overrides, environment: io.environment });
      })
      .finally(() => engine.close());
    reporter.finish();
    if (options.json) printJson(io, { dryRun: true, out, parallel, threads, ...estimate });
    else printEstimate(estimate, parallel, threads, io);
    return;
  }

  const command = commandLine(words(path, options, out));
  const known: KnownHashes = new Map();
  reporter.note(`${cells.length} runs, ${parallel} side by side with ${threads} threads each, in ${out}`);
  const processes = cellProcesses(path, threads);
  const interrupt = installInterruptHandler({
    announce: (message) => {
      io.stderr.write(`\n${message}\n`);
      processes.interrupt();
    },
  });
  try {
    const outcome = await runCells(cells, {
      recipe: path,
      folder,
      parallel,
      start: processes.start,
      load,
      known,
      stopRequested: interrupt.stopRequested,
      onEnd: (end, done, total) => reportEnd(end, done, total, reporter),
    });
    const grid = await finishedCells(experiment, cells, outcome, {
      recipe: path,
      folder,
      load,
      overrides,
      known,
    });
    for (const note of grid.notes) reporter.note(note);
    const figures: ExperimentFigures = {
      name: recipe.name,
      command: commandLine(wholeWords(path, options, out, { experiment, cells, results: grid.results })),
      createdAt: new Date().toISOString(),
      versions: joinedVersions(grid.results.map((result) => result.versions)),
      student: recipe.student.model ?? "random weights",
      parallel: grid.results.map((result) => result.parallel),
      cells: grid.results.length + grid.unfinished.length,
      unfinished: grid.unfinished,
      summary: summarize(grid.results, experiment.compare),
      failures: outcome.failures,
    };
    const files = await writeExperiment(out, figures);
    if (!options.quiet) printTable(figures, io);
    if (figures.unfinished.length > 0) reporter.note(progressText(figures));
    if (options.json) {
      const failures = outcome.failures.map(({ cell, message }) => ({ cell: cell.id, message }));
      const { unfinished } = figures;
      printJson(io, { out, files, cells: figures.cells, unfinished, ...figures.summary, failures });
    } else io.stdout.write(`table   ${files.table}\nreport  ${files.page}\n`);
    if (outcome.interrupted)
      throw new SkipthinkError(
        `stopped after ${outcome.results.length} of ${cells.length} runs; the table holds all that are finished`,
        { exitCode: exitCodes.interrupted, remedy: `Go on with: ${command}` },
      );
    if (outcome.failures.length > 0)
      throw new SkipthinkError(`${outcome.failures.length} of ${cells.length} runs failed`, {
        place: { file: folder },
        remedy: "Mend what their messages say and run the same command again; the others are kept.",
      });
  } finally {
    interrupt.uninstall();
  }
}

function reportEnd(end: CellEnd, done: number, total: number, reporter: Reporter): void {
  const count = `${done}/${total}`;
  if (end.kind === "failed")
    reporter.warning(`${count} ${end.failure.cell.id} failed: ${end.failure.message}`);
  else if (end.kind === "unchanged") reporter.note(`${count} ${end.result.cell.id} unchanged`);
  else reporter.note(`${count} ${end.result.cell.id} in ${formatSeconds(end.seconds)}`);
}

/** The table for people, on stderr: stdout holds the result. */
function printTable({ summary }: ExperimentFigures, io: CliIo): void {
  const columns = [
    ...summary.axes.map((title) => ({ title })),
    { title: "method" },
    { title: "budget" },
    ...["seeds", "accuracy", "tokens", "s/problem", "speed-up"].map((title) => ({
      title,
      align: "right" as const,
    })),
  ];
  const rows = summary.rows.map((row) => [
    ...summary.axes.map((axis) => row.setting[axis] ?? ""),
    row.method,
    row.budget,
    String(row.seeds.length),
    accuracyText(row),
    row.meanGeneratedTokens.mean.toFixed(1),
    row.secondsPerProblem.mean.toFixed(3),
    row.speedUp === undefined ? "–" : `${row.speedUp.mean.toFixed(2)}×`,
  ]);
  if (rows.length > 0) io.stderr.write(`${tableLines(columns, rows).join("\n")}\n${errorNote(summary)}\n`);
}

function accuracyText(row: SummaryRow): string {
  const { error, mark } = accuracyError(row);
  return `${formatPercent(row.accuracy.mean)} ± ${(100 * error).toFixed(1)}${mark}`;
}

function printEstimate(estimate: ExperimentEstimate, parallel: number, threads: number, io: CliIo): void {
  const axes = [...new Set(estimate.settings.flatMap(({ setting }) => Object.keys(setting)))];
  const columns = [
    ...axes.map((title) => ({ title })),
    { title: "budget" },
    { title: "runs", align: "right" as const },
    { title: "done", align: "right" as const },
    { title: "each", align: "right" as const },
    { title: "methods" },
  ];
  const rows = estimate.settings.map((one) => [
    ...axes.map((axis) => one.setting[axis] ?? ""),
    one.budget,
    formatCount(one.cells),
    formatCount(one.finished),
    formatSeconds(one.secondsPerCell),
    one.methods.join(" "),
  ]);
  const left = estimate.cells - estimate.finished;
  io.stdout.write(
    `${[
      ...tableLines(columns, rows),
      "",
      `runs      ${formatCount(estimate.cells)}, ${formatCount(left)} of them still to do`,
      `together  about ${formatSeconds(estimate.totalSeconds)}, ${parallel} side by side with ${threads} threads each, on this machine as busy as it is now`,
    ].join("\n")}\n`,
  );
}

function onlyOf({ only = [], tasks }: ExperimentOptions): Record<string, string[]> {
  const all = [...only, ...(tasks === undefined ? [] : [`task=${tasks}`])];
  const chosen = new Map<string, string[]>();
  for (const text of all) {
    const equals = text.indexOf("=");
    const values = text
      .slice(equals + 1)
      .split(",")
      .filter((value) => value !== "");
    if (equals < 1 || values.length === 0)
      throw inputError(
        `"${text}" is not axis=value,value`,
        { key: "--only" },
        "Write, for example, --only M=2,4.",
      );
    const axis = text.slice(0, equals);
    // Given twice, an axis has the values of both.
    chosen.set(axis, [...new Set([...(chosen.get(axis) ?? []), ...values])]);
  }
  return Object.fromEntries(chosen);
}

function seedsOf(text: string): number[] {
  return text.split(",").map((part) => {
    const seed = /^\d{1,10}$/.test(part) ? Number(part) : Number.NaN;
    if (seed <= 0xffff_ffff) return seed;
    throw inputError(
      `"${part}" is not a seed`,
      { key: "--seeds" },
      "Write whole numbers with commas, such as 1,2,3.",
    );
  });
}

/** The command that makes all that the tables show: the selection as it was given, or the whole grid where they show more. */
function wholeWords(
  recipe: string,
  options: ExperimentOptions,
  out: string,
  grid: { experiment: Experiment; cells: readonly Cell[]; results: readonly CellResult[] },
): string[] {
  const selected = new Set(grid.cells.map(({ id }) => id));
  if (grid.results.every(({ cell }) => selected.has(cell.id))) return words(recipe, options, out);
  const { seeds: _seeds, tasks: _tasks, ...others } = options;
  const seeds = new Set([...grid.experiment.seeds, ...grid.results.map(({ cell }) => cell.seed)]);
  const more = seeds.size > new Set(grid.experiment.seeds).size ? { seeds: [...seeds].join(",") } : {};
  return words(recipe, { ...others, ...more, only: [] }, out);
}

function words(recipe: string, options: ExperimentOptions, out: string): string[] {
  const given = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    "experiment",
    recipe,
    ...given("--parallel", options.parallel),
    ...engineWords(options),
    ...given("--seeds", options.seeds),
    ...given("--tasks", options.tasks),
    ...(options.only ?? []).flatMap((one) => ["--only", one]),
    ...(options.set ?? []).flatMap((one) => ["--set", one]),
    ...(options.tensorboard ? ["--tensorboard"] : []),
    "--out",
    out,
  ];
}
