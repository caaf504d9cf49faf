import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AttemptError, type AttemptFailure, send } from "../../src/teacher/http.ts";
import { type Reply, readReply, splitReasoning, UnreadableReply } from "../../src/teacher/reply.ts";
import { readStreamedReply } from "../../src/teacher/stream.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const fixture = (name: string): string => readFileSync(join(fixtures, name), "utf8");

/** What the client makes of a response whose body comes in parts of a few bytes, which part characters and lines. */
async function sent(body: string, init: ResponseInit): Promise<Reply> {
  const bytes = new TextEncoder().encode(body);
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 7));
      at += 7;
    },
  });
  return await send(
    { url: "http://127.0.0.1:1/v1", stream: false, key: undefined },
    { api: "chat", body: {}, maxTokens: 1, sample: 0 } as unknown as Parameters<typeof send>[1],
    { timeoutMilliseconds: 10_000, fetch: async () => new Response(stream, init) },
  );
}
const typeOf = (name: string): ResponseInit => ({
  headers: {
    "content-type": name.endsWith(".sse") ? "text/event-stream; charset=utf-8" : "application/json",
  },
});
const tom = "Tom starts with 3 apples. He buys 5 more, so he has 3 + 5 = 8.";

describe("the form of each server", () => {
  const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens });
  const expected: Record<string, Partial<Reply> & { split: { reasoning: string; text: string } }> = {
    "openai-chat.json": {
      model: "gpt-4o-mini-2024-07-18",
      finish: "stop",
      usage: usage(48, 31),
      split: { reasoning: "", text: `${tom}\n\nAnswer: 8` },
    },
    "openai-completion.sse": {
      finish: "stop",
      usage: usage(25, 8),
      model: "gpt-3.5-turbo-instruct",
      split: { reasoning: "", text: "3 + 5 = 8." },
    },
    "openai-filtered.json": {
      finish: "filtered",
      usage: usage(48, 3),
      split: { reasoning: "", text: "Tom starts with" },
    },
    "openai-completion.json": {
      finish: "length",
      usage: usage(25, 16),
      split: { reasoning: "", text: "Tom starts with 3 apples and buys 5, which makes 8." },
    },
    "vllm-chat.json": {
      finish: "stop",
      usage: usage(41, 43),
      split: {
        reasoning: "Three and five more. 3 + 5 = 8.",
        text: "Tom has eight apples.\nAnswer: 8",
      },
    },
    "vllm-reasoning.sse": {
      finish: "stop",
      usage: usage(41, 19),
      model: "Qwen/Qwen3-8B",
      split: { reasoning: "Three and five more.", text: "3 + 5 = 8.\nAnswer: 8" },
    },
    "vllm-completion.json": {
      finish: "length",
      usage: usage(12, 8),
      split: { reasoning: "", text: "3 + 5 = 8." },
    },
    "ollama-reasoning.sse": {
      finish: "stop",
      usage: usage(27, 20),
      split: { reasoning: "Three and five more.", text: "3 + 5 = 8.\nAnswer: 8" },
    },
    "ollama-completion.json": {
      finish: "stop",
      usage: usage(9, 8),
      split: { reasoning: "", text: "3 + 5 = 8." },
    },
    "llamacpp-chat.json": {
      finish: "stop",
      usage: usage(33, 21),
      split: { reasoning: "Three and five make eight.", text: "Tom has 8 apples.\n**Answer: 8**" },
    },
    "llamacpp-completion.json": {
      finish: "length",
      usage: usage(9, 8),
      split: { reasoning: "", text: "3 + 5 = 8." },
    },
    "skipthink-chat.json": {
      finish: "stop",
      model: "small",
      usage: usage(14, 18),
      split: { reasoning: "", text: "Ann adds 2 to 3. That is 5. --> 5" },
    },
    "skipthink-chat.sse": {
      finish: "stop",
      model: "small",
      usage: usage(14, 18),
      split: { reasoning: "", text: "Ann adds 2 to 3. That is 5. --> 5" },
    },
    "skipthink-completion.json": {
      finish: "length",
      usage: usage(14, 8),
      split: { reasoning: "", text: "Ann adds 2 to 3" },
    },
    "skipthink-completion.sse": {
      finish: "length",
      split: { reasoning: "", text: "Ann adds 2 to 3" },
    },
    "vllm-reasoning.json": {
      finish: "stop",
      usage: usage(41, 43),
      split: {
        reasoning: "Three apples and five more. 3 + 5 = 8.",
        text: "Tom has eight apples.\nAnswer: 8",
      },
    },
    "vllm-truncated.json": {
      finish: "length",
      content: "",
      usage: usage(41, 10),
      split: { reasoning: "Three apples and five more. Let me think about", text: "" },
    },
    "ollama-chat.json": {
      model: "qwen3:8b",
      usage: usage(27, 64),
      split: { reasoning: "Tom has 3 apples, then 5 more: 8.", text: "Answer: 8" },
    },
    "llamacpp-think.json": {
      usage: usage(33, 21),
      split: { reasoning: "Three and five make eight.", text: "Tom has 8 apples.\n**Answer: 8**" },
    },
    "openai-chat.sse": {
      model: "gpt-4o-mini",
      finish: "stop",
      usage: usage(20, 9),
      split: { reasoning: "", text: "3 + 5 = 8.\nAnswer: 8" },
    },
    "llamacpp-reasoning.sse": {
      finish: "stop",
      usage: usage(18, 9),
      split: { reasoning: "Three and five.", text: "Answer: 8" },
    },
  };
  it.each(Object.keys(expected))("%s", async (name) => {
    const reply = await sent(fixture(name), typeOf(name));
    const { split, ...fields } = expected[name]!;
    expect(reply).toMatchObject(fields);
    expect(splitReasoning(reply)).toEqual(split);
  });

  it("may end where the window does (Mistral)", () => {
    const choices = [{ message: { content: "3 +" }, finish_reason: "model_length" }];
    expect(readReply(JSON.stringify({ choices })).finish).toBe("length");
  });

  it("is read of all fixtures", () => {
    const others = ["README.md", "vllm-failing.sse"];
    const replies = readdirSync(fixtures).filter(
      (name) => !others.includes(name) && !name.endsWith("errors.json"),
    );
    expect(replies.sort()).toEqual(Object.keys(expected).sort());
  });
});

describe("the errors of each server", () => {
  interface ErrorForm {
    status: number;
    headers?: Record<string, string>;
    body: { error: string | { message: string } };
    expect: AttemptFailure["kind"];
    retryAfterMilliseconds?: number;
  }
  const cases = ["openai", "vllm", "ollama", "llamacpp", "skipthink"].flatMap((server) =>
    (JSON.parse(fixture(`${server}-errors.json`)) as ErrorForm[]).map((form) => {
      const { error } = form.body;
      const message = typeof error === "string" ? error : error.message;
      return { server, message, name: `${form.status} ${message.slice(0, 40)}`, ...form };
    }),
  );
  it.each(cases)("$server: $name", async ({ status, headers, body, message, ...form }) => {
    const failed = await sent(JSON.stringify(body), { status, headers: headers ?? {} }).catch(
      (error) => error,
    );
    const { failure, message: told } = failed as AttemptError;
    expect(told).toBe(`HTTP ${status}: ${message}`);
    expect(failure).toMatchObject({ kind: form.expect, maybeCharged: false });
    expect(failure.retryAfterMilliseconds).toBe(form.retryAfterMilliseconds);
  });

  it.each([
    [408, true],
    [500, false],
    [502, false],
    [504, true],
    [524, true],
  ])("%i: the teacher may have written and charged a reply: %s", async (status, maybeCharged) => {
    const failed = await sent("", { status, headers: {} }).catch((error) => error);
    expect((failed as AttemptError).failure).toMatchObject({ kind: "passing", maybeCharged });
  });

  it("one in the middle of a stream ends the attempt, which may have been charged", async () => {
    const failed = await sent(fixture("vllm-failing.sse"), typeOf("x.sse")).catch((error) => error);
    expect((failed as AttemptError).failure).toMatchObject({ kind: "passing", maybeCharged: true });
    expect((failed as AttemptError).message).toBe("the reply ended in an error (500): Internal server error");
  });

  const message = "it went wrong";
  it.each([
    [{ error: { code: 429, message } }, "rateLimited", " (429)"],
    [{ error: { code: "429", message } }, "rateLimited", " (429)"],
    [{ error: { code: "rate_limit_exceeded", message } }, "rateLimited", " (429)"],
    [{ error: { type: "insufficient_quota", message } }, "fatal", " (429)"],
    [{ error: { code: 401, message } }, "fatal", " (401)"],
    [{ error: { code: 402, message } }, "fatal", " (402)"],
    [{ error: { code: 400, message } }, "refused", " (400)"],
    [{ error: { code: 502, message }, choices: [] }, "passing", " (502)"],
    [{ error: { code: 12, message } }, "passing", ""],
    [{ error: message }, "passing", ""],
  ] as const)(
    "one in place of a reply, with status 200, is told and understood: %j",
    async (body, kind, code) => {
      for (const streamed of [false, true]) {
        const text = streamed ? `data: ${JSON.stringify(body)}\n\n` : JSON.stringify(body);
        const failed = await sent(text, typeOf(streamed ? "x.sse" : "x.json")).catch((error) => error);
        expect((failed as AttemptError).message).toBe(`an error in place of the reply${code}: ${message}`);
        expect((failed as AttemptError).failure).toMatchObject({ kind, maybeCharged: false });
      }
    },
  );

  it("one that a choice holds may have been charged", async () => {
    const choice = { message: { content: "3 +" }, error: { code: 502, message }, finish_reason: "error" };
    const failed = await sent(JSON.stringify({ choices: [choice] }), typeOf("x.json")).catch(
      (error) => error,
    );
    expect((failed as AttemptError).message).toBe(`the reply ended in an error (502): ${message}`);
    expect((failed as AttemptError).failure).toMatchObject({ kind: "passing", maybeCharged: true });
    const long = { error: { message: "x".repeat(1000) } };
    const told = await sent(JSON.stringify(long), typeOf("x.json")).catch((error) => error);
    expect((told as AttemptError).message.length).toBeLessThan(350);
  });

  it("one that is empty is none", () => {
    const choices = [{ message: { content: "8" }, finish_reason: "stop", error: null }];
    for (const error of [null, {}, ""]) {
      expect(readReply(JSON.stringify({ error, choices })).content).toBe("8");
    }
  });
});

describe("reasoning in the text", () => {
  it.each([
    ["<think>a</think>b", "a", "b"],
    // DeepSeek's chat template opens it in the prompt.
    ["a\n</think>\n\nb", "a", "b"],
    ["<think>cut in the mid", "cut in the mid", ""],
    ["<thinking>a</thinking> b", "a", "b"],
    ["no reasoning, but a < b", "", "no reasoning, but a < b"],
  ])("%j", (content, reasoning, text) => {
    expect(splitReasoning({ content, reasoning: "" })).toEqual({ reasoning, text });
  });

  it("in parts of a list is put together", () => {
    const content = [{ type: "text", text: "a" }, { type: "image_url" }, { type: "text", text: "b" }];
    expect(readReply(JSON.stringify({ choices: [{ message: { content } }] })).content).toBe("ab");
  });
});

describe("reasoning in parts of the content", () => {
  const thinking = (text: string) => ({ type: "thinking", thinking: [{ type: "text", text }] });
  it("is taken as reasoning (Mistral)", () => {
    const content = [thinking("3 and "), thinking("5"), { type: "text", text: "Answer: 8" }];
    const choices = [{ message: { content }, finish_reason: "stop" }];
    expect(readReply(JSON.stringify({ choices }))).toMatchObject({
      content: "Answer: 8",
      reasoning: "3 and 5",
    });
  });

  it("is taken as reasoning in a stream, which may go on with plain text", () => {
    const deltas = [[thinking("3 and ")], [{ type: "thinking", thinking: "5" }], "Answer", ": 8"];
    const events = deltas.map((content) => ({ choices: [{ delta: { content } }] }));
    const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
    expect(readStreamedReply(`${body}data: [DONE]\n\n`)).toMatchObject({
      content: "Answer: 8",
      reasoning: "3 and 5",
    });
  });

  it("of another shape is left out", () => {
    const content = [
      { type: "thinking", thinking: { a: 1 } },
      { type: "thinking", thinking: [3, null] },
    ];
    expect(readReply(JSON.stringify({ choices: [{ message: { content } }] })).reasoning).toBe("");
  });
});

describe("what is no reply", () => {
  it.each([
    ["not JSON", "{"],
    ["no choices", '{"choices": []}'],
    ["another form", '{"choices": [{"message": {"content": 3}}]}'],
    ["no object", "null"],
    ["an error in place of a reply", '{"error": {"message": "out of memory"}}'],
  ])("%s is refused", (_name, body) => {
    expect(() => readReply(body)).toThrow(/reply/);
  });

  it.each(["error", "abort", "Cancelled"])(
    "a reply that ended with %j is refused, streamed or not",
    (reason) => {
      const choice = { message: { content: "3 + 5" }, finish_reason: reason };
      expect(() => readReply(JSON.stringify({ choices: [choice] }))).toThrow(UnreadableReply);
      const event = { choices: [{ delta: { content: "3 + 5" }, finish_reason: reason }] };
      expect(() => readStreamedReply(`data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`)).toThrow(
        `the server ended the reply with "${reason}"`,
      );
    },
  );

  it("a stream that was cut anywhere is refused", () => {
    const whole = fixture("openai-chat.sse");
    const finishAt = whole.indexOf('"finish_reason":"stop"');
    const finishEnd = whole.indexOf("\n\n", finishAt);
    for (let length = 0; length < finishEnd; length += 7) {
      expect(() => readStreamedReply(whole.slice(0, length)), `${length} characters`).toThrow(/stream|event/);
    }
    expect(readStreamedReply(whole.slice(0, finishEnd + 2)).content).toContain("Answer: 8");
    expect(() => readStreamedReply('data: {"error": {"message": "x"}}\n\ndata: [DONE]\n\n')).toThrow(/error/);
  });

  it.each([
    // Reasoning counts in the total alone, as with xAI and Gemini.
    [
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 115 },
      { inputTokens: 10, outputTokens: 105 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
      { inputTokens: 10, outputTokens: 5 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 3 },
      { inputTokens: 10, outputTokens: 5 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: null },
      { inputTokens: 10, outputTokens: 5 },
    ],
    [
      { prompt_tokens: 10, total_tokens: 15 },
      { inputTokens: 10, outputTokens: 5 },
    ],
  ])("usage %j counts everything that was written", (usage, counted) => {
    const choice = { message: { content: "x" }, finish_reason: "stop" };
    expect(readReply(JSON.stringify({ choices: [choice], usage })).usage).toEqual(counted);
    const event = { choices: [{ ...choice, delta: { content: "x" } }], usage };
    expect(readStreamedReply(`data: ${JSON.stringify(event)}\n\n`).usage).toEqual(counted);
  });

  it("usage that makes no sense is left out", () => {
    const body = { choices: [{ message: { content: "x" } }], usage: { prompt_tokens: 3 } };
    expect(readReply(JSON.stringify(body)).usage).toBeUndefined();
  });
});
