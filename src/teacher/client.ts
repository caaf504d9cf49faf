/** Asks the teacher: budget, rate limits, attempts with waits between them. What comes back is stored by the caller. */
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import { RandomStream } from "../util/random.ts";
import { type Budget, likelyInputTokens, worstUsage } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { TeachConfig } from "./config.ts";
import type { Endpoint } from "./endpoint.ts";
import { AttemptError, send } from "./http.ts";
import type { RateLimiter } from "./limiter.ts";
import type { Reply, Usage } from "./reply.ts";
import { requestKey, type TeacherRequest } from "./request.ts";

export interface ClientOptions {
  endpoint: Endpoint;
  limits: TeachConfig["limits"];
  seed: number;
  budget: Budget;
  limiter: RateLimiter;
  clock: Clock;
  fetch: typeof fetch;
  /** The teacher has answered earlier runs, so what it forbids is the single request. */
  hasAnswered?: boolean;
  /** An attempt failed and may have been charged all the same; the caller remembers it against the budget. */
  onLost: (usage: Usage) => Promise<void>;
  /** An attempt failed and is repeated. */
  onRetry: (reason: string) => void;
}

/** A request that was given up; others may still succeed. */
export class GivenUp extends Error {
  /** The teacher wants nothing of this one; it has not merely failed. */
  readonly isRefused: boolean;
  /** Set by the caller: so it was the last time. */
  wasRefusedBefore = false;

  constructor(message: string, isRefused = false) {
    super(message);
    this.isRefused = isRefused;
  }
}

/** The reply and what it is counted as where the server gives no usage. */
export interface CountedReply {
  reply: Reply;
  usage: Usage;
}

export class TeacherClient {
  private readonly options: ClientOptions;
  private anyReply = false;
  private inputOverhead = 0;
  /** Tokens beyond their limit that replies were seen to have: not every server counts reasoning against it. */
  private outputOverhead = 0;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /**
   * Asks until there is a reply, the attempts are used up, or the signal is raised between two attempts.
   * @returns undefined when the signal ended it
   * @throws GivenUp for this request alone; SkipthinkError exit 3 for a fault that every request would meet, exit 4 for the
   *   budget
   */
  async ask(request: TeacherRequest, signal: AbortSignal): Promise<CountedReply | undefined> {
    const { limits, clock, limiter } = this.options;
    const random = new RandomStream(this.options.seed, `teacher/wait/${requestKey(request)}`);
    let waited = 0;
    let failures = 0;
    for (let attempts = 0; ; attempts++) {
      try {
        return await this.attempt(request, signal);
      } catch (error) {
        if (!(error instanceof AttemptError)) throw error;
        const { kind, retryAfterMilliseconds } = error.failure;
        const forbidsAll = kind === "forbidden" && !this.anyReply && !this.options.hasAnswered;
        if (kind === "fatal" || forbidsAll) throw this.fatal(error.message);
        if (kind === "refused" || kind === "forbidden") throw new GivenUp(error.message, true);
        // A wrong address shows at once; a server that was there before is waited for.
        if (kind === "unreachable" && !this.anyReply && attempts >= 1) throw this.fatal(error.message);
        const isRateLimited = kind === "rateLimited";
        if (!isRateLimited && ++failures > limits.retries) {
          throw new GivenUp(`${error.message} (${failures} attempts)`);
        }
        const backoff = backoffMilliseconds(limits, attempts, random);
        let wait = Math.max(backoff, retryAfterMilliseconds ?? 0);
        // A failure that is no matter of the rate has its retries: of its wait, only what the endpoint asks for counts.
        waited += isRateLimited ? wait : (retryAfterMilliseconds ?? 0);
        if (waited > limits.maxWaitSeconds * 1000) {
          throw this.fatal(
            `${error.message}; the endpoint wants ${Math.ceil(waited / 1000)} s of waiting for one request (limits.maxWaitSeconds is ${limits.maxWaitSeconds})`,
          );
        }
        if (isRateLimited) {
          limiter.pause(wait);
          // Spread out, so that those who waited do not all come back in the same moment.
          wait += random.next() * Math.min(backoff, 1000);
        }
        this.options.onRetry(error.message);
        await clock.sleep(wait, signal);
      }
    }
  }

  private async attempt(request: TeacherRequest, signal: AbortSignal): Promise<CountedReply | undefined> {
    const { budget, limiter, limits } = this.options;
    const worst = worstUsage(request, this.inputOverhead, this.outputOverhead);
    const reservation = await budget.reserve(worst, signal);
    let used: Usage | undefined;
    try {
      const admission = await limiter.admit(likelyInputTokens(request) + request.maxTokens, signal);
      if (admission === undefined || signal.aborted) return undefined;
      const reply = await send(this.options.endpoint, request, {
        timeoutMilliseconds: limits.timeoutSeconds * 1000,
        fetch: this.options.fetch,
      });
      this.anyReply = true;
      used = reply.usage ?? {
        inputTokens: worst.inputTokens,
        // A token is at least a byte, so this is no less than there were.
        outputTokens: Math.min(
          worst.outputTokens,
          Buffer.byteLength(reply.content + reply.reasoning, "utf8"),
        ),
      };
      limiter.correct(admission, used.inputTokens + used.outputTokens);
      const bytes = worstUsage(request).inputTokens;
      this.inputOverhead = Math.max(this.inputOverhead, used.inputTokens - bytes + 2 * 64);
      this.outputOverhead = Math.max(this.outputOverhead, used.outputTokens - request.maxTokens);
      return { reply, usage: used };
    } catch (error) {
      if (error instanceof AttemptError && error.failure.maybeCharged) {
        used = worst;
        await this.options.onLost(worst);
      }
      throw error;
    } finally {
      budget.settle(reservation, used);
    }
  }

  private fatal(message: string): SkipthinkError {
    return new SkipthinkError(`the teacher at ${this.options.endpoint.url} cannot be used: ${message}`, {
      exitCode: exitCodes.teacher,
      place: { key: "endpoint" },
      remedy: "Check address, model name and key. Every answer is kept: run the same command again to go on.",
    });
  }
}

/** Doubles with each attempt up to the cap; the upper half is drawn by lot. */
function backoffMilliseconds(limits: TeachConfig["limits"], attempts: number, random: RandomStream): number {
  const whole =
    Math.min(limits.maxBackoffSeconds, limits.backoffSeconds * 2 ** Math.min(attempts, 30)) * 1000;
  return whole * (0.5 + 0.5 * random.next());
}
