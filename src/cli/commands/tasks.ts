/** `skipthink tasks`: the reasoning benchmarks, from their authors' files to questions for a teacher and a test set. */
import { join } from "node:path";
import type { Command } from "commander";
import { readBenchmark, writeBenchmark } from "../../tasks/benchmarks/prepare.ts";
import {
  type BenchmarkName,
  benchmarkNames,
  benchmarkSources,
  isBenchmark,
} from "../../tasks/benchmarks/sources.ts";
import { inputError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { refuseOwnInput } from "./own-input.ts";

export function registerTasks(program: Command, io: CliIo): void {
  const tasks = program
    .command("tasks")
    .description("the reasoning benchmarks: where they are, and their published splits");

  tasks
    .command("ls")
    .description("list the benchmarks, the files they need and where their authors publish them")
    .option("--json", "print one JSON object on stdout")
    .action(({ json }: { json?: boolean }) => {
      if (json) {
        printJson(io, { tasks: benchmarkSources });
        return;
      }
      for (const name of benchmarkNames) {
        const { title, url, files } = benchmarkSources[name];
        io.stdout.write(`${name}  ${title}\n    ${Object.values(files).join(", ")}\n    from ${url}\n`);
      }
    });

  tasks
    .command("prepare")
    .description(
      "read a benchmark's original files and write train.jsonl and test.jsonl in the published split",
    )
    .argument("<task>", `benchmark: ${benchmarkNames.join(", ")}`)
    .option("--from <folder>", "folder with the original files (tasks ls has their names)", "benchmarks")
    .option("--out <folder>", "folder of the two files (default: <from>/<task>/prepared)")
    .option("--json", "print one JSON object on stdout")
    .addHelpText(
      "after",
      `
Example:
  $ skipthink tasks prepare svamp --from benchmarks
  $ skipthink teach --questions benchmarks/svamp/prepared/train.jsonl --answer-kind svamp \\
      --set prompt.form=twoStage --model MODEL --out benchmarks/svamp/teacher
  $ SKIPTHINK_BENCHMARKS=$PWD/benchmarks skipthink distill tasks/svamp`,
    )
    .action(async (task: string, options: { from: string; out?: string; json?: boolean }) => {
      const name = benchmarkOf(task);
      const out = options.out ?? join(options.from, name, "prepared");
      await refuseOwnInput(
        Object.values(benchmarkSources[name].files).map((file) => join(options.from, file)),
        [join(out, "train.jsonl"), join(out, "test.jsonl")],
        "Give another folder with --out.",
      );
      const prepared = await readBenchmark(name, options.from);
      const paths = await writeBenchmark(prepared, out);
      const counts = { train: prepared.train.length, test: prepared.test.length };
      const reporter = reporterOf(io, false);
      for (const note of prepared.notes) reporter.note(note);
      if (options.json) printJson(io, { task: name, ...counts, files: paths, notes: prepared.notes });
      else
        io.stdout.write(
          `${paths.train}  ${counts.train} questions\n${paths.test}  ${counts.test} questions\n`,
        );
    });
}

function benchmarkOf(task: string): BenchmarkName {
  if (isBenchmark(task)) return task;
  const meant = nearest(task, benchmarkNames);
  const hint = meant === undefined ? "" : `Did you mean "${meant}"? `;
  throw inputError(`no benchmark is named "${task}"`, {}, `${hint}Benchmarks: ${benchmarkNames.join(", ")}.`);
}
