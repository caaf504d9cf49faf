/** Single stages on a run folder that is there: its recipe is read from run.json, earlier stages are run or found done. */
import { existsSync } from "node:fs";
import { type Recipe, recipeSchema } from "../../pipeline/config/schema.ts";
import type { RunContext } from "../../pipeline/context.ts";
import { engineOf } from "../../pipeline/engine.ts";
import { RunFolder, type RunManifest } from "../../pipeline/run-folder.ts";
import { inputError } from "../../util/errors.ts";
import { type CliIo, reporterOf } from "../io.ts";
import { installInterruptHandler } from "../terminal/interrupt.ts";
import type { Reporter } from "../terminal/reporter.ts";
import { commandLine } from "./command-line.ts";
import { checkEngineOptions, type EngineOptions, type OutputOptions, withEngine } from "./options.ts";
import { placeInRecipe } from "./recipe-errors.ts";
import { resumable } from "./run-recipe.ts";

export interface ExistingRun {
  context: RunContext;
  reporter: Reporter;
  /** Command line that made the folder. */
  command: string;
}

/**
 * Opens a run folder, hands it to `work` and says how to go on if it is interrupted.
 * @param words the command line, for that message
 * @throws SkipthinkError (exit 2) for a folder that holds no run, or one that another process works in
 */
export async function withExistingRun(
  path: string,
  words: readonly string[],
  options: OutputOptions & EngineOptions,
  io: CliIo,
  work: (run: ExistingRun) => Promise<void>,
): Promise<void> {
  const folder = new RunFolder(path);
  const { recipe: written, command } = await readManifest(folder);
  const recipe = withEngine(written, options);
  checkEngineOptions(recipe.engine, options);
  await folder.claim();
  const engine = engineOf(recipe, options.torchrun);
  const reporter = reporterOf(io, options.quiet ?? false);
  const interrupt = installInterruptHandler({
    announce: (message) => void io.stderr.write(`\n${message}\n`),
  });
  try {
    const context = { folder, recipe, engine, reporter, stopRequested: interrupt.stopRequested };
    await resumable(commandLine(words), () => work({ context, reporter, command }));
    reporter.finish();
  } catch (error) {
    // The progress line stays above the error.
    reporter.finish();
    throw placeInRecipe(error, { source: folder.file("run.json"), overrides: [] });
  } finally {
    interrupt.uninstall();
    await engine.close();
    await folder.close();
  }
}

async function readManifest(folder: RunFolder): Promise<{ recipe: Recipe; command: string }> {
  const place = { file: folder.file("run.json") };
  const manifest = await folder.readJson<RunManifest>("run.json");
  if (manifest === undefined) {
    throw inputError(
      existsSync(folder.path) ? "that folder holds no run" : "there is no such folder",
      { file: folder.path },
      "Give a folder that skipthink distill or skipthink demo has made.",
    );
  }
  const checked = recipeSchema.safeParse(manifest.recipe);
  if (manifest.format !== 1 || !checked.success) {
    const issue = checked.error?.issues[0];
    throw inputError(
      `the recipe in run.json is not one of this version${issue === undefined ? "" : `: ${issue.message}`}`,
      { ...place, key: issue?.path.join(".") },
      "Start the run again in a new folder.",
    );
  }
  return { recipe: checked.data, command: manifest.command };
}
