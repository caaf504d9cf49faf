/** A worker's owner in a process of its own, which nothing but the worker keeps alive. Only its part of src is compiled. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { compilePart } from "../compiled-part.ts";
import { standIn } from "./stand-in.ts";

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
  const built = await compilePart("skipthink-worker", "src/engine/torch/worker.ts", {
    "owner.js": owner,
    "answering.js": answering,
  });
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
