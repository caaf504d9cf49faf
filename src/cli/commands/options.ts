/** Options that several commands share, and what they mean for a recipe. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type MethodName, methodNames } from "../../method/baselines/plan.ts";
import type { Recipe } from "../../pipeline/config/schema.ts";
import { inputError } from "../../util/errors.ts";
import { nearest } from "../../util/nearest.ts";

export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
}

export interface RecipeOptions {
  set?: string[];
  seed?: number;
  threads?: number;
}

export interface RunOptions extends OutputOptions, RecipeOptions, EngineOptions {
  out?: string;
  resume?: boolean;
  dryRun?: boolean;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "print one JSON object on stdout")
    .option("--quiet", "print warnings and errors only");
}

export function addRecipeOptions(command: Command): Command {
  command
    .option(
      "--set <key=value>",
      "change one value of the recipe, e.g. train.budget.amount=3 (repeatable)",
      collect,
    )
    .option(
      "--seed <number>",
      "seed of every random stream (default: the recipe's)",
      wholeNumber(0, 0xffff_ffff),
    );
  return addThreadsOption(command, "the recipe's");
}

/** @param standard what holds without it */
export function addThreadsOption(command: Command, standard: "the recipe's" | "the run's" | 0): Command {
  // The engine counts the processors that the system lists, so two for a core with two threads.
  const text = "threads of the engine; 0: all logical cores";
  const parse = wholeNumber(0, 1024);
  if (standard === 0) return command.option("--threads <number>", text, parse, 0);
  return command.option("--threads <number>", `${text} (default: ${standard})`, parse);
}

export function addRunOptions(command: Command): Command {
  addRecipeOptions(
    command
      .option("--out <folder>", "run folder (default: a new one under runs/)")
      .option("--resume", "go on with the run in the folder")
      .option("--dry-run", "say what the run would do, take and need; train nothing, write nothing"),
  );
  return addOutputOptions(command);
}

/** Recipe overrides in the order in which they hold: `first`, then --seed and the engine's options, then --set. */
export function overridesOf(options: RecipeOptions & EngineOptions, first: readonly string[] = []): string[] {
  return [
    ...first,
    ...(options.seed === undefined ? [] : [`seed=${options.seed}`]),
    ...(options.threads === undefined ? [] : [`threads=${options.threads}`]),
    ...engineOverrides(options),
    ...(options.set ?? []),
  ];
}

/** `--engine` and `--processes` as overrides of a recipe. */
export function engineOverrides({ engine, processes }: EngineOptions): string[] {
  return [
    ...(engine === undefined ? [] : [`engine=${engine}`]),
    ...(processes === undefined ? [] : [`torch.processes=${processes}`]),
  ];
}

/** A repeatable option. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

/** How an engine computes, in place of what the recipe says. */
export interface EngineOptions {
  engine?: Recipe["engine"];
  processes?: number;
  threads?: number;
  /** Arguments after `--`. */
  torchrun?: readonly string[];
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "onnx or torch, in place of the recipe's").choices(["onnx", "torch"]),
    )
    .option("--processes <number>", "processes of the torch engine, one per GPU", wholeNumber(1, 64));
}

/** The recipe with the engine that the command line names. */
export function withEngine(recipe: Recipe, { engine, processes, threads }: EngineOptions): Recipe {
  return {
    ...recipe,
    engine: engine ?? recipe.engine,
    threads: threads ?? recipe.threads,
    torch: { ...recipe.torch, processes: processes ?? recipe.torch.processes },
  };
}

/** @throws SkipthinkError (exit 2) for options of the torch engine where another one computes: they would be without effect */
export function checkEngineOptions(
  engine: Recipe["engine"],
  { processes, torchrun = [] }: EngineOptions,
): void {
  if (engine === "torch") return;
  if (torchrun.length > 0)
    throw inputError(
      `"${torchrun[0]}" would be an argument for torchrun, and the engine is ${engine}`,
      {},
      "Options begin with --, such as --method full; for torchrun add --engine torch.",
    );
  if (processes !== undefined)
    throw inputError(
      `the ${engine} engine has no processes`,
      { key: "--processes" },
      "Use --threads, or add --engine torch.",
    );
}

/** These options as they stand on a command line. */
export function engineWords({ engine, processes, threads }: EngineOptions): string[] {
  return [
    ...(engine === undefined ? [] : ["--engine", engine]),
    ...(processes === undefined ? [] : ["--processes", String(processes)]),
    ...(threads === undefined ? [] : ["--threads", String(threads)]),
  ];
}

/** `--method`, repeatable. */
export function addMethodOption(command: Command, purpose: string): Command {
  return command.option(
    "--method <name>",
    `${purpose}, one of ${methodNames.join(", ")}; repeatable (default: the recipe's)`,
    collectMethod,
  );
}

function collectMethod(value: string, earlier: readonly MethodName[] = []): MethodName[] {
  return [...earlier, methodOf(value)];
}

export function methodOf(value: string): MethodName {
  const known = methodNames.find((name) => name === value);
  if (known !== undefined) return known;
  const meant = nearest(value, methodNames);
  throw new InvalidArgumentError(
    `Methods are ${methodNames.join(", ")}.${meant === undefined ? "" : `\n(Did you mean ${meant}?)`}`,
  );
}
