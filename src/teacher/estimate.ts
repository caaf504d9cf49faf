/** A dry run: what would be asked, what it costs at most, and what an earlier run has answered already. */
import { join } from "node:path";
import { cost, likelyInputTokens, worstUsage } from "./budget.ts";
import type { TeachConfig } from "./config.ts";
import { converse } from "./conversation.ts";
import { resolveEndpoint } from "./endpoint.ts";
import type { Reply, Usage } from "./reply.ts";
import { requestKey, type TeacherRequest } from "./request.ts";
import { readJournal } from "./store.ts";
import { readTasks } from "./tasks.ts";
import { journalName } from "./teach.ts";

export interface TeachEstimate {
  endpoint: string;
  model: string;
  tasks: { task: string; questions: number; samples: number }[];
  /** Requests in all, stored ones included; a second stage is counted for every sample. */
  requests: number;
  stored: number;
  toAsk: number;
  /** Of the requests to ask: about four characters a prompt token, and as long replies as the stored ones have. */
  likely: Usage;
  /** Of the requests to ask: what the budget would set aside for them. */
  atMost: Usage;
  /** In `currency`; undefined without prices. */
  likelyPrice: number | undefined;
  priceAtMost: number | undefined;
  currency: string | undefined;
  /** What the folder has cost so far. */
  spent: Usage;
  notes: string[];
}

/** Reads questions and journal; asks nothing and writes nothing. @throws SkipthinkError (exit 2), as `teach` */
export async function estimateTeach(
  config: TeachConfig,
  folder: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<TeachEstimate> {
  // A dry run needs no key: only its absence is forgiven.
  const variable = config.endpoint.keyVariable ?? "OPENAI_API_KEY";
  const { url } = resolveEndpoint(config.endpoint, { ...environment, [variable]: "none" });
  const { tasks, notes } = await readTasks(config.questions);
  const journal = folder === undefined ? { lines: [] } : await readJournal(join(folder, journalName));
  const replies = new Map<string, Reply>();
  const spent: Usage = { inputTokens: 0, outputTokens: 0 };
  const replyTokens: number[] = [];
  for (const line of journal.lines) {
    if (line.kind === "refused") continue;
    add(spent, line.counted);
    if (line.kind === "lost") continue;
    replies.set(line.key, line.reply as Reply);
    replyTokens.push(line.counted.outputTokens);
  }
  const meanReply =
    replyTokens.length === 0 ? undefined : replyTokens.reduce((sum, n) => sum + n, 0) / replyTokens.length;

  const estimate = { requests: 0, stored: 0, toAsk: 0 };
  const likely: Usage = { inputTokens: 0, outputTokens: 0 };
  const atMost: Usage = { inputTokens: 0, outputTokens: 0 };
  const count = (request: TeacherRequest): Reply | undefined => {
    estimate.requests++;
    const stored = replies.get(requestKey(request));
    if (stored !== undefined) {
      estimate.stored++;
      return stored;
    }
    estimate.toAsk++;
    const reply = Math.round(Math.min(request.maxTokens, meanReply ?? request.maxTokens));
    add(likely, { inputTokens: likelyInputTokens(request), outputTokens: reply });
    add(atMost, worstUsage(request));
    return undefined;
  };
  for (const { problems } of tasks) {
    for (const { question } of problems) {
      for (let index = 0; index < config.sampling.samples; index++) {
        const conversation = converse(config, question, index);
        let step = conversation.next();
        let unknown = 0;
        while (!step.done) {
          const reply = count(step.value);
          if (reply === undefined) unknown++;
          step = conversation.next(reply ?? imagined);
        }
        // The imagined first reply is one token long; the second prompt holds the whole of it.
        if (unknown === 2) {
          add(likely, { inputTokens: Math.round(meanReply ?? config.sampling.maxTokens), outputTokens: 0 });
          add(atMost, { inputTokens: 4 * config.sampling.maxTokens, outputTokens: 0 });
        }
      }
    }
  }
  const { price } = config;
  return {
    endpoint: url,
    model: config.endpoint.model,
    tasks: tasks.map(({ name, problems }) => ({
      task: name,
      questions: problems.length,
      samples: problems.length * config.sampling.samples,
    })),
    ...estimate,
    likely,
    atMost,
    likelyPrice: price === undefined ? undefined : cost(likely, price),
    priceAtMost: price === undefined ? undefined : cost(atMost, price),
    currency: price?.currency,
    spent,
    notes,
  };
}

/** Stands for a reply that is not there, so that a second stage is counted too. */
const imagined: Reply = { content: "…", reasoning: "", finish: "stop" };

function add(sum: Usage, more: Usage): void {
  sum.inputTokens += more.inputTokens;
  sum.outputTokens += more.outputTokens;
}
