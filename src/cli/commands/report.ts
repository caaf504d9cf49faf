/** `skipthink report`: the report of a run, written anew; stages that are missing are run. */
import type { Command } from "commander";
import { runPipeline } from "../../pipeline/run.ts";
import { reportStage } from "../../pipeline/stages/report.ts";
import type { CliIo } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import { addOutputOptions, addThreadsOption, engineWords, type OutputOptions } from "./options.ts";
import { printSummary } from "./run-recipe.ts";

export function registerReport(program: Command, io: CliIo): void {
  const command = program
    .command("report")
    .description("write a run's report anew (stages that are missing are run)")
    .argument("<run>", "run folder");
  addOutputOptions(addThreadsOption(command, "the run's"))
    .addHelpText("after", "\nExample:\n  $ skipthink report runs/demo-1")
    .action(async (run: string, options: OutputOptions & { threads?: number }) => {
      const words = ["report", run, ...engineWords(options)];
      await withExistingRun(run, words, options, io, async ({ context, reporter, command: made }) => {
        const summary = await reportStage(context, await runPipeline(context), made);
        printSummary(summary, options, reporter, io);
      });
    });
}
