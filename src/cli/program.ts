/** Assembles the commands and turns whatever ends them into an exit code; no command does work of its own here. */
import { Command, CommanderError } from "commander";
import { exitCodes, inputError, type SkipthinkError } from "../util/errors.ts";
import { registerChunk } from "./commands/chunk.ts";
import { registerDemo } from "./commands/demo.ts";
import { registerDistill } from "./commands/distill.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEval } from "./commands/eval.ts";
import { registerExperiment } from "./commands/experiment.ts";
import { registerExport } from "./commands/export.ts";
import { registerGenerate } from "./commands/generate.ts";
import { registerInspect } from "./commands/inspect.ts";
import { registerProbe } from "./commands/probe.ts";
import { registerRecipes } from "./commands/recipes.ts";
import { registerReport } from "./commands/report.ts";
import { registerServe } from "./commands/serve.ts";
import { registerTasks } from "./commands/tasks.ts";
import { registerTeach } from "./commands/teach.ts";
import { registerTrain } from "./commands/train.ts";
import { type CliIo, processIo } from "./io.ts";
import { reportError } from "./terminal/error.ts";
import { wantsColor } from "./terminal/stream.ts";
import { packageVersion } from "./version.ts";

/**
 * Runs one command line.
 * @param argv arguments after the program's name
 * @returns the exit code (src/util/errors.ts)
 */
export async function runCli(argv: readonly string[], io: CliIo = processIo): Promise<number> {
  try {
    await makeProgram(io).parseAsync(argv, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done; // --help, --version
    // Without any command the help is printed, and nothing was done.
    if (error instanceof CommanderError && error.code === "commander.help") return exitCodes.usage;
    return reportError(error instanceof CommanderError ? usageError(error) : error, {
      stream: io.stderr,
      color: wantsColor(io.stderr, io.environment),
      environment: io.environment,
    });
  }
}

function makeProgram(io: CliIo): Command {
  const program = new Command("skipthink")
    .description(
      "Distil a teacher's long chains of thought into a small language model that reasons in chunks and skips the ones it does not need.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show how to use a command")
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink demo                          the whole method on a built-in task
  $ skipthink recipes cp own-data .         a recipe to fill in for your data
  $ skipthink distill own-data.yaml --dry-run
  $ skipthink distill own-data.yaml --out runs/first
  $ skipthink generate runs/first "…" --method stt

Results go to stdout, messages to stderr. Exit codes: 0 done, 1 failure, 2 usage or input, 3 teacher, 4 budget
reached, 5 the run in the folder has another recipe, 130 interrupted.`,
    )
    // A command and its own commands may have options of one name: each takes those behind its own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // What commander finds wrong is thrown too, and printed like every other error.
      outputError: () => undefined,
    });
  registerDemo(program, io);
  registerTasks(program, io);
  registerTeach(program, io);
  registerDistill(program, io);
  registerExperiment(program, io);
  registerRecipes(program, io);
  registerChunk(program, io);
  registerTrain(program, io);
  registerProbe(program, io);
  registerEval(program, io);
  registerReport(program, io);
  registerInspect(program, io);
  registerGenerate(program, io);
  registerServe(program, io);
  registerExport(program, io);
  registerDoctor(program, io);
  return program;
}

/** `error: unknown option '--ou'\n(Did you mean --out?)` as an error with a remedy. */
function usageError({ message }: CommanderError): SkipthinkError {
  const [first = "", ...others] = message.replace(/^error: /, "").split("\n");
  const meant = others.join(" ").match(/\((Did you mean [^)]*)\)/)?.[1];
  const help = "See skipthink --help, or --help after a command.";
  return inputError(first, {}, meant === undefined ? help : `${meant} ${help}`);
}
