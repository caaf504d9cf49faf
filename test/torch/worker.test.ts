/** What is said when the worker's processes end by themselves. Needs no torch: scripts stand in for Python. */
import { mkdir, readdir } from "node:fs/promises";
import { Server } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { setupCommand } from "../../src/engine/torch/python.ts";
import { TorchWorker, type WorkerOptions } from "../../src/engine/torch/worker.ts";
import { temporaryFolder } from "../engine/tiny-student.ts";
import { standIn } from "./stand-in.ts";
import { requestOfEndingWorker } from "./worker-process.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const options: WorkerOptions = { processes: 2, device: "cpu", threads: 1, torchrunArguments: [] };

async function endOf(script: string, given: Partial<WorkerOptions> = {}): Promise<unknown> {
  const environment = await standIn(script);
  return await TorchWorker.start({ ...options, ...given, environment }).catch((error: unknown) => error);
}

/** Connects as rank 0 does, waits for the first request, answers with these bytes and goes. */
const rank0 = (answer = ""): string => {
  const code = [
    'const socket = require("node:net").connect(process.argv[process.argv.indexOf("--serve") + 1]);',
    `socket.once("data", () => socket.end(Buffer.from("${Buffer.from(answer, "latin1").toString("hex")}", "hex")));`,
  ].join(" ");
  return `"${process.execPath}" -e '${code}' -- "$@"`;
};

/** How a request fails when the script stands in for the worker, which goes on with it after its first request. */
async function endOfRequest(
  operation: string,
  script: string,
  given: Partial<WorkerOptions> = {},
  answer = "",
): Promise<unknown> {
  const environment = await standIn(`${rank0(answer)}\n${script}`);
  const worker = await TorchWorker.start({ ...options, ...given, environment });
  const error: unknown = await worker.request({ operation }).catch((reason: unknown) => reason);
  await worker.stop();
  return error;
}
const endOfTraining = (script: string, given: Partial<WorkerOptions> = {}): Promise<unknown> =>
  endOfRequest("train", script, given);

/** A rank's note, in the folder that follows --notes. */
const note = (rank: number, time: number, message: string, consequence: boolean): string => {
  const text = JSON.stringify({ rank, time, message, remedy: null, consequence });
  return `echo '${text.replaceAll("'", "'\\''")}' > "$notes/error-rank-${rank}.json"`;
};
const findNotes = 'while [ "$1" != --notes ]; do shift; done; notes=$2';
/** torchrun's last words, shortened: first the ranks that it ended itself. */
const summary = (rank: number, code: number): string => {
  const failure = (index: number, whose: number, how: number): string =>
    `[${index}]:\\n  rank      : ${whose} (local_rank: ${whose})\\n  exitcode  : ${how} (pid: 7)\\n`;
  const others = `Failures:\\n${failure(1, 1 - rank, -15)}`;
  return `printf '${others}Root Cause (first observed failure):\\n${failure(0, rank, code)}' >&2; exit 1`;
};
const remedy = expect.stringMatching(/last checkpoint is intact/) as string;

it("tells the error of the rank that failed first, not what came of it", async () => {
  const script = [
    findNotes,
    note(0, 3, "RuntimeError: Connection closed by peer", true),
    note(1, 5, "ValueError: a later failure", false),
    note(2, 4, "ValueError: the first failure", false),
    note(3, 2, "RuntimeError: Connection reset by peer", true),
    summary(1, 1),
  ].join("\n");
  expect(await endOfTraining(script)).toMatchObject({
    message: "PyTorch worker, rank 2: ValueError: the first failure",
    remedy,
  });
});

it("names the rank that was killed, though others noticed it", async () => {
  const script = [findNotes, note(0, 3, "RuntimeError: Connection closed by peer", true), summary(1, -9)];
  expect(await endOfTraining(script.join("\n"))).toMatchObject({
    message: "rank 1 of the PyTorch worker was killed (SIGKILL)",
    remedy: expect.stringMatching(/memory runs out.*last checkpoint is intact/) as string,
  });
  expect(await endOfTraining("kill -TERM $$", { processes: 1 })).toMatchObject({
    message: "the PyTorch worker was killed (SIGTERM)",
    remedy,
  });
});

it("ends with the last line of what the processes said, and passes arguments on to torchrun", async () => {
  expect(await endOfTraining("echo first >&2; echo last words >&2; exit 3")).toMatchObject({
    message: "the PyTorch worker ended with code 3: last words",
    remedy,
  });
  const told = await endOf('echo "$@" >&2; exit 1', { torchrunArguments: ["--nnodes=2", "--node-rank=0"] });
  expect((told as Error).message).toContain(
    "-m torch.distributed.run --nproc-per-node=2 --nnodes=2 --node-rank=0 -m skipthink_torch --serve ",
  );
});

it("speaks of no checkpoint before a training has begun", async () => {
  const told = [findNotes, note(0, 3, "ValueError: no such student", false), "exit 1"].join("\n");
  for (const end of [told, summary(1, -15), "kill -TERM $$", "echo last words >&2; exit 3"]) {
    expect(await endOf(end)).toMatchObject({ name: "SkipthinkError", remedy: undefined });
    expect(await endOfRequest("open", end)).toMatchObject({ name: "SkipthinkError", remedy: undefined });
  }
  expect(await endOf(summary(1, -9))).toMatchObject({
    remedy: "The system does that when memory runs out.",
  });
});

it("fails by a message of the worker that it cannot read, and does not wait for another", async () => {
  const text = '{"loss": NaN, "arrays": []}';
  const header = Buffer.alloc(12);
  header.writeUInt32LE(text.length, 0);
  expect(await endOfRequest("train", "exit 0", {}, header.toString("latin1") + text)).toMatchObject({
    name: "SkipthinkError",
    message: expect.stringMatching(/sent a message that cannot be read: .*JSON/) as string,
    remedy: expect.stringContaining(setupCommand) as string,
  });
});

it("waits for the cause after a reply that is none, though nothing else keeps the process alive", async () => {
  const temporary = await temporaryFolder();
  const message = "RuntimeError: Connection closed by peer";
  const reply = { error: { rank: 0, time: 3, message, remedy: null, consequence: true } };
  const { code, stdout } = await requestOfEndingWorker(
    { reply, last: "the cause", milliseconds: 300 },
    temporary,
  );
  expect([code, stdout]).toEqual([0, "the PyTorch worker ended with code 1: the cause\n"]);
  expect(await readdir(temporary)).toEqual([]);
});

it("tells a Python without torch what to install, though its rank left a note", async () => {
  const message = "ModuleNotFoundError: No module named 'torch'";
  const script = [findNotes, note(0, 3, message, false), `echo "${message}" >&2; exit 1`];
  expect(await endOf(script.join("\n"), { processes: 1 })).toMatchObject({
    message: 'Python has no package "torch"',
    remedy: `Install it with: ${setupCommand}`,
  });
});

it("refuses a temporary folder whose sockets the system would cut, and leaves nothing behind", async () => {
  const temporary = join(await temporaryFolder(), "long".repeat(20));
  await mkdir(temporary);
  const environment = await standIn("exit 3");
  vi.stubEnv("TMPDIR", temporary);
  const error: unknown = await TorchWorker.start({ ...options, environment }).catch((reason) => reason);
  expect(error).toMatchObject({
    message: expect.stringContaining("TMPDIR") as string,
    remedy: expect.stringMatching(/TMPDIR.*short/) as string,
  });
  expect(await readdir(temporary)).toEqual([]);
});

it("leaves no folder behind when it cannot listen", async () => {
  const temporary = await temporaryFolder();
  const environment = await standIn("exit 3");
  vi.stubEnv("TMPDIR", temporary);
  vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server) {
    process.nextTick(() => this.emit("error", new Error("no sockets here")));
    return this;
  });
  await expect(TorchWorker.start({ ...options, environment })).rejects.toThrow("no sockets here");
  expect(await readdir(temporary)).toEqual([]);
});
