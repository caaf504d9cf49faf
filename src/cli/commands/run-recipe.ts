/** The run that `demo` and `distill` share: recipe, folder, pipeline, report, and what is printed of them. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { loadRecipe } from "../../pipeline/config/load.ts";
import { distillInto } from "../../pipeline/distill.ts";
import { engineOf } from "../../pipeline/engine.ts";
import { estimateRun } from "../../pipeline/estimate.ts";
import type { ReportSummary } from "../../pipeline/stages/report.ts";
import { exitCodes, SkipthinkError } from "../../util/errors.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { installInterruptHandler } from "../terminal/interrupt.ts";
import type { Reporter } from "../terminal/reporter.ts";
import { versions } from "../version.ts";
import { commandLine } from "./command-line.ts";
import { checkEngineOptions, engineWords, type RunOptions } from "./options.ts";
import { printEstimate } from "./print-estimate.ts";
import { ofRecipe, withPlace } from "./recipe-errors.ts";
import { readResult } from "./verdict.ts";

export interface RecipeRun {
  /** Path or shipped name. */
  recipe: string;
  /** Begins the name of a folder made under runs/. */
  label: string;
  /** The command line without options of the run folder and of output. */
  words: readonly string[];
  overrides: readonly string[];
  options: RunOptions;
}

/** @throws SkipthinkError for everything that a person can mend, interruption (exit 130) included */
export async function runRecipe(run: RecipeRun, io: CliIo): Promise<void> {
  const { options, overrides } = run;
  const { environment } = io;
  const { recipe, source } = await loadRecipe(run.recipe, overrides, { environment });
  checkEngineOptions(recipe.engine, options);
  const engine = engineOf(recipe);
  const reporter = reporterOf(io, options.quiet ?? false);
  const announce = (message: string): void => void io.stderr.write(`\n${message}\n`);
  // A dry run has nothing to save: Ctrl-C ends it as it ends any program.
  const interrupt = options.dryRun ? undefined : installInterruptHandler({ announce });
  try {
    if (interrupt === undefined) {
      const estimate = await estimateRun(recipe, engine, reporter);
      reporter.finish();
      if (options.json) printJson(io, { dryRun: true, recipe: source, ...estimate });
      else printEstimate(estimate, io);
      return;
    }
    const path = options.out ?? defaultFolder(run.label, options.resume ?? false);
    const command = commandLine([...run.words, ...settingWords(options), "--out", path]);
    const summary = await resumable(`${command} --resume`, () =>
      distillInto(path, {
        recipe,
        engine,
        command,
        versions: versions(),
        resume: options.resume ?? false,
        reporter,
        stopRequested: interrupt.stopRequested,
        onOpen: (folder) => reporter.note(`recipe ${source}\nrun folder ${folder.path}`),
      }),
    );
    printSummary(summary, options, reporter, io);
  } catch (error) {
    // The progress line stays above the error.
    reporter.finish();
    throw await ofRecipe(error, { recipe, source, overrides, environment });
  } finally {
    interrupt?.uninstall();
    await engine.close();
  }
}

/** The table, the sentences that read it, and where the report is. */
export function printSummary(
  summary: ReportSummary,
  options: { json?: boolean },
  reporter: Reporter,
  io: CliIo,
): void {
  reporter.summary(summary.methods);
  for (const sentence of readResult(summary.methods, summary.comparisons)) reporter.note(sentence);
  if (options.json) printJson(io, summary.resultJson);
  else io.stdout.write(`report  ${summary.reportPath}\nrun     ${summary.resultJson.run}\n`);
}

/** Runs `work`; an interruption names the command that goes on. */
export async function resumable<T>(command: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SkipthinkError) || error.exitCode !== exitCodes.interrupted) throw error;
    throw withPlace(error, error.place, `Go on with: ${command}`);
  }
}

/** runs/<label>-<n> after the highest n that there is; that one itself where a run is to be resumed. */
function defaultFolder(label: string, resume: boolean): string {
  const names = existsSync("runs") ? readdirSync("runs") : [];
  const numbers = names
    .filter((name) => name.startsWith(`${label}-`))
    .map((name) => name.slice(label.length + 1))
    .filter((rest) => /^[1-9]\d{0,8}$/.test(rest))
    .map(Number);
  const highest = Math.max(0, ...numbers);
  return join("runs", `${label}-${resume && highest > 0 ? highest : highest + 1}`);
}

function settingWords(options: RunOptions): string[] {
  return [
    ...(options.seed === undefined ? [] : ["--seed", String(options.seed)]),
    ...engineWords(options),
    ...(options.set ?? []).flatMap((one) => ["--set", one]),
  ];
}
