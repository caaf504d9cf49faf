/**
 * Every answer the moment it arrives: a journal of JSON lines, each flushed to the disk before its request counts as done.
 * A process that is killed leaves at most half a line at the end, which is cut off when the journal is opened again.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { writeFully } from "../tensor/atomic-file.ts";
import { inputError } from "../util/errors.ts";
import { type FolderLock, lockFolder } from "../util/folder-lock.ts";
import type { Reply, Usage } from "./reply.ts";
import { requestKey, type TeacherRequest } from "./request.ts";

/** A reply is capped at 32 MiB when it arrives; nothing that was written here is longer. */
const longestLine = 256 << 20;

const usageSchema = z.object({ inputTokens: z.number().min(0), outputTokens: z.number().min(0) });
const keySchema = z.string().regex(/^[0-9a-f]{64}$/);
const lineSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("answer"),
    key: keySchema,
    request: z.object({
      api: z.enum(["chat", "completions"]),
      body: z.record(z.string(), z.unknown()),
      sample: z.int(),
    }),
    reply: z.object({
      content: z.string(),
      reasoning: z.string(),
      finish: z.enum(["stop", "length", "filtered", "other"]),
      usage: usageSchema.optional(),
      model: z.string().optional(),
    }),
    /** What counts against the budget: the reply's usage, or the most it can have been. */
    counted: usageSchema,
  }),
  /** An attempt without a reply that may have been charged. */
  z.object({ kind: z.literal("lost"), counted: usageSchema }),
  /** A request that the teacher wants nothing of; another run asks again, since another server may take it. */
  z.object({ kind: z.literal("refused"), key: keySchema, reason: z.string() }),
]);
type Line = z.output<typeof lineSchema>;

export interface OpenedStore {
  store: AnswerStore;
  /** What was wrong with the journal, for people. */
  notes: string[];
}

/** Answers by the address of their request. One process at a time. */
export class AnswerStore {
  /** Of everything in the journal. */
  readonly spent: Usage = { inputTokens: 0, outputTokens: 0 };
  private readonly answers: Map<string, Reply>;
  private readonly refused = new Set<string>();
  private readonly file: FileHandle;
  private readonly lock: FolderLock;
  private queued: { text: string; done: () => void; failed: (error: unknown) => void }[] = [];
  private writing: Promise<void> | undefined;
  /** After a failed write half a line may stand at the end: nothing may be written behind it. */
  private broken: { error: unknown } | undefined;

  private constructor(file: FileHandle, lock: FolderLock, lines: readonly Line[]) {
    this.file = file;
    this.lock = lock;
    this.answers = new Map();
    for (const line of lines) this.take(line);
  }

  /**
   * Opens or makes the journal. A last line without its end is cut off; other damaged lines are passed over, so that
   * their requests are asked again.
   * @throws SkipthinkError (exit 2) while another process has the journal open
   */
  static async open(path: string): Promise<OpenedStore> {
    const lock = await lockFolder(`${path}.lock`, { activity: "is asking for its answers" });
    try {
      const file = await open(path, "a");
      const { lines, wholeBytes, bytes, damaged } = await readJournal(path);
      const notes: string[] = [];
      if (wholeBytes < bytes) {
        await file.truncate(wholeBytes);
        notes.push("the last answer was half written when the run ended; it is asked for again");
      }
      if (damaged.length > 0) {
        notes.push(`${path}: ${damaged.length} damaged lines are passed over (first: line ${damaged[0]})`);
      }
      await syncFolder(dirname(path));
      return { store: new AnswerStore(file, lock, lines), notes };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get(key: string): Reply | undefined {
    return this.answers.get(key);
  }

  get size(): number {
    return this.answers.size;
  }

  /** Resolves once the answer is on the disk. */
  async put(request: TeacherRequest, reply: Reply, counted: Usage): Promise<void> {
    const { api, body, sample } = request;
    const line: Line = {
      kind: "answer",
      key: requestKey(request),
      request: { api, body, sample },
      reply,
      counted,
    };
    await this.append(line);
    this.take(line);
  }

  async addLost(counted: Usage): Promise<void> {
    const line: Line = { kind: "lost", counted };
    await this.append(line);
    this.take(line);
  }

  /** @returns false if an earlier run, or another sample, was refused the same request */
  async addRefused(request: TeacherRequest, reason: string): Promise<boolean> {
    const key = requestKey(request);
    if (this.refused.has(key)) return false;
    const line: Line = { kind: "refused", key, reason };
    this.take(line);
    await this.append(line);
    return true;
  }

  async close(): Promise<void> {
    await this.writing?.catch(() => {});
    await this.file.close();
    await this.lock.release();
  }

  private take(line: Line): void {
    if (line.kind === "refused") {
      this.refused.add(line.key);
      return;
    }
    this.spent.inputTokens += line.counted.inputTokens;
    this.spent.outputTokens += line.counted.outputTokens;
    if (line.kind === "answer") this.answers.set(line.key, line.reply as Reply);
  }

  private append(line: Line): Promise<void> {
    return new Promise((done, failed) => {
      if (this.broken !== undefined) return failed(this.broken.error);
      this.queued.push({ text: `${JSON.stringify(line)}\n`, done, failed });
      this.writing ??= this.writeQueued();
    });
  }

  /** Answers that arrive while the disk is busy share the next flush. */
  private async writeQueued(): Promise<void> {
    while (this.queued.length > 0) {
      const batch = this.queued;
      this.queued = [];
      try {
        if (this.broken !== undefined) throw this.broken.error;
        await writeFully(this.file, Buffer.from(batch.map(({ text }) => text).join(""), "utf8"));
        await this.file.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        this.broken = { error };
        for (const { failed } of batch) failed(error);
      }
    }
    this.writing = undefined;
  }
}

/** Reads a journal without opening it for writing; [] where there is none. */
export async function readJournal(
  path: string,
): Promise<{ lines: Line[]; wholeBytes: number; bytes: number; damaged: number[] }> {
  const lines: Line[] = [];
  const damaged: number[] = [];
  let number = 0;
  let bytes = 0;
  let wholeBytes = 0;
  let rest: Buffer[] = [];
  const takeLine = (): void => {
    const buffer = Buffer.concat(rest);
    rest = [];
    number++;
    wholeBytes += buffer.length + 1;
    const line = parseLine(buffer.toString("utf8"));
    if (line === undefined) damaged.push(number);
    else lines.push(line);
  };
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        rest.push(chunk.subarray(from, end));
        takeLine();
        from = end + 1;
      }
      rest.push(chunk.subarray(from));
      if (bytes - wholeBytes > longestLine) {
        throw inputError(
          "a line is longer than any answer",
          { file: path, line: number + 1 },
          "This is no journal of answers: give another folder with --out.",
        );
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return { lines, wholeBytes, bytes, damaged };
}

/** Undefined for a line that is no answer, or one whose request does not have the address it stands under. */
function parseLine(text: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const line = lineSchema.safeParse(value).data;
  return line?.kind === "answer" && requestKey(line.request) !== line.key ? undefined : line;
}

/** A new file's name lies in its folder, which some systems flush apart. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows opens no folders; there is nothing to flush.
  }
}
