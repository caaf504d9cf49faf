/** `teach` in a process of its own, so that it can be killed. Only its part of src is compiled. */
import { execFile, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "../..");
/** Below node_modules, so that packages are found and git looks away. */
const built = join(root, "node_modules/.cache/skipthink-teach");

const main = `
import { readFileSync } from "node:fs";
import { teachSchema } from "./out/teacher/config.js";
import { teach } from "./out/teacher/teach.js";
const [config, folder] = process.argv.slice(2);
const { incomplete } = await teach(teachSchema.parse(JSON.parse(readFileSync(config, "utf8"))), folder, { environment: {} });
if (incomplete !== undefined) throw incomplete;
`;

export async function buildTeach(): Promise<void> {
  await rm(built, { recursive: true, force: true });
  await mkdir(built, { recursive: true });
  await writeFile(join(built, "package.json"), '{"type": "module"}');
  await writeFile(join(built, "main.js"), main);
  await writeFile(
    join(built, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        noCheck: true,
        declaration: false,
        sourceMap: false,
        rootDir: join(root, "src"),
        outDir: join(built, "out"),
        types: [],
      },
      include: [],
      files: [join(root, "src/teacher/teach.ts")],
    }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [compiler, "-p", join(built, "tsconfig.json")]);
}

/** @param kill asked every few milliseconds; once true the process gets SIGKILL */
export async function runTeach(
  config: string,
  folder: string,
  kill: () => boolean = () => false,
): Promise<{ signal: NodeJS.Signals | null; code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(built, "main.js"), config, folder], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const watch = setInterval(() => {
    if (kill()) child.kill("SIGKILL");
  }, 2);
  return await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      done({ signal, code, stderr });
    });
  });
}
