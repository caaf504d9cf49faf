/** `skipthink train`: the students of a run, without evaluating them. */
import type { Command } from "commander";
import type { MethodName } from "../../method/baselines/plan.ts";
import { withPrerequisites } from "../../pipeline/config/methods.ts";
import { writeTrainingJob } from "../../pipeline/job.ts";
import { runPipeline } from "../../pipeline/run.ts";
import { inputError } from "../../util/errors.ts";
import { type CliIo, printJson } from "../io.ts";
import { withExistingRun } from "./existing-run.ts";
import {
  addEngineOptions,
  addMethodOption,
  addOutputOptions,
  addThreadsOption,
  type EngineOptions,
  engineWords,
  type OutputOptions,
} from "./options.ts";

interface TrainOptions extends OutputOptions, EngineOptions {
  method?: MethodName[];
  jobOnly?: string;
}

export function registerTrain(program: Command, io: CliIo): void {
  const command = program
    .command("train")
    .description("train a run's students; what a method starts from is trained first")
    .argument("<run>", "run folder")
    .argument("[torchrun...]", "after --: arguments for torchrun (torch engine)");
  addOutputOptions(
    addThreadsOption(addEngineOptions(addMethodOption(command, "method to train")), "the run's").option(
      "--job-only <folder>",
      "train nothing: write the training of one method as a job for torchrun -m skipthink_torch",
    ),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink train runs/demo-1 --method cwt-ac
  $ skipthink train runs/demo-1 --engine torch --processes 8
  $ skipthink train runs/demo-1 --method full --engine torch --job-only jobs/full`,
    )
    .action(async (run: string, torchrun: string[], given: TrainOptions) => {
      const options = { ...given, torchrun };
      const words = [
        "train",
        run,
        ...(options.method ?? []).flatMap((name) => ["--method", name]),
        ...engineWords(options),
        ...(options.jobOnly === undefined ? [] : ["--job-only", options.jobOnly]),
        ...(torchrun.length === 0 ? [] : ["--", ...torchrun]),
      ];
      if (options.jobOnly !== undefined) {
        await writeJob(run, words, { ...options, jobOnly: options.jobOnly }, io);
        return;
      }
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

/** `--job-only`: the plan of one method, for another machine. */
async function writeJob(
  run: string,
  words: readonly string[],
  options: TrainOptions & { jobOnly: string },
  io: CliIo,
): Promise<void> {
  const { jobOnly, method = [], processes: _processes, torchrun: _torchrun, ...others } = options;
  if (method.length !== 1) {
    throw inputError("a job trains one method", { key: "--method" }, "Name it, e.g. --method full.");
  }
  // Planning needs no GPU: earlier stages run on the embedded engine unless they are done.
  await withExistingRun(run, words, { ...others, engine: "onnx" }, io, async ({ context }) => {
    const job = await writeTrainingJob(context, method[0]!, jobOnly);
    if (options.json) printJson(io, { job: jobOnly, method: method[0], ...job });
    else io.stdout.write(`job     ${jobOnly}\nrun it  torchrun -m skipthink_torch ${jobOnly}\n`);
  });
}
