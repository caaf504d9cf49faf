/** `skipthink recipes`: the shipped recipes, listed, copied and checked. */
import { relative } from "node:path";
import type { Command } from "commander";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { copyRecipe, listRecipes, validateRecipe } from "../recipes/recipes.ts";
import { addRecipeOptions, overridesOf, type RecipeOptions } from "./options.ts";

export function registerRecipes(program: Command, io: CliIo): void {
  const recipes = program.command("recipes").description("list, copy and check recipes");

  recipes
    .command("ls")
    .description("list the shipped recipes")
    .option("--json", "print one JSON object on stdout")
    .action(async ({ json }: { json?: boolean }) => {
      const listings = await listRecipes();
      if (json) {
        printJson(io, { recipes: listings });
        return;
      }
      const width = Math.max(...listings.map(({ name }) => name.length));
      for (const { name, title, purpose } of listings) {
        io.stdout.write(`${name.padEnd(width)}  ${title}\n${" ".repeat(width)}  For ${purpose}\n`);
      }
    });

  recipes
    .command("cp")
    .description("copy a shipped recipe, to change it; never overwrites a file")
    .argument("<name>", "shipped recipe")
    .argument("[target]", "new file, or a folder", ".")
    .addHelpText("after", "\nExample:\n  $ skipthink recipes cp own-data my-recipe.yaml")
    .action(async (name: string, target: string) => {
      io.stdout.write(`${await copyRecipe(name, target)}\n`);
    });

  addRecipeOptions(
    recipes
      .command("validate")
      .description("check a recipe and print it with every default filled in")
      .argument("<recipe>", "recipe file or shipped name")
      .option("--json", "print one JSON object on stdout"),
  )
    .addHelpText("after", "\nExample:\n  $ skipthink recipes validate my-recipe.yaml --set chunk.count=3")
    .action(async (name: string, options: RecipeOptions & { json?: boolean }) => {
      const { source, recipe, resolvedYaml, missing } = await validateRecipe(name, overridesOf(options));
      const reporter = reporterOf(io, false);
      for (const { key, path } of missing) {
        reporter.warning(`${key} names ${relative(process.cwd(), path)}, which is not there (yet)`);
      }
      if (options.json) printJson(io, { valid: true, source, missing, recipe });
      else {
        reporter.note(`valid: ${source}`);
        io.stdout.write(resolvedYaml);
      }
    });
}
