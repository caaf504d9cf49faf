/**
 * The worker's processes: started when first needed, one request at a time over a Unix socket, ended with the engine. They have
 * a process group of their own, so Ctrl-C reaches skipthink alone, which finishes its step and saves.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SkipthinkError } from "../../util/errors.ts";
import { type Arrays, encodeFrame, type Frame, FrameReader } from "./frames.ts";
import { findPython, missingModule, setupCommand, workerEnvironment } from "./python.ts";

export interface WorkerOptions {
  /** Processes on this machine. */
  processes: number;
  device: "auto" | "cpu" | "cuda";
  /** CPU threads of each process; 0: PyTorch's choice. */
  threads: number;
  /** Passed to torchrun. */
  torchrunArguments: readonly string[];
  environment?: Readonly<Record<string, string | undefined>>;
}

/** What a rank writes about its failure (python: errors.py). */
interface ErrorNote {
  rank: number;
  time: number;
  message: string;
  remedy: string | null;
  /** It failed because another rank had. */
  consequence: boolean;
}

interface Pending {
  resolve(frame: Frame): void;
  reject(error: Error): void;
  onEvent: ((message: Record<string, unknown>) => void) | undefined;
}

/** What a Unix socket's path may have, on macOS; Linux allows a few more. Node cuts longer ones without a word. */
const socketPathBytes = 103;
/** What is kept of the processes' messages, for the error. */
const keptOutput = 64 * 1024;
/** Those of a training; a worker that fails at anything else leaves no checkpoint that would be news. */
const trainingOperations: ReadonlySet<unknown> = new Set(["train", "loadCheckpoint", "saveCheckpoint"]);
const resumeRemedy =
  "The last checkpoint is intact: the same command goes on from it (distill and demo: with --resume).";

export class TorchWorker {
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly server: Server;
  private socket: Socket | undefined;
  private pending: Pending | undefined;
  private failure: SkipthinkError | undefined;
  /** There may be a checkpoint to go on from. */
  private hasTrained = false;
  private stderr = "";
  private readonly killOnExit = (): void => this.kill();

  private constructor(folder: string, server: Server, options: WorkerOptions) {
    this.folder = folder;
    this.server = server;
    const environment = options.environment ?? process.env;
    const python = findPython(environment);
    this.child = spawn(python, workerArguments(join(folder, "socket"), folder, options), {
      env: workerEnvironment(environment) as NodeJS.ProcessEnv,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-keptOutput);
    });
    this.child.on("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "ENOENT" ? `there is no Python at ${python}` : error.message;
      this.fail(new SkipthinkError(what, { remedy: `Install it with: ${setupCommand}`, cause: error }));
    });
    // "close" comes when its messages have been read, too.
    this.child.on("close", (code, signal) => this.fail(this.describeEnd(code, signal)));
    process.once("exit", this.killOnExit);
  }

  /** Starts the processes and waits until rank 0 has called. @throws SkipthinkError saying what lacks */
  static async start(options: WorkerOptions): Promise<TorchWorker> {
    // Only this user can open the folder, hence the socket.
    const folder = await mkdtemp(join(tmpdir(), "skipthink-torch-"));
    const server = await listening(join(folder, "socket")).catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
    const worker = new TorchWorker(folder, server, options);
    try {
      await worker.connected();
    } catch (error) {
      await worker.stop();
      throw error;
    }
    return worker;
  }

  /** One request and its reply; `onEvent` gets the messages before the reply. @throws SkipthinkError when the worker fails */
  async request(
    message: Record<string, unknown>,
    arrays: Arrays = {},
    onEvent?: (message: Record<string, unknown>) => void,
  ): Promise<Frame> {
    if (this.failure !== undefined) throw this.failure;
    if (this.pending !== undefined) throw new Error("a student is not safe for concurrent calls");
    return await new Promise<Frame>((resolve, reject) => {
      this.pending = { resolve, reject, onEvent };
      this.hasTrained ||= trainingOperations.has(message.operation);
      this.busy();
      for (const part of encodeFrame(message, arrays)) this.socket!.write(part);
    });
  }

  /** Lets the worker end; kills what is left of it after a while. */
  async stop(): Promise<void> {
    process.off("exit", this.killOnExit);
    this.socket?.end();
    this.server.close();
    if (this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null) {
      this.busy();
      const timer = setTimeout(() => this.kill(), this.socket === undefined ? 0 : 5000);
      await new Promise<void>((resolve) => this.child.once("close", () => resolve()));
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve: () => undefined, reject, onEvent: undefined };
      this.server.once("connection", (socket) => {
        this.pending = undefined;
        this.socket = socket;
        const reader = new FrameReader();
        socket.on("data", (bytes) => {
          for (const frame of this.read(reader, bytes)) this.receive(frame);
        });
        // What ended the connection is told by the processes' end.
        socket.on("error", () => undefined);
        this.server.close();
        this.idle();
        resolve();
      });
    });
  }

  /** Whole frames; none of a stream that cannot be read, which is given up: where its next frame begins is not known. */
  private read(reader: FrameReader, bytes: Buffer): Frame[] {
    try {
      return reader.push(bytes);
    } catch (error) {
      // Its rank 0 ends when the socket does.
      this.socket?.destroy();
      this.fail(
        new SkipthinkError(
          `the PyTorch worker sent a message that cannot be read: ${(error as Error).message}`,
          {
            remedy: `Worker and skipthink may be of different versions: ${setupCommand} installs this one's.`,
            cause: error,
          },
        ),
      );
      return [];
    }
  }

  private receive(frame: Frame): void {
    const pending = this.pending;
    if (pending === undefined) return;
    if (frame.message.event !== undefined) {
      pending.onEvent?.(frame.message);
      return;
    }
    const note = frame.message.error as ErrorNote | undefined;
    // The cause comes with the end of the processes, which is waited for.
    if (note?.consequence) return;
    this.pending = undefined;
    this.idle();
    if (note === undefined) pending.resolve(frame);
    else pending.reject(noteError(note, this.goingOn()));
  }

  /** Keeps skipthink's process alive until the reply, or the end of the processes and all they say. */
  private busy(): void {
    this.child.ref();
    (this.child.stderr as unknown as Socket).ref();
    this.socket?.ref();
  }

  /** A worker that waits does not keep skipthink's process alive. */
  private idle(): void {
    this.child.unref();
    (this.child.stderr as unknown as Socket).unref();
    this.socket?.unref();
  }

  private fail(error: SkipthinkError): void {
    this.failure ??= error;
    const pending = this.pending;
    this.pending = undefined;
    pending?.reject(this.failure);
  }

  /** The error of the first rank that failed, whatever the others said after it. */
  private describeEnd(code: number | null, signal: NodeJS.Signals | null): SkipthinkError {
    const notes = readNotes(this.folder);
    const cause = notes.find(({ consequence }) => !consequence);
    if (cause !== undefined) return noteError(cause, this.goingOn());
    const lacks = missingModule(this.stderr);
    if (lacks !== undefined) return missingError(lacks);
    // torchrun: "exitcode  : -9 (pid: 123)" of the first rank that failed; those it ended itself stand before that.
    const rootCause = this.stderr.slice(Math.max(0, this.stderr.lastIndexOf("Root Cause")));
    const killed = rootCause.match(/rank\s*:\s*(\d+)[^\n]*\n\s*exitcode\s*:\s*-(\d+)/);
    if (killed !== null || signal !== null) {
      const who = killed === null ? "the PyTorch worker" : `rank ${killed[1]} of the PyTorch worker`;
      const why = killed === null ? signal! : killed[2] === "9" ? "SIGKILL" : `signal ${killed[2]}`;
      const hint = why === "SIGKILL" ? "The system does that when memory runs out. " : "";
      const remedy = `${hint}${this.goingOn().remedy ?? ""}`.trim();
      return new SkipthinkError(`${who} was killed (${why})`, remedy === "" ? {} : { remedy });
    }
    const last = this.stderr.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
    const what = `the PyTorch worker ended with code ${code}${last && `: ${last}`}`;
    return new SkipthinkError(what, this.goingOn());
  }

  /** The remedy where a failure has none of its own: none before a training has begun. */
  private goingOn(): { remedy?: string } {
    return this.hasTrained ? { remedy: resumeRemedy } : {};
  }

  private kill(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

/** A server on the socket. @throws SkipthinkError for a path that no socket can have */
async function listening(path: string): Promise<Server> {
  const length = Buffer.byteLength(path);
  if (length > socketPathBytes) {
    throw new SkipthinkError(
      `the folder for temporary files (TMPDIR) is too long: ${path} has ${length} bytes, a socket's path at most ${socketPathBytes}`,
      { remedy: "Set TMPDIR to a shorter folder: TMPDIR=/tmp" },
    );
  }
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(path, resolve);
  });
  return server;
}

function missingError(name: string): SkipthinkError {
  return new SkipthinkError(`Python has no package "${name}"`, {
    remedy: `Install it with: ${setupCommand}`,
  });
}

function noteError({ rank, message, remedy }: ErrorNote, otherwise: { remedy?: string }): SkipthinkError {
  const lacks = missingModule(message);
  if (lacks !== undefined) return missingError(lacks);
  return new SkipthinkError(
    `PyTorch worker, rank ${rank}: ${message}`,
    remedy === null ? otherwise : { remedy },
  );
}

/** Notes of the ranks that failed, first one first. */
function readNotes(folder: string): ErrorNote[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^error-rank-\d+\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as ErrorNote)
    .sort((a, b) => a.time - b.time);
}

function workerArguments(socket: string, notes: string, options: WorkerOptions): string[] {
  const { processes, torchrunArguments, device, threads } = options;
  const worker = ["--serve", socket, "--notes", notes, "--device", device, "--threads", String(threads)];
  if (processes === 1 && torchrunArguments.length === 0) return ["-m", "skipthink_torch", ...worker];
  const launcher = torchrunArguments.some((word) => /^--(nnodes|rdzv|master|standalone)/.test(word))
    ? []
    : ["--standalone"];
  return [
    "-m",
    "torch.distributed.run",
    ...launcher,
    `--nproc-per-node=${processes}`,
    ...torchrunArguments,
    "-m",
    "skipthink_torch",
    ...worker,
  ];
}
