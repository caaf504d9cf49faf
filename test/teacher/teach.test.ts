import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/rationale/dataset.ts";
import { estimateTeach } from "../../src/teacher/estimate.ts";
import { teach } from "../../src/teacher/teach.ts";
import { type Fault, type ScriptedEndpoint, startScripted } from "./scripted-endpoint.ts";
import { configOf, outputsOf, temporaryFolder, writeQuestions } from "./setting.ts";

let folder: string;
let few: string;
const environment = {};
const endpoints: ScriptedEndpoint[] = [];
const scripted = async (...script: Parameters<typeof startScripted>): Promise<ScriptedEndpoint> => {
  const endpoint = await startScripted(...script);
  endpoints.push(endpoint);
  return endpoint;
};
beforeAll(async () => {
  folder = await temporaryFolder();
  few = await writeQuestions(folder, 4);
});
afterAll(async () => {
  for (const endpoint of endpoints) await endpoint.close();
  await rm(folder, { recursive: true });
});

describe("two hundred questions, three samples each", () => {
  const samples = { sampling: { samples: 3 } };
  let calm: ScriptedEndpoint;
  let questions: string;
  let expected: Record<string, string>;
  beforeAll(async () => {
    questions = await writeQuestions(folder, 200);
    calm = await scripted({ delay: 0 });
    const out = join(folder, "calm");
    const result = await teach(configOf(questions, calm.url, samples), out, { environment });
    expect(result.incomplete).toBeUndefined();
    expected = await outputsOf(out);
  }, 60_000);

  it("end complete and the same, whatever the endpoint does", async () => {
    const stormy = await scripted({ faultShare: 0.3 });
    const out = join(folder, "stormy");
    const limits = { timeoutSeconds: 5, concurrency: 32 };
    const result = await teach(configOf(questions, stormy.url, { ...samples, limits }), out, { environment });
    expect(result.incomplete).toBeUndefined();
    expect(result.answers).toBe(600);
    expect(await outputsOf(out)).toEqual(expected);
    expect(stormy.answered.size).toBe(600);
    // Asked twice only where the reply came after the time-out, which a very busy machine can make happen.
    const twice = [...stormy.answered.values()].reduce((sum, count) => sum + count - 1, 0);
    const late = (result.retries["no reply within 5 s"] ?? 0) - stormy.played.hang!;
    expect(late).toBeGreaterThanOrEqual(0);
    expect(twice).toBeLessThanOrEqual(late);
    // Every fault was met.
    expect(Object.keys(stormy.played)).toHaveLength(9);
    expect(Object.values(result.retries).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(150);
  });

  it("say what fell out and why", async () => {
    const { tasks } = JSON.parse(expected["statistics.json"]!) as { tasks: Record<string, unknown>[] };
    const dropped = tasks[0]!.dropped as Record<string, number>;
    expect(tasks[0]).toMatchObject({ task: "sums", questions: 200, wanted: 600, missing: 0 });
    for (const reason of ["truncated", "empty", "unreadable", "wrong", "duplicate"]) {
      expect(dropped[reason], reason).toBeGreaterThan(0);
    }
    const lines = (name: string) =>
      expected[name]!.trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines("rationales/sums.jsonl").length).toBe(tasks[0]!.kept);
    expect(lines("dropped/sums.jsonl").length).toBe(600 - (tasks[0]!.kept as number));
    const wrong = lines("dropped/sums.jsonl").find(({ reason }) => reason === "wrong")!;
    expect(Number(wrong.predicted)).toBe(Number(wrong.answer) + 1);
    expect(wrong.text).toContain(`Answer: ${wrong.predicted}`);
  });

  it("come in the order of questions and samples, as distill reads them", async () => {
    const rows = expected["rationales/sums.jsonl"]!.trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string; sample: number });
    const order = rows.map(({ id, sample }) => Number(id.slice(1)) * 10 + sample);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    const data = await loadDataset({
      train: join(folder, "calm/rationales/sums.jsonl"),
      fields: { question: "question", rationale: "rationale", answer: "answer" },
      answerKind: "number",
      devShare: 0,
      testShare: 0,
      seed: 1,
      onBadRow: "stop",
    });
    expect(data.train).toHaveLength(rows.length);
    expect(data.train[0]!.text).toMatch(/^I add .* = 0\.$/);
  });

  it("are not asked again, and a changed prompt asks only what changed", async () => {
    const out = join(folder, "calm");
    const before = calm.asked.length;
    const again = await teach(
      configOf(questions, calm.url, { ...samples, filter: { answers: "any" } }),
      out,
      {
        environment,
      },
    );
    expect(calm.asked.length).toBe(before);
    expect(again.tasks[0]!.dropped.wrong).toBe(0);
    // One question more, and one sample more of each.
    const more = await writeQuestions(folder, 201);
    await teach(configOf(more, calm.url, { sampling: { samples: 4 } }), out, { environment });
    expect(calm.asked.length).toBe(before + 201 + 3);
    const estimate = await estimateTeach(
      configOf(more, calm.url, { ...samples, prompt: { question: "{question} Please." } }),
      out,
      environment,
    );
    expect(estimate).toMatchObject({ requests: 603, stored: 0, toAsk: 603 });
  });
});

describe("the budget", () => {
  it("stops before it is passed, keeps everything, and goes on when it is raised", async () => {
    const endpoint = await scripted({ delay: 0 });
    const questions = await writeQuestions(folder, 50);
    const out = join(folder, "budget");
    const price = { inputPerMillion: 1e6, outputPerMillion: 1e6 };
    for (const changes of [{ budget: { tokens: 1000 } }, { budget: { money: 2000 }, price }]) {
      const budget = Object.values(changes.budget)[0]!;
      const config = configOf(questions, endpoint.url, { ...changes, sampling: { maxTokens: 100 } });
      const result = await teach(config, out, { environment });
      expect(result.incomplete).toMatchObject({ exitCode: 4 });
      const spent = result.spent.inputTokens + result.spent.outputTokens;
      expect(spent).toBeLessThanOrEqual(budget);
      // Less than one request of room was left.
      expect(spent).toBeGreaterThan(budget - 500);
      expect(result.tasks[0]!.missing).toBe(50 - result.answers);
      expect(result.tasks[0]!.kept).toBeGreaterThan(5);
    }
    const rest = await teach(configOf(questions, endpoint.url, { sampling: { maxTokens: 100 } }), out, {
      environment,
    });
    expect(rest.incomplete).toBeUndefined();
    expect([...endpoint.answered.values()]).toEqual(Array(50).fill(1));
  });

  it("counts attempts that may have been charged", async () => {
    const endpoint = await scripted({ faultsOf: (_body, attempt) => (attempt < 2 ? "cut" : undefined) });
    const limits = { retries: 2, concurrency: 1 };
    const config = configOf(few, endpoint.url, { limits, budget: { tokens: 2200 } });
    const result = await teach(config, join(folder, "charged"), { environment });
    // A prompt of some 230 bytes and 512 tokens are set aside each time.
    expect(result.incomplete).toMatchObject({ exitCode: 4 });
    expect(result.answers).toBe(1);
    // What the run tells is what the next one finds.
    const { spent } = await estimateTeach(config, result.folder, environment);
    expect(result.spent).toEqual(spent);
    expect(spent.outputTokens).toBeGreaterThan(2 * 512);
  });
});

describe("a teacher that cannot be used", () => {
  const statusServer = (status: number, body: object) =>
    scripted({ delay: 0, answerOf: () => body, faultsOf: () => undefined }).then((endpoint) => ({
      endpoint,
      // Only the status differs from an answer.
      fetch: (async (input, init) =>
        new Response(await (await fetch(input, init)).text(), {
          status,
          headers: { location: "/x" },
        })) as typeof fetch,
    }));

  it.each([
    [401, { error: { message: "Incorrect API key provided: sk-secret-key" } }, "[key]"],
    [404, { error: { message: "The model `scripted` does not exist" } }, "does not exist"],
    [429, { error: { message: "You exceeded your quota", code: "insufficient_quota" } }, "quota"],
    [302, {}, "leads on to another one"],
  ])("HTTP %i stops at once", async (status, body, message) => {
    const { endpoint, fetch } = await statusServer(status, body);
    const out = join(folder, `status-${status}`);
    const config = configOf(few, endpoint.url, {
      endpoint: { keyVariable: "MY_KEY" },
      limits: { concurrency: 1 },
    });
    const result = await teach(config, out, { environment: { MY_KEY: "sk-secret-key" }, fetch });
    expect(result.incomplete).toMatchObject({ exitCode: 3, message: expect.stringContaining(message) });
    expect(endpoint.asked).toHaveLength(1);
    expect([...endpoint.keys]).toEqual(["Bearer sk-secret-key"]);
    expect(result.incomplete!.message).not.toContain("sk-secret");
  });

  it("that refuses single requests is asked for the others", async () => {
    const { endpoint, fetch } = await statusServer(400, { error: "too long" });
    const result = await teach(configOf(few, endpoint.url), join(folder, "refused"), { environment, fetch });
    expect(result.incomplete).toMatchObject({
      exitCode: 3,
      message: "4 requests were given up, the first with: HTTP 400: too long",
    });
    expect(endpoint.asked).toHaveLength(4);
    expect(result.tasks[0]).toMatchObject({ missing: 4, kept: 0 });
  });

  describe("that forbids a question", () => {
    const flagged = { code: 403, message: "your input was flagged", metadata: { reasons: ["violence"] } };
    const forbidden = { code: 403, message: "Forbidden" };
    /** Answers every question but those that hold one of the texts. */
    const guarded = async (error: object, texts: readonly string[]) => {
      const endpoint = await scripted({ delay: 0 });
      const guard: typeof fetch = async (input, init) =>
        texts.some((text) => String(init!.body).includes(text))
          ? new Response(JSON.stringify({ error }), { status: 403 })
          : await fetch(input, init);
      return { endpoint, guard };
    };
    const limits = { concurrency: 1 };

    it("is asked for the others, even if it is the first", async () => {
      const { endpoint, guard } = await guarded(flagged, ["What is 0 "]);
      const result = await teach(configOf(few, endpoint.url, { limits }), join(folder, "flagged"), {
        environment,
        fetch: guard,
      });
      expect(result.answers).toBe(3);
      expect(result.incomplete!.message).toBe(
        "1 requests were given up, the first with: HTTP 403: your input was flagged",
      );
    });

    it("without a reason may refuse everything: it is asked for the others once it has answered", async () => {
      const out = join(folder, "forbidden");
      const config = (url: string) => configOf(few, url, { limits });
      const first = await guarded(forbidden, ["What is 0 "]);
      const never = await teach(config(first.endpoint.url), out, { environment, fetch: first.guard });
      expect(never.incomplete!.message).toContain("cannot be used: HTTP 403: Forbidden");
      expect(never.answers).toBe(0);
      const second = await guarded(forbidden, ["What is 1 "]);
      const some = await teach(config(second.endpoint.url), out, { environment, fetch: second.guard });
      expect(some.answers).toBe(3);
      // The store's replies are evidence, too.
      const third = await guarded(forbidden, ["What is 1 "]);
      const again = await teach(config(third.endpoint.url), out, { environment, fetch: third.guard });
      expect(again.incomplete!.message).toMatch(/^1 requests were given up/);
      // They say nothing about an address.
      await third.endpoint.close();
      const nobody = await teach(config(third.endpoint.url), out, { environment });
      expect(nobody.incomplete!.message).toContain("cannot be used: no connection");
    });

    it("and many others is not taken for broken when the run goes on", async () => {
      const out = join(folder, "many-flagged");
      const flaggedOnes = [0, 2, 4, 6, 8].map((index) => `What is ${index} `);
      const stopAfter = { concurrency: 1, stopAfterFailures: 3 };
      const run = async (count: number) => {
        const { endpoint, guard } = await guarded(flagged, flaggedOnes);
        const questions = await writeQuestions(folder, count);
        return await teach(configOf(questions, endpoint.url, { limits: stopAfter }), out, {
          environment,
          fetch: guard,
        });
      };
      expect((await run(10)).answers).toBe(5);
      const more = await run(12);
      expect(more.answers).toBe(7);
      expect(more.incomplete!.message).toMatch(/^5 requests were given up/);
      // Each of them is in the journal once.
      const journal = await readFile(join(out, "answers.jsonl"), "utf8");
      expect(journal.match(/"kind":"refused"/g)).toHaveLength(5);
      expect(await estimateTeach(configOf(few, "http://127.0.0.1:1/v1"), out, environment)).toMatchObject({
        toAsk: 2,
      });
    });
  });

  it("that fails on and on is left alone", async () => {
    const endpoint = await scripted({ delay: 0, faultsOf: () => "error500" });
    const limits = { retries: 1, stopAfterFailures: 2, concurrency: 1 };
    const result = await teach(configOf(few, endpoint.url, { limits }), join(folder, "failing"), {
      environment,
    });
    expect(result.incomplete).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^2 requests in a row/),
    });
    expect(endpoint.asked).toHaveLength(4);
  });

  it("that wants too long a wait, or is not there, is not waited for", async () => {
    const endpoint = await scripted({ faultsOf: () => "rateLimited" });
    const config = configOf(few, endpoint.url, { limits: { maxWaitSeconds: 0.2 } });
    const result = await teach(config, join(folder, "waits"), { environment });
    expect(result.incomplete).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining("maxWaitSeconds"),
    });
    const closed = await scripted();
    await closed.close();
    for (const [url, message] of [
      [closed.url, "no connection (ECONNREFUSED)"],
      ["http://127.0.0.1:9/v1", "fetch refuses"],
    ] as const) {
      const nobody = await teach(configOf(few, url), join(folder, "nobody"), { environment });
      expect(nobody.incomplete).toMatchObject({ exitCode: 3, message: expect.stringContaining(message) });
    }
  });

  it("sends more than a reply can be", async () => {
    const endless = (async () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(1 << 22).fill(32));
          },
        }),
      )) as typeof fetch;
    const limits = { retries: 0, concurrency: 1, stopAfterFailures: 1 };
    const result = await teach(configOf(few, "http://127.0.0.1:9/v1", { limits }), join(folder, "endless"), {
      environment,
      fetch: endless,
    });
    expect(result.incomplete!.message).toContain("larger than");
  });
});

describe("what is written", () => {
  it("never holds the key, even if the teacher repeats it", async () => {
    const key = "sk-0123456789";
    const content = `My key is ${key}.\nAnswer: 0`;
    const endpoint = await scripted({ answerOf: () => ({ choices: [{ message: { content } }] }) });
    const out = join(folder, "secret");
    const config = configOf(few, endpoint.url, { endpoint: { keyVariable: "MY_KEY" } });
    await teach(config, out, { environment: { MY_KEY: key } });
    expect([...endpoint.keys]).toEqual([`Bearer ${key}`]);
    let files = 0;
    for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      files++;
      const text = await readFile(join(entry.parentPath, entry.name), "utf8");
      expect(text, entry.name).not.toContain(key);
      if (entry.name === "answers.jsonl") expect(text).toContain("My key is [key].");
    }
    expect(files).toBe(5);
  });

  it("is nothing where the folder is somebody else's", async () => {
    await expect(
      teach(configOf(few, "http://127.0.0.1:9/v1"), folder, { environment }),
    ).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("not empty"),
    });
  });
});

it("Ctrl-C waits for what is under way, stores it, and ends with 130", async () => {
  const faultsOf = (): Fault => "slow";
  const endpoint = await scripted({ faultsOf });
  const questions = await writeQuestions(folder, 60);
  let done = 0;
  const result = await teach(
    configOf(questions, endpoint.url, { limits: { concurrency: 4 } }),
    join(folder, "stopped"),
    { environment, stopRequested: () => done >= 4, onProgress: (now) => (done = now) },
  );
  expect(result.incomplete).toMatchObject({ exitCode: 130 });
  expect(result.answers).toBe(endpoint.answered.size);
  expect(result.answers).toBeLessThan(40);
});

it("two tasks have their own files, and a question that both hold is asked once", async () => {
  const endpoint = await scripted({ delay: 0 });
  const other = join(folder, "other.jsonl");
  await writeFile(other, '{"q":"What is 1 + 7?","a":"8"}\n{"q":"What is 5 + 6?","a":"11"}\n');
  const config = configOf(few, endpoint.url);
  config.questions.push({
    ...config.questions[0]!,
    name: undefined,
    file: other,
    fields: { question: "q", answer: "a" },
  });
  const out = join(folder, "two");
  const result = await teach(config, out, { environment });
  expect(result.tasks.map(({ task, questions }) => [task, questions])).toEqual([
    ["sums", 4],
    ["other", 2],
  ]);
  expect(endpoint.asked).toHaveLength(5);
  expect(await readdir(join(out, "rationales"))).toEqual(["other.jsonl", "sums.jsonl"]);
});
