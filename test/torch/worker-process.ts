/** A worker's owner in a process of its own, which nothing but the worker keeps alive. Only its part of src is compiled. */
import { execFile, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { standIn } from "./stand-in.ts";

const root = resolve(import.meta.dirname, "../..");
/** Below node_modules, so that packages are found and git looks away. */
const built = join(root, "node_modules/.cache/skipthink-worker");

const owner = `
import { TorchWorker } from "./out/engine/torch/worker.js";
const worker = await TorchWorker.start({ processes: 1, device: "cpu", threads: 1, torchrunArguments: [] });
try {
  await worker.request({ operation: "train" });
} catch (error) {
  console.log(error.message);
} finally {
  await worker.stop();
}
`;

/** Stands in for the worker: answers the first request with `reply`, and ends a while later with `last` on stderr. */
const answering = `
import { connect } from "node:net";
import { encodeFrame } from "./out/engine/torch/frames.js";
const { reply, last, milliseconds } = JSON.parse(process.env.SKIPTHINK_TEST_WORKER);
const socket = connect(process.argv[process.argv.indexOf("--serve") + 1]);
socket.once("data", () => {
  for (const part of encodeFrame(reply)) socket.write(part);
  socket.end();
  setTimeout(() => {
    process.stderr.write(last);
    process.exitCode = 1;
  }, milliseconds);
});
`;

async function build(): Promise<void> {
  await rm(built, { recursive: true, force: true });
  await mkdir(built, { recursive: true });
  await writeFile(join(built, "package.json"), '{"type": "module"}');
  await writeFile(join(built, "owner.js"), owner);
  await writeFile(join(built, "answering.js"), answering);
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
      files: [join(root, "src/engine/torch/worker.ts")],
    }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [compiler, "-p", join(built, "tsconfig.json")]);
}

/**
 * One request to a worker that replies and then ends.
 *
 * @param temporary where the worker's folder is made
 * @returns the code and what the owner printed: the error's message
 */
export async function requestOfEndingWorker(
  worker: { reply: Record<string, unknown>; last: string; milliseconds: number },
  temporary: string,
): Promise<{ code: number | null; stdout: string }> {
  await build();
  const environment = await standIn(`exec "${process.execPath}" "${join(built, "answering.js")}" "$@"`);
  const child = spawn(process.execPath, [join(built, "owner.js")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...environment, TMPDIR: temporary, SKIPTHINK_TEST_WORKER: JSON.stringify(worker) },
  });
  let stdout = "";
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
  });
  return await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code, stdout }));
  });
}
