/** The command line as users run it: compiled, in a process of its own, so that it can be killed. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "../..");
/** Below node_modules, so that packages are found and git looks away; one for each test process, as several build at once. */
const builtFolder = join(root, "node_modules/.cache/skipthink-cli", process.env.VITEST_POOL_ID ?? "0");

/** Compiles src once, without checking types, and puts beside it what the package ships. */
export async function buildCli(): Promise<void> {
  await rm(builtFolder, { recursive: true, force: true });
  await mkdir(builtFolder, { recursive: true });
  for (const shared of ["package.json", "recipes", "models"]) {
    await symlink(join(root, shared), join(builtFolder, shared));
  }
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const options = ["--noCheck", "--declaration", "false", "--sourceMap", "false"];
  await promisify(execFile)(process.execPath, [
    compiler,
    "-p",
    join(root, "tsconfig.build.json"),
    "--outDir",
    join(builtFolder, "dist"),
    ...options,
  ]);
}

export interface EndedProcess {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * @param interruption `when` is asked every few milliseconds while the process runs; once true, `signal` is sent, after the
 *   readers of stdout and stderr are gone if `closesPipes`
 */
export async function runBuilt(
  argv: readonly string[],
  interruption?: { when: () => boolean; signal: NodeJS.Signals; closesPipes?: boolean },
): Promise<EndedProcess> {
  const child: ChildProcess = spawn(process.execPath, [join(builtFolder, "dist/cli/main.js"), ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout!.on("data", (data: Buffer) => {
    output.stdout += data.toString();
  });
  child.stderr!.on("data", (data: Buffer) => {
    output.stderr += data.toString();
  });
  const watch =
    interruption === undefined
      ? undefined
      : setInterval(() => {
          if (!interruption.when()) return;
          clearInterval(watch);
          if (interruption.closesPipes) {
            child.stdout!.destroy();
            child.stderr!.destroy();
          }
          child.kill(interruption.signal);
        }, 2);
  return await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      done({ code, signal, ...output });
    });
  });
}
