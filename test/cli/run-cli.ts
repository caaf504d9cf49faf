/** The command line in process: what it prints and the code it ends with. */
import { runCli } from "../../src/cli/program.ts";

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export async function cli(argv: readonly string[], stdin = ""): Promise<CliResult> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await runCli(argv, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    environment: { PATH: process.env.PATH },
    readStdin: async () => stdin,
  });
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** A student so small that a whole run takes seconds; its answers are worth nothing. */
export const tinyStudent =
  "{ random: { layers: 2, width: 32, heads: 2, contextLength: 640, vocabularySize: 320 } }";

/** A recipe on the built-in coin flips. @param lines further lines, which may not repeat a key */
export function tinyRecipe(lines: readonly string[], dev = 4): string {
  return [
    "name: tiny",
    `task: { builtin: coin_flip, train: 24, dev: ${dev}, test: 8 }`,
    `student: ${tinyStudent}`,
    "evaluate: { maxNewTokens: 24, latencyProblems: 2 }",
    "threads: 1",
    ...lines,
    "",
  ].join("\n");
}
