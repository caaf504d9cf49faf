/** `skipthink teach`: rationales from an OpenAI-compatible endpoint, filtered by answer; `import` and `show` below it. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import { renderTeacherPage } from "../../report/teacher-page.ts";
import { answerKinds } from "../../tasks/problem.ts";
import { cost } from "../../teacher/budget.ts";
import { estimateTeach, type TeachEstimate } from "../../teacher/estimate.ts";
import { readRecord } from "../../teacher/record.ts";
import { type TeachResult, teach } from "../../teacher/teach.ts";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { exitCodes, inputError, SkipthinkError } from "../../util/errors.ts";
import { type CliIo, printJson, reporterOf } from "../io.ts";
import { formatCount } from "../terminal/format.ts";
import { installInterruptHandler } from "../terminal/interrupt.ts";
import { commandLine } from "./command-line.ts";
import { addOutputOptions, collect, type OutputOptions, wholeNumber } from "./options.ts";
import { loadTeachConfig } from "./teach-config.ts";
import { registerTeachImport } from "./teach-import.ts";
import { registerTeachShow } from "./teach-show.ts";
import { statisticsColumns, statisticsRows } from "./teach-table.ts";

interface TeachCommandOptions extends OutputOptions {
  out?: string;
  questions?: string;
  answerKind?: string;
  url?: string;
  model?: string;
  samples?: number;
  allowHttp?: boolean;
  dryRun?: boolean;
  set: string[];
}

export function registerTeach(program: Command, io: CliIo): void {
  const command = program
    .command("teach")
    .enablePositionalOptions()
    .description("have a teacher write rationales, and keep those with the right answer")
    .argument("[config]", "YAML or JSON file (docs/teacher.md); without it, the options below say everything")
    .option("--out <folder>", "folder of the answers; one of an earlier run is gone on with")
    .option("--questions <file>", "questions with gold answers (JSONL, JSON, CSV, Parquet)")
    .addOption(new Option("--answer-kind <kind>", "how answers are read and compared").choices(answerKinds))
    .option("--url <address>", "the endpoint, e.g. http://127.0.0.1:8000/v1 (default: OPENAI_BASE_URL)")
    .option("--model <name>", "the teacher's name at the endpoint")
    .option("--samples <number>", "rationales asked for per question", wholeNumber(1, 1000))
    .option("--allow-http", "allow plain http to another machine")
    .option(
      "--dry-run",
      "say how many calls and tokens it takes and what they cost; ask nothing, write nothing",
    )
    .option("--set <key=value>", "change one value, e.g. limits.concurrency=32 (repeatable)", collect, []);
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink teach --questions train.jsonl --answer-kind number --url http://127.0.0.1:8000/v1 \\
      --model Qwen/Qwen2.5-7B-Instruct --samples 3 --out teacher/qwen
  $ skipthink teach teacher.yaml --out teacher/gpt --dry-run
  $ skipthink teach show teacher/qwen --reason wrong
  $ skipthink teach import alpaca.json --answer-kind number --out rationales.jsonl

Every answer is stored as it arrives: run the same command again to go on. Exit codes: 3 the teacher failed,
4 the budget is reached, 130 interrupted; what was answered is kept and written.`,
    )
    .action(async (file: string | undefined, options: TeachCommandOptions) => {
      const config = await loadTeachConfig({
        file,
        overrides: [
          ...(options.url === undefined ? [] : [`endpoint.url=${JSON.stringify(options.url)}`]),
          ...(options.model === undefined ? [] : [`endpoint.model=${JSON.stringify(options.model)}`]),
          ...(options.allowHttp ? ["endpoint.allowHttp=true"] : []),
          ...(options.samples === undefined ? [] : [`sampling.samples=${options.samples}`]),
          ...options.set,
        ],
        questionsFile: options.questions,
        answerKind: options.answerKind,
      });
      if (options.dryRun) {
        const estimate = await estimateTeach(config, options.out, io.environment);
        if (options.json) printJson(io, { dryRun: true, ...estimate });
        else printTeachEstimate(estimate, io);
        return;
      }
      if (options.out === undefined) {
        throw inputError("no folder is given for the answers", { key: "--out" }, "Give one with --out.");
      }
      const words = ["teach", ...(file === undefined ? [] : [file]), ...optionWords(options)];
      await runTeach(config, options.out, commandLine(words), options, io);
    });
  registerTeachImport(command, io);
  registerTeachShow(command, io);
}

async function runTeach(
  config: Awaited<ReturnType<typeof loadTeachConfig>>,
  out: string,
  again: string,
  options: OutputOptions,
  io: CliIo,
): Promise<void> {
  const reporter = reporterOf(io, options.quiet ?? false);
  const interrupt = installInterruptHandler({
    announce: () =>
      void io.stderr.write("\nwaiting for the requests under way; press Ctrl-C again to stop at once\n"),
  });
  let result: TeachResult;
  try {
    reporter.stage(`ask ${config.endpoint.model}`);
    result = await teach(config, out, {
      environment: io.environment,
      stopRequested: interrupt.stopRequested,
      onProgress: (done, total, tokens) => reporter.progress({ unit: "sample", done, total, tokens }),
      onNote: (text) => reporter.note(text),
    });
  } finally {
    // The progress line stays above what follows.
    reporter.finish();
    interrupt.uninstall();
  }
  const { tasks, spent, written, incomplete } = result;
  reporter.table(statisticsColumns, statisticsRows(tasks));
  const page = join(out, "teach.html");
  await writeTextAtomically(page, renderTeacherPage(await readRecord(out, tasks), again));
  reporter.note(`samples, kept and dropped: ${page}`);
  const { price } = config;
  const money = price === undefined ? "" : `, ${cost(spent, price).toFixed(4)} ${price.currency}`;
  reporter.note(
    `${formatCount(result.answers)} answers stored; ${formatCount(spent.inputTokens)} prompt and ${formatCount(spent.outputTokens)} reply tokens${money}`,
  );
  const retried = Object.values(result.retries).reduce((sum, count) => sum + count, 0);
  if (retried > 0) reporter.note(`${formatCount(retried)} attempts failed and were repeated`);
  if (options.json) {
    const { incomplete: _incomplete, ...figures } = result;
    const price_ = price === undefined ? {} : { cost: cost(spent, price), currency: price.currency };
    printJson(io, { ...figures, page, ...price_, complete: incomplete === undefined });
  } else {
    for (const { rationales } of written) io.stdout.write(`${rationales}\n`);
  }
  if (incomplete?.exitCode === exitCodes.interrupted) {
    throw new SkipthinkError(incomplete.message, {
      exitCode: exitCodes.interrupted,
      remedy: `Go on with: ${again}`,
    });
  }
  if (incomplete !== undefined) throw incomplete;
}

function optionWords(options: TeachCommandOptions): string[] {
  const pair = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    ...pair("--questions", options.questions),
    ...pair("--answer-kind", options.answerKind),
    ...pair("--url", options.url),
    ...pair("--model", options.model),
    ...pair("--samples", options.samples),
    ...(options.allowHttp ? ["--allow-http"] : []),
    ...options.set.flatMap((one) => ["--set", one]),
    ...pair("--out", options.out),
  ];
}

/** The figures are the command's result, so they go to stdout. */
function printTeachEstimate(estimate: TeachEstimate, io: CliIo): void {
  const { likely, atMost, likelyPrice, priceAtMost, currency } = estimate;
  const money = (sum: number | undefined): string =>
    sum === undefined ? "" : `, ${sum.toFixed(4)} ${currency}`;
  const lines = [
    `teacher   ${estimate.model} at ${estimate.endpoint}`,
    ...estimate.tasks.map(
      ({ task, questions, samples }) =>
        `task      ${task}: ${formatCount(questions)} questions, ${formatCount(samples)} samples`,
    ),
    `calls     ${formatCount(estimate.requests)}, ${formatCount(estimate.stored)} of them answered before, ${formatCount(estimate.toAsk)} to ask`,
    `likely    ${formatCount(likely.inputTokens)} prompt tokens, ${formatCount(likely.outputTokens)} reply tokens${money(likelyPrice)}`,
    `at most   ${formatCount(atMost.inputTokens)} prompt tokens, ${formatCount(atMost.outputTokens)} reply tokens${money(priceAtMost)}`,
    "Prompts are taken at four characters a token, replies at the length of those stored before, else at their limit.",
  ];
  if (likelyPrice === undefined)
    lines.push("For a price, give price: { inputPerMillion: …, outputPerMillion: … }.");
  for (const note of estimate.notes) lines.push(note);
  io.stdout.write(`${lines.join("\n")}\n`);
}
