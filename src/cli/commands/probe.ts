/** `skipthink probe`: which chunks the trained chunk-wise student can spare. */
import type { Command } from "commander";
import { runPipeline } from "../../pipeline/run.ts";
import { type CliIo, printJson } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import { addOutputOptions, addThreadsOption, engineWords, type OutputOptions } from "./options.ts";

export function registerProbe(program: Command, io: CliIo): void {
  const command = program
    .command("probe")
    .description("find the chunks that a run's chunk-wise student can spare (trained and chunked if need be)")
    .argument("<run>", "run folder");
  addOutputOptions(addThreadsOption(command, "the run's"))
    .addHelpText("after", "\nExample:\n  $ skipthink probe runs/demo-1 --json")
    .action(async (run: string, options: OutputOptions & { threads?: number }) => {
      const words = ["probe", run, ...engineWords(options)];
      await withExistingRun(run, words, options, io, async ({ context, reporter }) => {
        const { probed } = await runPipeline(context, { methods: ["cwt-sbc"], until: "probe" });
        const { folder } = context;
        const file = folder.file("skips.jsonl");
        const { result } = probed!;
        reporter.note(
          `${result.skipped} of ${result.candidates} medium chunks can be skipped; ` +
            `${result.wrongWhenWhole} of ${result.rationales} rationales are answered wrong even when whole`,
        );
        if (options.json) printJson(io, { run: folder.path, stage: "probe", ...result, file });
        else io.stdout.write(`skips  ${file}\n`);
      });
    });
}
