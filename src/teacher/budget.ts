/**
 * What a folder may cost. Before a request goes out, the most it can cost is set aside; it goes only if everything spent
 * and set aside stays within the budget, so the budget is never passed.
 */
import { exitCodes, SkipthinkError } from "../util/errors.ts";
import { ownParameters, type TeachConfig } from "./config.ts";
import type { Usage } from "./reply.ts";
import { canonicalJson, promptText, type TeacherRequest } from "./request.ts";

/** Tokens that a chat template adds around the messages, at most (some add a system text of their own). */
const templateTokens = 64;

/**
 * The most a request can use: a token is never less than one byte of text, and the reply ends at its limit. Of
 * `sampling.extra` any byte may become part of the prompt (tools, documents, a schema).
 * @param inputOverhead tokens beyond the bytes that prompts were seen to have
 * @param outputOverhead tokens beyond their limit that replies were seen to have
 */
export function worstUsage(request: TeacherRequest, inputOverhead = 0, outputOverhead = 0): Usage {
  const messages = Array.isArray(request.body.messages) ? request.body.messages.length : 1;
  const extra = Object.entries(request.body).filter(([name]) => !ownParameters.includes(name));
  const extraText = extra.length === 0 ? "" : canonicalJson(Object.fromEntries(extra));
  const bytes = Buffer.byteLength(promptText(request) + extraText, "utf8");
  return {
    inputTokens: bytes + 8 * messages + Math.max(templateTokens, inputOverhead),
    outputTokens: request.maxTokens + outputOverhead,
  };
}

/** What a prompt is likely to have: four characters a token, as English has. */
export function likelyInputTokens(request: Pick<TeacherRequest, "body">): number {
  return Math.ceil(promptText(request).length / 4) + 8;
}

export function cost(usage: Usage, price: TeachConfig["price"]): number {
  if (price === undefined) return 0;
  return (
    (usage.inputTokens * price.inputPerMillion + usage.outputTokens * price.outputPerMillion) / 1_000_000
  );
}

export class Budget {
  readonly spent: Usage;
  private readonly limits: TeachConfig["budget"];
  private readonly price: TeachConfig["price"];
  private readonly reserved = new Set<Usage>();
  private waiting: (() => void)[] = [];
  private reachedError: SkipthinkError | undefined;

  /** @param spent by earlier runs in the same folder */
  constructor(config: Pick<TeachConfig, "budget" | "price">, spent: Usage) {
    this.limits = config.budget;
    this.price = config.price;
    this.spent = { ...spent };
  }

  /**
   * Sets the most that a request can use aside; waits while only requests under way stand against it.
   * @throws SkipthinkError (exit 4) once a request does not fit even with nothing under way; so do all later calls
   */
  async reserve(worst: Usage, signal: AbortSignal): Promise<Usage> {
    for (;;) {
      if (this.reachedError !== undefined) throw this.reachedError;
      if (signal.aborted || this.fits(worst)) break;
      if (this.reserved.size === 0) {
        this.reachedError = this.reached(worst);
        this.wake();
        throw this.reachedError;
      }
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    const reservation = { ...worst };
    this.reserved.add(reservation);
    return reservation;
  }

  /** Ends a reservation; `used` is what it came to, undefined for nothing. */
  settle(reservation: Usage, used: Usage | undefined): void {
    this.reserved.delete(reservation);
    if (used !== undefined) {
      this.spent.inputTokens += used.inputTokens;
      this.spent.outputTokens += used.outputTokens;
    }
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private fits(more: Usage): boolean {
    const total = { ...this.spent };
    for (const { inputTokens, outputTokens } of [...this.reserved, more]) {
      total.inputTokens += inputTokens;
      total.outputTokens += outputTokens;
    }
    const { tokens = Infinity, money = Infinity } = this.limits;
    return total.inputTokens + total.outputTokens <= tokens && cost(total, this.price) <= money;
  }

  private reached(worst: Usage): SkipthinkError {
    const tokens = this.spent.inputTokens + this.spent.outputTokens;
    const next = worst.inputTokens + worst.outputTokens;
    const sums = [`${tokens} tokens are used, the next request may take ${next}`];
    if (this.limits.tokens !== undefined) sums.push(`the budget is ${this.limits.tokens} tokens`);
    if (this.limits.money !== undefined) {
      const currency = this.price?.currency ?? "";
      const used = cost(this.spent, this.price).toFixed(4);
      sums.push(`${used} of ${this.limits.money} ${currency} are spent`);
    }
    return new SkipthinkError(`the budget is reached: ${sums.join("; ")}`, {
      exitCode: exitCodes.budget,
      place: { key: "budget" },
      remedy: "Every answer is kept. Raise the budget and run the same command again to go on.",
    });
  }
}
