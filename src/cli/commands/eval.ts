/** `skipthink eval`: a run's students on its test split. */
import type { Command } from "commander";
import type { MethodName } from "../../method/baselines/plan.ts";
import { withPrerequisites } from "../../pipeline/config/methods.ts";
import { runPipeline } from "../../pipeline/run.ts";
import { methodResults } from "../../pipeline/stages/report.ts";
import { type CliIo, printJson } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import {
  addMethodOption,
  addOutputOptions,
  addThreadsOption,
  engineWords,
  type OutputOptions,
} from "./options.ts";

interface EvalOptions extends OutputOptions {
  method?: MethodName[];
  threads?: number;
}

export function registerEval(program: Command, io: CliIo): void {
  const command = program
    .command("eval")
    .description("measure a run's students on its test split (trained if need be)")
    .argument("<run>", "run folder");
  addOutputOptions(addThreadsOption(addMethodOption(command, "method to evaluate"), "the run's"))
    .addHelpText("after", "\nExample:\n  $ skipthink eval runs/demo-1 --method stt --method full")
    .action(async (run: string, options: EvalOptions) => {
      const named = (options.method ?? []).flatMap((name) => ["--method", name]);
      const words = ["eval", run, ...named, ...engineWords(options)];
      await withExistingRun(run, words, options, io, async ({ context, reporter }) => {
        const methods = withPrerequisites(options.method ?? context.recipe.methods);
        const figures = methodResults(await runPipeline(context, { methods }));
        const { folder } = context;
        reporter.summary(figures);
        if (options.json) printJson(io, { run: folder.path, stage: "eval", methods: figures });
        else for (const name of Object.keys(figures)) io.stdout.write(`${name}  ${samplesFile(name)}\n`);

        function samplesFile(name: string): string {
          return folder.file("eval", `samples_${name}.jsonl`);
        }
      });
    });
}
