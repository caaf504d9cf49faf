import { describe, expect, it } from "vitest";
import { Budget, cost, worstUsage } from "../../src/teacher/budget.ts";
import type { Clock } from "../../src/teacher/clock.ts";
import { RateLimiter } from "../../src/teacher/limiter.ts";
import { retryAfterMilliseconds } from "../../src/teacher/retry-after.ts";

const never = new AbortController().signal;

/** Sleeps end at once and move the time. */
class JumpingClock implements Clock {
  time = 0;
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
  }
}

describe("the rate limiter", () => {
  it("lets at most so many requests and tokens through in any minute, and wastes no time", async () => {
    const clock = new JumpingClock();
    const limiter = new RateLimiter({ requestsPerMinute: 5, tokensPerMinute: 1000 }, clock);
    const admitted: { at: number; tokens: number }[] = [];
    for (let i = 0; i < 60; i++) {
      admitted.push((await limiter.admit(i % 2 === 0 ? 100 : 400, never))!);
      clock.time += 700;
    }
    for (const { at } of admitted) {
      const window = admitted.filter((one) => one.at > at - 60_000 && one.at <= at);
      expect(window.length).toBeLessThanOrEqual(5);
      expect(window.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(1000);
    }
    // Four of 250 tokens on average fit into a minute: sixty take no more than fifteen.
    expect(admitted.at(-1)!.at).toBeLessThanOrEqual(15 * 60_000);
  });

  it("corrects a guess of tokens, and lets a request of more than a minute's tokens through alone", async () => {
    const clock = new JumpingClock();
    const limiter = new RateLimiter({ tokensPerMinute: 1000 }, clock);
    const first = await limiter.admit(900, never);
    first!.tokens = 100;
    expect((await limiter.admit(900, never))!.at).toBe(0);
    expect((await limiter.admit(5000, never))!.at).toBe(60_000);
  });

  it("holds everything back while the endpoint wants a pause", async () => {
    const clock = new JumpingClock();
    const limiter = new RateLimiter({}, clock);
    limiter.pause(2500);
    expect((await limiter.admit(1, never))!.at).toBe(2500);
    const stopped = AbortSignal.abort();
    expect(await limiter.admit(1, stopped)).toBeUndefined();
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2025-01-01T00:00:00Z");
  it.each([
    [{ "retry-after": "3" }, 3000],
    [{ "retry-after": "0.25" }, 250],
    [{ "retry-after": "Wed, 01 Jan 2025 00:00:07 GMT" }, 7000],
    [{ "retry-after": "Tue, 31 Dec 2024 00:00:00 GMT" }, 0],
    [{ "retry-after": "3", "retry-after-ms": "40" }, 40],
    [{ "retry-after": "-3" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("%j", (headers, milliseconds) => {
    expect(retryAfterMilliseconds(new Headers(headers as Record<string, string>), now)).toBe(milliseconds);
  });
});

describe("the budget", () => {
  const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens });
  const price = { inputPerMillion: 2_000_000, outputPerMillion: 10_000_000, currency: "EUR" };

  it("waits for requests under way, then stops before it would be passed", async () => {
    const budget = new Budget({ budget: { tokens: 100 }, price: undefined }, usage(30, 10));
    const first = await budget.reserve(usage(10, 40), never);
    const second = budget.reserve(usage(10, 20), never);
    // 40 spent and 50 set aside leave 10; once the first turns out small there is room.
    budget.settle(first, usage(10, 5));
    budget.settle(await second, usage(10, 20));
    expect(budget.spent).toEqual(usage(50, 35));
    await expect(budget.reserve(usage(10, 6), never)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining("85 tokens are used, the next request may take 16"),
    });
    await expect(budget.reserve(usage(1, 1), never)).rejects.toMatchObject({ exitCode: 4 });
  });

  it("counts money", async () => {
    expect(cost(usage(3, 2), price)).toBe(26);
    const budget = new Budget({ budget: { money: 30 }, price }, usage(0, 0));
    budget.settle(await budget.reserve(usage(5, 2), never), usage(3, 2));
    budget.settle(await budget.reserve(usage(2, 0), never), undefined);
    await expect(budget.reserve(usage(3, 0), never)).rejects.toMatchObject({
      message: expect.stringContaining("26.0000 of 30 EUR"),
    });
  });

  it("takes a token for no less than a byte of the prompt", () => {
    const request = { api: "completions", body: { prompt: "héllo" }, sample: 0, maxTokens: 9 } as const;
    expect(worstUsage(request)).toEqual(usage(6 + 8 + 64, 9));
  });
});
