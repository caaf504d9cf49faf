import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeQuestion } from "../../src/method/items/encode.ts";
import { findMarkers, markerTokens, outsideAnswers } from "../../src/method/items/markers.ts";
import { openServedStudent, type ServedStudent } from "../../src/serve/served-student.ts";
import { type RunningServer, startServer } from "../../src/serve/server.ts";
import { StopTexts } from "../../src/serve/stop-texts.ts";
import { readStreamedReply } from "../../src/teacher/stream.ts";
import { teach } from "../../src/teacher/teach.ts";
import { cli } from "../cli/run-cli.ts";
import { tinyTokenizer, writeTinyGpt2 } from "../students/tiny-folder.ts";
import { configOf } from "../teacher/setting.ts";
import { lessons, teachSmallStudent } from "./small-student.ts";

let folder: string;
let served: ServedStudent;
let server: RunningServer;
beforeAll(async () => {
  folder = await teachSmallStudent();
  served = await openServedStudent(folder, { threads: 1 });
  server = await startServer({ served, model: "small", port: 0, maxBatch: 3 });
}, 120_000);
afterAll(async () => {
  await server.close();
  await served.student.close();
  await rm(folder, { recursive: true });
});

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) };
}
/** Names and types of a body, or of each event of a stream, without its values. */
function formOf(body: string): unknown {
  const form = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(form);
    if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, form(inner)]));
  };
  const json = (text: string): unknown => (text === "[DONE]" ? text : form(JSON.parse(text)));
  if (!body.startsWith("data: ")) return json(body);
  const events = body
    .trim()
    .split("\n\n")
    .map((event) => JSON.stringify(json(event.slice(6))));
  // As many parts of text as the student wrote tokens.
  return events.filter((event, index) => event !== events[index - 1]);
}
const ask = (question: string, more: object = {}) =>
  post("/chat/completions", { model: "small", messages: [{ role: "user", content: question }], ...more });

describe("a served student", () => {
  it("lists itself and answers the last question of a chat", async () => {
    const models = await (await fetch(`${server.url}/models`)).json();
    expect(models).toMatchObject({ object: "list", data: [{ id: "small", object: "model" }] });
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello?" },
      { role: "assistant", content: "Hello." },
      { role: "user", content: [{ type: "text", text: lessons[0]!.question }] },
    ];
    const reply = (await post("/chat/completions", { messages })).json();
    expect(reply).toMatchObject({
      object: "chat.completion",
      model: "small",
      choices: [{ message: { role: "assistant", content: lessons[0]!.taught }, finish_reason: "stop" }],
    });
    const { prompt_tokens, completion_tokens, total_tokens } = reply.usage;
    expect(prompt_tokens).toBe(served.questionPrompt(lessons[0]!.question).length);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it("streams the same text, and goes on with a raw prompt", async () => {
    const { question, taught } = lessons[1]!;
    const streamed = await ask(question, { stream: true, stream_options: { include_usage: true } });
    expect(streamed.text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(streamed.text.split("\n\n").length).toBeGreaterThan(8);
    expect(readStreamedReply(streamed.text)).toMatchObject({
      content: taught,
      finish: "stop",
      usage: { outputTokens: expect.any(Number) },
    });
    const prompt = `${question} ### Bob takes`;
    const raw = (await post("/completions", { prompt })).json();
    expect(raw).toMatchObject({ object: "text_completion", choices: [{ finish_reason: "stop" }] });
    expect(raw.choices[0].text).toBe(taught.slice(" Bob takes".length));
    const rawStream = await post("/completions", { prompt, stream: true });
    expect(readStreamedReply(rawStream.text).content).toBe(raw.choices[0].text);
  });

  it("keeps to max_tokens and stop texts, alone and in a batch", async () => {
    const { question, taught } = lessons[3]!;
    const replies = await Promise.all([
      ask(question, { max_tokens: 4 }),
      ask(question, { stop: [" That", "zzz"] }),
      ask(question, { max_completion_tokens: 5, stop: "never" }),
      ask(question),
      ask(question, { stream: true, stop: " from 9. T" }),
    ]);
    const texts = replies.slice(0, 4).map((reply) => reply.json().choices[0]);
    expect(texts.map(({ finish_reason }) => finish_reason)).toEqual(["length", "stop", "length", "stop"]);
    expect(texts[1].message.content).toBe(" Dot takes 8 from 9.");
    expect(texts[3].message.content).toBe(taught);
    for (const cut of [texts[0], texts[2]]) {
      expect(taught.startsWith(cut.message.content)).toBe(true);
      expect(cut.message.content.length).toBeLessThan(taught.length);
    }
    expect(readStreamedReply(replies[4]!.text).content).toBe(" Dot takes 8");
  });

  it("draws the same text for the same seed, whatever else is asked", async () => {
    const draw = async (seed: number) =>
      (await ask("Eve has", { temperature: 2, seed, max_tokens: 12 })).json().choices[0].message.content;
    const alone = await draw(5);
    const [again, other] = await Promise.all([draw(5), draw(6), ask(lessons[0]!.question)]);
    expect(again).toBe(alone);
    expect(other).not.toBe(alone);
  });

  it.each([
    ["not JSON", "{", 400, "not JSON"],
    ["no messages", {}, 400, "messages"],
    ["no user", { messages: [{ role: "system", content: "x" }] }, 400, "no message of a user"],
    ["an image", { messages: [{ role: "user", content: [{ type: "image_url" }] }] }, 400, "messages"],
    ["two choices", { messages: [{ role: "user", content: "x" }], n: 2 }, 400, "only one choice"],
    ["too long a prompt", { messages: [{ role: "user", content: "cat ".repeat(200) }] }, 400, "context"],
    ["too large a body", "x".repeat(2 << 20), 413, "larger than"],
  ])("refuses %s in OpenAI's form", async (_name, body, status, message) => {
    const reply = await post("/chat/completions", body);
    expect(reply.status).toBe(status);
    expect(reply.json().error).toMatchObject({ type: "invalid_request_error", message: expect.any(String) });
    expect(reply.json().error.message).toContain(message);
  });

  it("answers in the form that the teacher's fixtures of it have", async () => {
    const { question } = lessons[0]!;
    const prompt = `${question} ###`;
    const streamed = { stream: true, stream_options: { include_usage: true } };
    const forms = {
      "skipthink-chat.json": await ask(question),
      "skipthink-chat.sse": await ask(question, streamed),
      "skipthink-completion.json": await post("/completions", { prompt, max_tokens: 8 }),
      "skipthink-completion.sse": await post("/completions", { prompt, max_tokens: 8, stream: true }),
    };
    for (const [name, { text }] of Object.entries(forms)) {
      const recorded = await readFile(join(import.meta.dirname, "../teacher/fixtures", name), "utf8");
      expect(formOf(text), name).toEqual(formOf(recorded));
    }
  });

  it("refuses other paths, and bodies that any web page could send", async () => {
    expect((await post("/embeddings", {})).status).toBe(404);
    expect((await post("/chat/completions", "{}", { "content-type": "text/plain" })).status).toBe(415);
  });

  it("refuses a prompt without tokens, and answers those that came with it", async () => {
    // A T5 tokenizer, for one, makes no tokens of blanks.
    const rawPrompt = (prompt: string) => (prompt.trim() === "" ? [] : served.rawPrompt(prompt));
    const blank = await startServer({ served: { ...served, rawPrompt }, model: "small", port: 0 });
    const complete = async (prompt: string, stream: boolean) => {
      const response = await fetch(`${blank.url}/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt, stream, max_tokens: 4 }),
      });
      return { status: response.status, text: await response.text() };
    };
    const [good, empty, streamed] = await Promise.all([
      complete(`${lessons[0]!.question} ###`, false),
      complete(" ", false),
      complete(" ", true),
    ]);
    expect(good.status, good.text).toBe(200);
    for (const { status, text } of [empty, streamed]) {
      expect(status).toBe(400);
      expect(JSON.parse(text).error).toEqual({
        message: "the prompt has no tokens",
        type: "invalid_request_error",
        param: "prompt",
        code: null,
      });
    }
    await blank.close();
  });

  it("answers 503 and Retry-After when too many wait", async () => {
    const full = await startServer({ served, model: "small", port: 0, maxWaiting: 0 });
    const response = await fetch(`${full.url}/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"prompt": "x"}',
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ error: { type: "server_error", code: "overloaded" } });
    await full.close();
  });

  it("is not disturbed by a client that goes away", async () => {
    const abort = new AbortController();
    const body = JSON.stringify({ messages: [{ role: "user", content: "x" }], temperature: 2, stream: true });
    const response = await fetch(`${server.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: abort.signal,
    });
    await response.body!.getReader().read();
    abort.abort();
    expect((await ask(lessons[0]!.question)).json().choices[0].message.content).toBe(lessons[0]!.taught);
  });
});

it("a step-by-step student is asked with its prefix, and writes no markers", async () => {
  const labelled = await mkdtemp(join(tmpdir(), "skipthink-labelled-"));
  const tokenizer = tinyTokenizer(["How many cats? ### Two cats. --> 2"]).withAddedTokens(markerTokens(2));
  await writeTinyGpt2(labelled, tokenizer, { contextLength: 64 });
  const card = { method: "step-by-step", usesMarkers: false, prefix: "label", chunks: 0, maxNewTokens: 8 };
  await writeFile(join(labelled, "skipthink.json"), JSON.stringify(card));
  const opened = await openServedStudent(labelled, { threads: 1 });
  await opened.student.close();
  const prefix = tokenizer.encode("[label] ");
  const question = "How many cats?";
  expect(opened.questionPrompt(question)).toEqual([...prefix, ...encodeQuestion(tokenizer, question)]);
  expect(opened.rawPrompt("Two")).toEqual([...prefix, ...tokenizer.encode("Two")]);
  expect(opened.suppressTokens).toEqual(outsideAnswers(findMarkers(tokenizer, 0)));
  await rm(labelled, { recursive: true });
});

describe("teacher and student meet", () => {
  it.each([false, true])(
    "the served student teaches a smaller one (streamed: %s)",
    async (stream) => {
      const file = join(folder, "questions.jsonl");
      await writeFile(
        file,
        lessons.map(({ question, answer }) => `${JSON.stringify({ question, answer })}\n`).join(""),
      );
      const out = join(folder, `taught-${stream}`);
      const config = configOf(file, server.url, {
        questions: { fields: {} },
        endpoint: { stream, model: "small" },
        prompt: { question: "{question}" },
        sampling: { temperature: 0, maxTokens: 60 },
      });
      const result = await teach(config, out, { environment: {} });
      expect(result.incomplete).toBeUndefined();
      expect(result.tasks[0]).toMatchObject({ kept: 3, dropped: { wrong: 1 }, missing: 0 });
      const rationales = join(out, "rationales/sums.jsonl");
      const rows = (await readFile(rationales, "utf8")).trim().split("\n");
      expect(rows.map((row) => (JSON.parse(row) as { rationale: string }).rationale)).toEqual(
        [0, 1, 3].map((index) => lessons[index]!.taught.split(" -->")[0]!.trim()),
      );
      if (stream) return;
      const recipe = join(folder, "smaller.yaml");
      await writeFile(
        recipe,
        [
          `data: { train: "${rationales}", test: "${file}", devShare: 0, answerKind: number }`,
          "student: { random: { layers: 1, width: 16, heads: 2, contextLength: 160, vocabularySize: 280 } }",
          "methods: [full]",
          "train: { budget: { unit: optimizerSteps, amount: 3 }, select: last }",
          "evaluate: { maxNewTokens: 8, latencyProblems: 1 }",
          "threads: 1",
          "",
        ].join("\n"),
      );
      // The test questions must be others than the training questions.
      await writeFile(file, '{"question": "Fay has 2 cups and gets 2.", "answer": "4"}\n');
      const { code, stderr } = await cli(["distill", recipe, "--out", join(folder, "smaller")]);
      expect(code, stderr).toBe(0);
      const learnt = await readFile(join(folder, "smaller/rationales.jsonl"), "utf8");
      expect(learnt.trim().split("\n")).toHaveLength(3);
    },
    120_000,
  );
});

describe("stop texts", () => {
  it("end a text however it is cut into parts", () => {
    const text = "aab aabc end";
    for (let size = 1; size < 6; size++) {
      const stops = new StopTexts(["aabc", "nd"]);
      let given = "";
      for (let from = 0; from < text.length; from += size) given += stops.push(text.slice(from, from + size));
      expect(given + stops.flush(), `parts of ${size}`).toBe("aab ");
      expect(stops.stopped).toBe(true);
    }
    const open = new StopTexts(["abc"]);
    expect(open.push("xxab") + open.flush()).toBe("xxab");
  });
});
