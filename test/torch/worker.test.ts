/** What is said when the worker's processes end by themselves. Needs no torch: scripts stand in for Python. */
import { expect, it } from "vitest";
import { TorchWorker, type WorkerOptions } from "../../src/engine/torch/worker.ts";
import { standIn } from "./stand-in.ts";

const options: WorkerOptions = { processes: 2, device: "cpu", threads: 1, torchrunArguments: [] };

async function endOf(script: string, given: Partial<WorkerOptions> = {}): Promise<unknown> {
  const environment = await standIn(script);
  return await TorchWorker.start({ ...options, ...given, environment }).catch((error: unknown) => error);
}

/** A rank's note, in the folder that follows --notes. */
const note = (rank: number, time: number, message: string, consequence: boolean): string => {
  const text = JSON.stringify({ rank, time, message, remedy: null, consequence });
  return `echo '${text}' > "$notes/error-rank-${rank}.json"`;
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
  expect(await endOf(script)).toMatchObject({
    message: "PyTorch worker, rank 2: ValueError: the first failure",
    remedy,
  });
});

it("names the rank that was killed, though others noticed it", async () => {
  const script = [findNotes, note(0, 3, "RuntimeError: Connection closed by peer", true), summary(1, -9)];
  expect(await endOf(script.join("\n"))).toMatchObject({
    message: "rank 1 of the PyTorch worker was killed (SIGKILL)",
    remedy: expect.stringMatching(/memory runs out.*last checkpoint is intact/) as string,
  });
  expect(await endOf("kill -TERM $$", { processes: 1 })).toMatchObject({
    message: "the PyTorch worker was killed (SIGTERM)",
    remedy,
  });
});

it("ends with the last line of what the processes said, and passes arguments on to torchrun", async () => {
  expect(await endOf("echo first >&2; echo last words >&2; exit 3")).toMatchObject({
    message: "the PyTorch worker ended with code 3: last words",
    remedy,
  });
  const told = await endOf('echo "$@" >&2; exit 1', { torchrunArguments: ["--nnodes=2", "--node-rank=0"] });
  expect((told as Error).message).toContain(
    "-m torch.distributed.run --nproc-per-node=2 --nnodes=2 --node-rank=0 -m skipthink_torch --serve ",
  );
});
