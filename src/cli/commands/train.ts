/** `skipthink train`: the students of a run, without evaluating them. */
import type { Command } from "commander";
import type { MethodName } from "../../method/baselines/plan.ts";
import { withPrerequisites } from "../../pipeline/config/methods.ts";
import { runPipeline } from "../../pipeline/run.ts";
import { type CliIo, printJson } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import { addMethodOption, addOutputOptions, type OutputOptions } from "./options.ts";

export function registerTrain(program: Command, io: CliIo): void {
  const command = program
    .command("train")
    .description("train a run's students; what a method starts from is trained first")
    .argument("<run>", "run folder");
  addOutputOptions(addMethodOption(command, "method to train; default: the recipe's"))
    .addHelpText("after", "\nExample:\n  $ skipthink train runs/demo-1 --method cwt-ac")
    .action(async (run: string, options: OutputOptions & { method?: MethodName[] }) => {
      const words = ["train", run, ...(options.method ?? []).flatMap((name) => ["--method", name])];
      await withExistingRun(run, words, options, io, async ({ context }) => {
        const methods = withPrerequisites(options.method ?? context.recipe.methods);
        const { trained } = await runPipeline(context, { methods, until: "train" });
        const { folder } = context;
        if (!options.json) {
          for (const name of trained.keys()) io.stdout.write(`${name}  ${folder.student(name)}\n`);
          return;
        }
        const results = [...trained].map(([name, { result }]) => {
          const { boundaries: _boundaries, history: _history, ...figures } = result;
          return [name, { student: folder.student(name), ...figures }];
        });
        printJson(io, { run: folder.path, stage: "train", methods: Object.fromEntries(results) });
      });
    });
}
