/** `skipthink distill`: a recipe from data to report. */
import { basename } from "node:path";
import type { Command } from "commander";
import type { CliIo } from "../io.ts";
import { addEngineOptions, addRunOptions, overridesOf, type RunOptions } from "./options.ts";
import { runRecipe } from "./run-recipe.ts";

export function registerDistill(program: Command, io: CliIo): void {
  const command = program
    .command("distill")
    .description("train and compare the recipe's methods, and write the report")
    .argument("<recipe>", "recipe file, or the name of a shipped one (skipthink recipes ls)");
  addEngineOptions(addRunOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink distill my-recipe.yaml --dry-run
  $ skipthink distill my-recipe.yaml --out runs/first
  $ skipthink distill my-recipe.yaml --out runs/first --resume
  $ skipthink distill my-recipe.yaml --out runs/gpu --engine torch --processes 8
  $ skipthink distill tracking --set "methods=[full, stt]" --set train.budget.amount=500`,
    )
    .action(async (recipe: string, options: RunOptions) => {
      // Folder names from recipe names: only what is harmless in a path.
      const label = basename(recipe)
        .replace(/\.(ya?ml|json)$/i, "")
        .replace(/[^\p{L}\p{N}_.-]+/gu, "-");
      const words = ["distill", recipe];
      await runRecipe({ recipe, label, words, overrides: overridesOf(options), options }, io);
    });
}
