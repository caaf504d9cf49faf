/** `skipthink serve`: a student behind an OpenAI-compatible address, until Ctrl-C. */
import { basename, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { type MethodName, methodNames } from "../../method/baselines/plan.ts";
import { openServedStudent } from "../../serve/served-student.ts";
import { startServer } from "../../serve/server.ts";
import { type CliIo, reporterOf } from "../io.ts";
import { toOneLine } from "../terminal/sanitize.ts";
import { addThreadsOption, methodOf, wholeNumber } from "./options.ts";
import { studentArgument, studentFolder } from "./student-folder.ts";

interface ServeCommandOptions {
  method?: MethodName;
  host: string;
  port: number;
  allowHost: string[];
  name?: string;
  maxBatch: number;
  threads: number;
  quiet?: boolean;
}

export function registerServe(program: Command, io: CliIo): void {
  const command = program
    .command("serve")
    .description("answer OpenAI-compatible requests with a student")
    .argument("<student>", studentArgument)
    .option("--method <name>", `student of a run folder: ${methodNames.join(", ")}`, methodOf)
    .option("--host <address>", "address to listen on", hostOf, "127.0.0.1")
    .option("--port <number>", "port; 0 takes a free one", wholeNumber(0, 65_535), 8080)
    .option("--allow-host <name>", "answer under this host name, too (repeatable)", collectHosts, [])
    .option("--name <name>", "model name that clients see (default: the folder's)")
    .option("--max-batch <number>", "greedy requests decoded together", wholeNumber(1, 1024), 16)
    .option("--quiet", "print warnings and errors only");
  addThreadsOption(command, 0)
    .addHelpText(
      "after",
      `
Examples:
  $ skipthink serve runs/demo-1 --method stt
  $ curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\
      -d '{"messages": [{"role": "user", "content": "Ann has the red ball …"}]}'

A chat is answered by its last question alone. There are no accounts and no encryption: listen on other
addresses only where everyone may ask. Listening on this machine alone, the server is asked by this machine's
names; a tunnel or proxy that hands on its own name needs --allow-host.`,
    )
    .action(async (path: string, options: ServeCommandOptions) => {
      const folder = await studentFolder(path, options.method);
      const reporter = reporterOf(io, options.quiet ?? false);
      const served = await openServedStudent(folder, { threads: options.threads });
      try {
        const model = options.name ?? basename(resolve(folder));
        const server = await startServer({
          served,
          model,
          host: options.host,
          port: options.port,
          allowedHosts: options.allowHost,
          maxBatch: options.maxBatch,
          onRequest: (line) => reporter.note(toOneLine(line).slice(0, 200)),
        });
        if (!["127.0.0.1", "localhost", "::1"].includes(options.host)) {
          reporter.warning("everyone who reaches this machine may ask; there is no password");
        }
        io.stdout.write(`${server.url}\n`);
        reporter.note(`serving ${model}; Ctrl-C ends it`);
        await interrupted();
        await server.close();
      } finally {
        await served.student.close();
      }
    });
}

function hostOf(text: string): string {
  if (/^[A-Za-z0-9.:-]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError("Give an address such as 127.0.0.1.");
}

function collectHosts(text: string, before: string[]): string[] {
  if (/^[A-Za-z0-9.-]{1,255}$/.test(text)) return [...before, text];
  throw new InvalidArgumentError("Give a host name such as gate.example, without a port.");
}

/** Until the first Ctrl-C; the second one stops at once, as everywhere. */
async function interrupted(): Promise<void> {
  await new Promise<void>((done) => {
    process.once("SIGINT", done);
    process.once("SIGTERM", done);
  });
}
