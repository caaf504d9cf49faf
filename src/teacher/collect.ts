/** Asks for every sample that the store does not hold yet, several at once, and stores each reply as it comes. */
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import { GivenUp, type TeacherClient } from "./client.ts";
import type { TeachConfig } from "./config.ts";
import { converse } from "./conversation.ts";
import type { Reply } from "./reply.ts";
import { requestKey, type TeacherRequest } from "./request.ts";
import type { AnswerStore } from "./store.ts";
import type { TeachTask } from "./tasks.ts";

/** How often a stop request is looked for while everything waits, milliseconds. */
const pollMilliseconds = 100;

export interface CollectOptions {
  config: TeachConfig;
  tasks: readonly TeachTask[];
  store: AnswerStore;
  client: TeacherClient;
  stopRequested: () => boolean;
  /** After each sample. */
  onSample: (done: number) => void;
}

export interface Collected {
  /** Requests that were given up, and the first reason. */
  givenUp: number;
  firstReason: string | undefined;
  /** Why it ended before every sample was asked for: the teacher (3), the budget (4) or the user (130). */
  stopped: SkipthinkError | undefined;
}

/** Never throws for what the teacher does; what was stored before stays. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const { config, tasks } = options;
  const result: Collected = { givenUp: 0, firstReason: undefined, stopped: undefined };
  const abort = new AbortController();
  const asking = new Map<string, Promise<Reply | undefined>>();
  let inARow = 0;
  let done = 0;

  const stop = (error: SkipthinkError): void => {
    // A fault of the teacher tells more than the budget that runs out in the same moment.
    if (result.stopped === undefined || error.exitCode === exitCodes.teacher) result.stopped = error;
    abort.abort();
  };
  const poll = setInterval(() => {
    if (options.stopRequested() && !abort.signal.aborted) stop(interrupted());
  }, pollMilliseconds);

  const giveUp = (error: GivenUp): void => {
    result.givenUp++;
    result.firstReason ??= error.message;
    // It says nothing about how the teacher is today.
    if (error.wasRefusedBefore) return;
    inARow++;
    if (inARow >= config.limits.stopAfterFailures) stop(tooManyFailures(inARow, error.message));
  };

  /** The reply from the store, or from the teacher; undefined when there is none to be had. */
  const replyTo = async (request: TeacherRequest): Promise<Reply | undefined> => {
    const key = requestKey(request);
    const stored = options.store.get(key);
    if (stored !== undefined) return stored;
    if (abort.signal.aborted) return undefined;
    // Two tasks may hold the same question.
    let asked = asking.get(key);
    if (asked === undefined) {
      asked = askAndStore(request).finally(() => asking.delete(key));
      asking.set(key, asked);
    }
    return await asked;
  };
  const askAndStore = async (request: TeacherRequest): Promise<Reply | undefined> => {
    const counted = await options.client.ask(request, abort.signal).catch(async (error: unknown) => {
      if (error instanceof GivenUp && error.isRefused) {
        error.wasRefusedBefore = !(await options.store.addRefused(request, error.message));
      }
      throw error;
    });
    if (counted === undefined) return undefined;
    await options.store.put(request, counted.reply, counted.usage);
    inARow = 0;
    return counted.reply;
  };

  const work = jobs(config, tasks);
  const worker = async (): Promise<void> => {
    for (const { question, index } of work) {
      try {
        const conversation = converse(config, question, index);
        let step = conversation.next();
        while (!step.done) {
          const reply = await replyTo(step.value);
          if (reply === undefined) break;
          step = conversation.next(reply);
        }
      } catch (error) {
        if (error instanceof GivenUp) giveUp(error);
        else if (error instanceof SkipthinkError) stop(error);
        else {
          abort.abort();
          throw error;
        }
      }
      if (abort.signal.aborted) return;
      options.onSample(++done);
    }
  };
  try {
    // Those under way end by themselves, so that what they cost is not lost.
    const ends = await Promise.allSettled(Array.from({ length: config.limits.concurrency }, worker));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    clearInterval(poll);
  }
  return result;
}

/** Every sample, question by question; shared by the workers. */
function* jobs(
  { sampling }: TeachConfig,
  tasks: readonly TeachTask[],
): Generator<{ question: string; index: number }, void> {
  for (const { problems } of tasks) {
    for (const { question } of problems) {
      for (let index = 0; index < sampling.samples; index++) yield { question, index };
    }
  }
}

function interrupted(): SkipthinkError {
  return new SkipthinkError("interrupted; every answer is kept", { exitCode: exitCodes.interrupted });
}

function tooManyFailures(count: number, reason: string): SkipthinkError {
  return new SkipthinkError(`${count} requests in a row were given up, the last with: ${reason}`, {
    exitCode: exitCodes.teacher,
    place: { key: "limits.stopAfterFailures" },
    remedy: "Correct what the teacher complains about and run the same command again; every answer is kept.",
  });
}
