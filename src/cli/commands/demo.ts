/** `skipthink demo`: the shipped recipe `demo` in a fresh folder; `--short` is the same in miniature. */
import type { Command } from "commander";
import type { CliIo } from "../io.ts";
import { addRunOptions, overridesOf, type RunOptions } from "./options.ts";
import { runRecipe } from "./run-recipe.ts";

/** Minutes become seconds: every stage runs, and no figure means anything. */
const shortForm = [
  "task.train=48",
  "task.dev=8",
  "task.test=16",
  "methods=[full, cwt-ac, cwt-sbc, stt, stt-random]",
  "train.budget={unit: epochs, amount: 1}",
  "train.budgets={}",
  "evaluate.maxNewTokens=96",
  "evaluate.latencyProblems=4",
];

export function registerDemo(program: Command, io: CliIo): void {
  const command = program
    .command("demo")
    .description("run the whole method on a built-in task: no data, teacher or network needed")
    .option("--short", "a miniature that only shows that everything works");
  addRunOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink demo
  $ skipthink demo --dry-run                how long it takes on this machine
  $ skipthink demo --seed 2 --out runs/second
  $ skipthink demo --short --json > result.json`,
    )
    .action(async (options: RunOptions & { short?: boolean }) => {
      const overrides = overridesOf(options, options.short ? shortForm : []);
      const words = ["demo", ...(options.short ? ["--short"] : [])];
      await runRecipe({ recipe: "demo", label: "demo", words, overrides, options }, io);
    });
}
