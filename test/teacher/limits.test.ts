import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Budget, cost, worstUsage } from "../../src/teacher/budget.ts";
import { TeacherClient } from "../../src/teacher/client.ts";
import type { Clock } from "../../src/teacher/clock.ts";
import { teachSchema } from "../../src/teacher/config.ts";
import { type Admission, RateLimiter } from "../../src/teacher/limiter.ts";
import { canonicalJson, makeRequest } from "../../src/teacher/request.ts";
import { retryAfterMilliseconds } from "../../src/teacher/retry-after.ts";

const never = new AbortController().signal;

/** Sleeps end at once and move the time. */
class JumpingClock implements Clock {
  time = 0;
  readonly sleeps: number[] = [];
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number): Promise<void> {
    this.sleeps.push(milliseconds);
    this.time += milliseconds;
  }
}

/** Time moves to the end of the nearest sleep once nothing else is left to do. */
class SteppedClock implements Clock {
  time = 0;
  private sleeping: { until: number; wake: () => void }[] = [];
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const one = { until: this.time + milliseconds, wake: resolve };
      this.sleeping.push(one);
      signal?.addEventListener("abort", () => {
        this.sleeping = this.sleeping.filter((other) => other !== one);
        resolve();
      });
    });
  }
  async runUntil(end: number): Promise<void> {
    for (;;) {
      await new Promise((next) => setImmediate(next));
      const [next, ...later] = this.sleeping.sort((a, b) => a.until - b.until);
      if (next === undefined || next.until > end) return;
      this.sleeping = later;
      this.time = next.until;
      next.wake();
    }
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
    limiter.correct(first!, 100);
    expect((await limiter.admit(900, never))!.at).toBe(0);
    expect((await limiter.admit(5000, never))!.at).toBe(60_000);
  });

  it("comes close to the tokens per minute where replies are shorter than what is reserved, and never passes it", async () => {
    const clock = new SteppedClock();
    const limit = 10_000;
    const limiter = new RateLimiter({ tokensPerMinute: limit }, clock);
    const admitted: Admission[] = [];
    const worker = async (): Promise<void> => {
      for (;;) {
        const admission = (await limiter.admit(1000, never))!;
        admitted.push(admission);
        await clock.sleep(1500);
        limiter.correct(admission, 250);
      }
    };
    for (let i = 0; i < 16; i++) void worker();
    const minutes = 10;
    await clock.runUntil(minutes * 60_000);
    for (const { at } of admitted) {
      const window = admitted.filter((one) => one.at > at - 60_000 && one.at <= at);
      expect(window.length * 250).toBeLessThanOrEqual(limit);
    }
    const steady = admitted.filter(({ at }) => at >= 60_000).length * 250;
    expect(steady / ((minutes - 1) * limit)).toBeGreaterThan(0.85);
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
  const zone = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = "Asia/Tokyo";
  });
  afterAll(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });
  const now = Date.parse("2025-01-01T00:00:00Z");
  it.each([
    [{ "retry-after": "3" }, 3000],
    [{ "retry-after": "0.25" }, 250],
    [{ "retry-after": "Wed, 01 Jan 2025 00:00:07 GMT" }, 7000],
    // The two older forms, the last of which names no zone.
    [{ "retry-after": "Wednesday, 01-Jan-25 00:00:07 GMT" }, 7000],
    [{ "retry-after": "Wed Jan  1 00:00:07 2025" }, 7000],
    [{ "retry-after": "Tue, 31 Dec 2024 00:00:00 GMT" }, 0],
    [{ "retry-after": "3", "retry-after-ms": "40" }, 40],
    [{ "retry-after": "-3" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("%j", (headers, milliseconds) => {
    expect(retryAfterMilliseconds(new Headers(headers as Record<string, string>), now)).toBe(milliseconds);
  });
});

describe("a teacher that answers with an error and Retry-After", () => {
  const longAgo = "Tue, 31 Dec 2024 00:00:00 GMT";
  const config = (limits: object) =>
    teachSchema.parse({ questions: [{ file: "q" }], endpoint: { model: "m" }, limits });
  /** Asks one question, each attempt of which fails; after so many of them the teacher itself is the error. */
  async function ask(status: number, retryAfter: string, limits: object) {
    const clock = new JumpingClock();
    let asked = 0;
    const settings = config(limits);
    const client = new TeacherClient({
      endpoint: { url: "http://127.0.0.1:1/v1", stream: false, key: undefined },
      limits: settings.limits,
      seed: 1,
      budget: new Budget({ budget: {}, price: undefined }, { inputTokens: 0, outputTokens: 0 }),
      limiter: new RateLimiter({}, clock),
      clock,
      fetch: (async () => {
        if (++asked > 100) return new Response("asked without end", { status: 400 });
        return new Response("", { status, headers: { "retry-after": retryAfter } });
      }) as typeof fetch,
      onLost: async () => {},
      onRetry: () => {},
    });
    const draw = { sample: 0, seed: 1, maxTokens: 5, temperature: 0 };
    const error = await client
      .ask(makeRequest(settings, [{ role: "user", content: "?" }], draw), never)
      .catch((failed: unknown) => failed);
    return { error, asked, clock };
  }

  it.each([
    [429, "0"],
    [429, longAgo],
    [503, "0"],
  ])("%i and %s waits at least the back-off, and not without end", async (status, retryAfter) => {
    const { error, asked, clock } = await ask(status, retryAfter, { maxWaitSeconds: 20 });
    expect(error).toMatchObject({ exitCode: 3, message: expect.stringContaining("maxWaitSeconds") });
    // 1, 2, 4, 8 and 16 s, half of each drawn by lot.
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(8);
    expect(Math.min(...clock.sleeps)).toBeGreaterThanOrEqual(500);
    expect(clock.time).toBeLessThan(25_000);
  });

  it.each([408, 500, 502, 504])("%i is waited for no longer than limits.maxWaitSeconds", async (status) => {
    const patient = await ask(status, "999999999", { maxWaitSeconds: 86_400 });
    expect(patient.error).toMatchObject({ exitCode: 3, message: expect.stringContaining("maxWaitSeconds") });
    expect(patient.asked).toBe(1);
    expect(patient.clock.sleeps).toEqual([]);
    const twice = await ask(status, "15", { maxWaitSeconds: 30 });
    expect(twice.error).toMatchObject({ exitCode: 3, message: expect.stringContaining("wants 45 s") });
    expect(twice.clock.sleeps).toEqual([15_000, 15_000]);
  });

  it("500 has its retries all the same, whose own waits do not count", async () => {
    const limits = { retries: 6, backoffSeconds: 60, maxWaitSeconds: 7 };
    const { error, asked } = await ask(500, "1", limits);
    expect((error as Error).message).toBe("HTTP 500 (7 attempts)");
    expect(asked).toBe(7);
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

  it("sets more aside once replies were longer than their limit", async () => {
    const settings = teachSchema.parse({ questions: [{ file: "q" }], endpoint: { model: "m" } });
    const budget = new Budget({ budget: { tokens: 2000 }, price: undefined }, usage(0, 0));
    const clock = new JumpingClock();
    // The reasoning of a thousand tokens does not count against max_tokens.
    const wire = {
      choices: [{ message: { content: "x" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 1010 },
    };
    const client = new TeacherClient({
      endpoint: { url: "http://127.0.0.1:1/v1", stream: false, key: undefined },
      limits: settings.limits,
      seed: 1,
      budget,
      limiter: new RateLimiter({}, clock),
      clock,
      fetch: async () => new Response(JSON.stringify(wire)),
      onLost: async () => {},
      onRetry: () => {},
    });
    const ask = (seed: number) => {
      const draw = { sample: 0, seed, maxTokens: 5, temperature: 0 };
      return client.ask(makeRequest(settings, [{ role: "user", content: "?" }], draw), never);
    };
    await ask(1);
    await expect(ask(2)).rejects.toMatchObject({ exitCode: 4 });
    expect(budget.spent).toEqual(usage(9, 1001));
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

  it("takes every byte of sampling.extra for a token of the prompt", () => {
    const extra = { tools: [{ function: { name: "é", parameters: {} } }], documents: ["x".repeat(1000)] };
    const config = teachSchema.parse({
      questions: [{ file: "q" }],
      endpoint: { model: "m" },
      sampling: { extra, stop: ["\n\n"], topP: 0.9 },
    });
    const draw = { sample: 0, seed: 1, maxTokens: 9, temperature: 0 };
    const request = makeRequest(config, [{ role: "user", content: "héllo" }], draw);
    expect(worstUsage(request)).toEqual(
      usage(6 + 8 + 64 + Buffer.byteLength(canonicalJson(extra), "utf8"), 9),
    );
  });

  it.each(["n", "best_of", "use_beam_search", "n_predict"])(
    "cannot be passed by %s, which would make replies longer or more",
    (name) => {
      const { error } = teachSchema.safeParse({
        questions: [{ file: "q" }],
        endpoint: { model: "m" },
        sampling: { extra: { [name]: 4, top_k: 3 } },
      });
      expect(error?.issues.map(({ path }) => path)).toEqual([["sampling", "extra", name]]);
    },
  );
});
