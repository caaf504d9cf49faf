/** A side of a comparison in a process of its own: one JSON line in, one JSON line out, so that both sides can alternate. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** Answer to `{"steps": n}`. */
export interface StepTimes {
  /** Wall-clock and processor seconds (all threads) of each step. */
  seconds: number[];
  cpuSeconds: number[];
  losses: number[];
  /** Largest resident set of the process so far. */
  peakMegabytes: number;
}

/** First line of a worker, when it is ready. */
export interface WorkerReady {
  versions: Record<string, string>;
}

export class Worker {
  ready: WorkerReady | undefined;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterableIterator<string>;
  private readonly name: string;

  constructor(name: string, command: string, args: readonly string[]) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.child.on("error", (error) => {
      console.error(
        `${command} does not start (${error.message}); SKIPTHINK_PYTHON names a Python with torch, --no-pytorch goes without`,
      );
    });
    // A process that has ended is noticed when its answer is read.
    this.child.stdin!.on("error", () => {});
    const reader: Interface = createInterface({ input: this.child.stdout! });
    this.lines = reader[Symbol.asyncIterator]();
  }

  async start(): Promise<this> {
    this.ready = await this.read<WorkerReady>();
    return this;
  }

  async steps(count: number): Promise<StepTimes> {
    this.child.stdin!.write(JSON.stringify({ steps: count }) + "\n");
    return await this.read<StepTimes>();
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private async read<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the ${this.name} process ended; see its message above`);
    return JSON.parse(value) as T;
  }
}
