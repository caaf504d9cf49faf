/** `skipthink chunk`: the chunks that the trained chunk-wise student finds. */
import type { Command } from "commander";
import { runPipeline } from "../../pipeline/run.ts";
import { type CliIo, printJson } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import { addOutputOptions, addThreadsOption, engineWords, type OutputOptions } from "./options.ts";

export function registerChunk(program: Command, io: CliIo): void {
  const command = program
    .command("chunk")
    .description("search the chunks of a run's rationales with its chunk-wise student (trained if need be)")
    .argument("<run>", "run folder");
  addOutputOptions(addThreadsOption(command, "the run's"))
    .addHelpText("after", "\nExample:\n  $ skipthink chunk runs/demo-1 --json")
    .action(async (run: string, options: OutputOptions & { threads?: number }) => {
      const words = ["chunk", run, ...engineWords(options)];
      await withExistingRun(run, words, options, io, async ({ context }) => {
        const { chunked } = await runPipeline(context, { methods: ["cwt-sbc"], until: "chunk" });
        const { folder } = context;
        const file = folder.file("chunks.jsonl");
        if (options.json) printJson(io, { run: folder.path, stage: "chunk", ...chunked!.result, file });
        else io.stdout.write(`chunks  ${file}\n`);
      });
    });
}
