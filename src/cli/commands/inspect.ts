/** `skipthink inspect`: core tokens, their loss and gradient per step, sharpness, lost answers (docs/method.md §7) of a run. */
import { type Command, InvalidArgumentError } from "commander";
import type { InspectData } from "../../analysis/data.ts";
import { inspectRun } from "../../analysis/inspect.ts";
import { renderInspection } from "../../analysis/page/render.ts";
import { defaultSettings, type InspectSettings } from "../../analysis/settings.ts";
import { type InspectSummary, summarize } from "../../analysis/summary.ts";
import { onnxEngine } from "../../engine/onnx/student.ts";
import { withPrerequisites } from "../../pipeline/config/methods.ts";
import { runPipeline } from "../../pipeline/run.ts";
import { writeTextAtomically } from "../../tensor/atomic-file.ts";
import { type CliIo, printJson } from "../io.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import type { Reporter } from "../terminal/reporter.ts";
import { withExistingRun } from "./existing-run.ts";
import {
  addOutputOptions,
  addThreadsOption,
  engineWords,
  type OutputOptions,
  wholeNumber,
} from "./options.ts";

interface InspectOptions extends OutputOptions {
  rationales: number;
  delta: number;
  maxScoredTokens: number;
  hideAnswerStep?: boolean;
  seed?: number;
  threads?: number;
}

export function registerInspect(program: Command, io: CliIo): void {
  const command = program
    .command("inspect")
    .description("look into a run's students: core tokens, gradients, sharpness, lost answers")
    .argument("<run>", "run folder")
    .option(
      "--rationales <number>",
      "training rationales to look for core tokens in",
      wholeNumber(1, 1_000_000),
      defaultSettings.rationales,
    )
    .option(
      "--delta <nats>",
      "a token is core if replacing it costs the gold answer more",
      nats,
      defaultSettings.delta,
    )
    .option(
      "--max-scored-tokens <number>",
      "tokens that the search for core tokens may score",
      wholeNumber(1, 1_000_000_000_000),
      defaultSettings.maxScoredTokens,
    )
    .option("--hide-answer-step", "take the last step, which states the answer, out of the rationales")
    .option(
      "--seed <number>",
      "what is drawn: rationales, tokens, directions (default: the run's)",
      wholeNumber(0, 0xffff_ffff),
    );
  addOutputOptions(addThreadsOption(command, "the run's"))
    .addHelpText(
      "after",
      `
Writes analysis/inspect.json and analysis/inspect.html into the run folder; stages that are missing are run.
Where the rationales need more than --max-scored-tokens, some are tested in full and the others in part.

Example:
  $ skipthink inspect runs/demo-1 --rationales 100`,
    )
    .action(async (run: string, options: InspectOptions) => {
      await withExistingRun(run, words(run, options), options, io, async ({ context, reporter }) => {
        const { recipe } = context;
        const outcome = await runPipeline(context, { methods: withPrerequisites(recipe.methods) });
        const settings: InspectSettings = {
          ...defaultSettings,
          seed: options.seed ?? recipe.seed,
          rationales: options.rationales,
          delta: options.delta,
          maxScoredTokens: options.maxScoredTokens,
          view: options.hideAnswerStep ? "hidden" : "shown",
        };
        const data = await inspectRun(context, outcome, settings, onnxEngine.open);
        const summary = summarize(data);
        const page = context.folder.file("analysis", "inspect.html");
        const json = context.folder.file("analysis", "inspect.json");
        await context.folder.writeJson({ ...data, summary }, "analysis", "inspect.json");
        await writeTextAtomically(page, renderInspection(data));
        printFigures(data, summary, reporter);
        if (options.json) printJson(io, result(data, summary, page));
        else io.stdout.write(`page     ${page}\nnumbers  ${json}\n`);
      });
    });
}

/** What --json prints: the figures without examples and single steps, which are in inspect.json. */
function result(data: InspectData, summary: InspectSummary, page: string): object {
  const { examples: _, ...core } = data.core;
  return {
    run: data.run,
    page,
    settings: data.settings,
    core,
    steps: summary.steps,
    sharpness: summary.sharpness,
    lost: data.lost.map(({ examples: _examples, ...pair }) => pair),
    ...(data.skips === undefined ? {} : { skips: data.skips }),
    seconds: data.seconds,
  };
}

function printFigures(data: InspectData, summary: InspectSummary, reporter: Reporter): void {
  const { core, settings } = data;
  reporter.note(
    `${formatPercent(core.share)} of the rationale tokens are core (δ = ${settings.delta} nats, marked by ${core.markedBy}; ` +
      `${formatCount(core.testedTokens)} tokens of ${formatCount(core.rationales)} rationales replaced, ` +
      `${formatCount(core.completeRationales)} rationales in full)`,
  );
  const right = (title: string) => ({ title, align: "right" }) as const;
  reporter.table(
    [
      { title: "method" },
      right("core/tokens"),
      right("core/loss"),
      right("cosine"),
      right("loss"),
      right("rise in ball"),
    ],
    [...new Set([...summary.steps, ...summary.sharpness].map(({ method }) => method))].map((method) => {
      const step = summary.steps.find((one) => one.method === method);
      const sharp = summary.sharpness.find((one) => one.method === method);
      return [
        method,
        step === undefined ? "–" : formatPercent(step.tokenShare.mean),
        step === undefined ? "–" : formatPercent(step.lossShare.mean),
        step?.cosine?.mean.toFixed(2) ?? "–",
        sharp?.loss.toFixed(3) ?? "–",
        sharp?.balls.map(({ rise }) => `+${rise.toFixed(2)}`).join(" ") ?? "–",
      ];
    }),
  );
  if (data.lost.length === 0) return;
  reporter.table(
    [{ title: "from" }, { title: "to" }, right("lost"), right("won"), right("p")],
    data.lost.map(({ from, to, lost, won, pValue }) => [
      from,
      to,
      String(lost),
      String(won),
      pValue.toFixed(3),
    ]),
  );
}

function words(run: string, options: InspectOptions): string[] {
  return [
    "inspect",
    run,
    ...(options.rationales === defaultSettings.rationales ? [] : ["--rationales", `${options.rationales}`]),
    ...(options.delta === defaultSettings.delta ? [] : ["--delta", `${options.delta}`]),
    ...(options.maxScoredTokens === defaultSettings.maxScoredTokens
      ? []
      : ["--max-scored-tokens", `${options.maxScoredTokens}`]),
    ...(options.hideAnswerStep ? ["--hide-answer-step"] : []),
    ...(options.seed === undefined ? [] : ["--seed", `${options.seed}`]),
    ...engineWords(options),
  ];
}

function nats(text: string): number {
  const value = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0) return value;
  throw new InvalidArgumentError("Give a number of at least 0, e.g. 1 or 0.5.");
}
