/**
 * The main path of `skipthink teach`: open what was answered before, ask for the rest, judge everything, write it down. The
 * files are made from the store alone, so a run that was killed and resumed writes the same bytes as one that was not.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { exitCodes, inputError, SkipthinkError } from "../util/errors.ts";
import { Budget } from "./budget.ts";
import { TeacherClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Collected, collect } from "./collect.ts";
import type { TeachConfig } from "./config.ts";
import { converse } from "./conversation.ts";
import { resolveEndpoint } from "./endpoint.ts";
import { SampleFilter } from "./filter.ts";
import { RateLimiter } from "./limiter.ts";
import { type TaskOutput, type WrittenTask, writeOutputs } from "./output.ts";
import type { Reply, Usage } from "./reply.ts";
import { requestKey } from "./request.ts";
import { StatisticsCounter, type TaskStatistics } from "./statistics.ts";
import { AnswerStore } from "./store.ts";
import { readTasks, type TeachTask } from "./tasks.ts";

export const journalName = "answers.jsonl";
const retryReasonsNamed = 10;

export interface TeachOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** Looked at between requests; those under way are waited for. */
  stopRequested?: () => boolean;
  /** After each sample of `wanted`, with the tokens that the folder has cost so far. */
  onProgress?: (done: number, wanted: number, tokens: number) => void;
  /** Something people should know: what was left out, what was repeated. */
  onNote?: (text: string) => void;
  fetch?: typeof fetch;
  clock?: Clock;
}

export interface TeachResult {
  folder: string;
  written: WrittenTask[];
  tasks: TaskStatistics[];
  /** Replies in the store. */
  answers: number;
  /** Of all that the folder has ever cost, lost attempts included. */
  spent: Usage;
  /** Attempts that failed and were repeated, by reason. */
  retries: Record<string, number>;
  /** Why it is not complete; undefined if it is. The caller throws it once it has shown the rest. */
  incomplete: SkipthinkError | undefined;
}

/**
 * Asks a teacher for rationales and writes those whose answer is right.
 * @param folder new, empty, or of an earlier run: what is stored there is not asked again, whatever else has changed
 * @throws SkipthinkError (exit 2) for configuration and questions, before anything is asked
 */
export async function teach(
  config: TeachConfig,
  folder: string,
  options: TeachOptions,
): Promise<TeachResult> {
  const endpoint = resolveEndpoint(config.endpoint, options.environment);
  const { tasks, notes } = await readTasks(config.questions);
  await checkFolder(folder);
  const { store, notes: journalNotes } = await AnswerStore.open(join(folder, journalName));
  for (const note of [...notes, ...journalNotes]) options.onNote?.(note);
  try {
    await writeTextAtomically(join(folder, "teach.json"), `${JSON.stringify(config, null, 2)}\n`);
    const clock = options.clock ?? systemClock;
    const budget = new Budget(config, store.spent);
    const retries: Record<string, number> = {};
    const client = new TeacherClient({
      endpoint,
      limits: config.limits,
      seed: config.seed,
      budget,
      limiter: new RateLimiter(config.limits, clock),
      clock,
      fetch: options.fetch ?? fetch,
      hasAnswered: store.size > 0,
      onLost: (usage) => store.addLost(usage),
      onRetry(reason) {
        // Some servers write another message each time, e.g. with an id in it.
        const isNew = retries[reason] === undefined;
        const name = isNew && Object.keys(retries).length >= retryReasonsNamed ? "other" : reason;
        if (isNew && name !== "other") options.onNote?.(`repeating a request: ${reason}`);
        retries[name] = (retries[name] ?? 0) + 1;
      },
    });
    const wanted = tasks.reduce((sum, { problems }) => sum + problems.length, 0) * config.sampling.samples;
    const report = (done: number): void =>
      options.onProgress?.(done, wanted, store.spent.inputTokens + store.spent.outputTokens);
    report(0);
    const collected = await collect({
      config,
      tasks,
      store,
      client,
      stopRequested: options.stopRequested ?? (() => false),
      onSample: report,
    });
    const outputs = assemble(config, tasks, (key) => store.get(key));
    const written = await writeOutputs(folder, outputs);
    return {
      folder,
      written,
      tasks: outputs.map(({ statistics }) => statistics),
      answers: store.size,
      spent: { ...store.spent },
      retries,
      incomplete: whyIncomplete(collected),
    };
  } finally {
    await store.close();
  }
}

/** Every sample that the store has a complete reply for, judged, in the order of questions and samples. */
export function assemble(
  config: TeachConfig,
  tasks: readonly TeachTask[],
  replyOf: (key: string) => Reply | undefined,
): TaskOutput[] {
  const { samples } = config.sampling;
  return tasks.map(({ name, set, problems }) => {
    const output: TaskOutput = { kept: [], dropped: [], statistics: undefined as never };
    const filter = new SampleFilter(config.filter, set);
    const counter = new StatisticsCounter(name, problems.length, problems.length * samples);
    for (const problem of problems) {
      for (let index = 0; index < samples; index++) {
        const conversation = converse(config, problem.question, index);
        let step = conversation.next();
        while (!step.done) {
          const reply = replyOf(requestKey(step.value));
          if (reply === undefined) break;
          step = conversation.next(reply);
        }
        if (!step.done) {
          counter.addMissing();
          continue;
        }
        const sample = step.value;
        const { predicted, reason } = filter.judge(problem, sample);
        const row = {
          id: problem.id,
          question: problem.question,
          answer: problem.answer,
          rationale: sample.rationale,
          predicted,
          sample: index + 1,
          model: sample.model,
        };
        if (reason === undefined) {
          output.kept.push(row);
          counter.addKept(problem.id, sample.rationale);
        } else {
          output.dropped.push({ ...row, reason, text: sample.text });
          counter.addDropped(reason);
        }
      }
    }
    output.statistics = counter.statistics();
    return output;
  });
}

function whyIncomplete({ stopped, givenUp, firstReason }: Collected): SkipthinkError | undefined {
  if (stopped !== undefined || givenUp === 0) return stopped;
  return new SkipthinkError(`${givenUp} requests were given up, the first with: ${firstReason}`, {
    exitCode: exitCodes.teacher,
    remedy: "Everything else is done and written. Run the same command again to ask for these once more.",
  });
}

/** An answer folder has the journal; any other folder with something in it is somebody else's. */
async function checkFolder(folder: string): Promise<void> {
  if (!existsSync(folder) || existsSync(join(folder, journalName))) return;
  const present = await readdir(folder).catch(() => {
    throw inputError("a file stands where the output folder should be", { file: folder });
  });
  if (present.some((name) => !name.startsWith("."))) {
    throw inputError(
      "the output folder is not empty and holds no answers of a teacher",
      { file: folder },
      "Give a new folder with --out.",
    );
  }
}
