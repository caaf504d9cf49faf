import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../src/serve/server.ts";
import { stubStudent } from "./stub-student.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ served: stubStudent(), model: "team/small", port: 0 });
});
afterAll(() => server.close());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** fetch would not send a Host of its own. */
function ask(
  method: string,
  path: string,
  options: { host?: string; body?: object; at?: RunningServer } = {},
) {
  const { port } = new URL((options.at ?? server).url);
  return new Promise<Answer>((resolve, reject) => {
    const sent = httpRequest(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: {
          ...(options.host === undefined ? {} : { host: options.host }),
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        },
      },
      (response) => {
        let body = "";
        response.on("data", (part) => {
          body += part;
        });
        response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      },
    );
    sent.on("error", reject);
    sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}
const errorOf = ({ body }: Answer) => (JSON.parse(body) as { error: Record<string, unknown> }).error;

describe("a path", () => {
  it("is answered for its own method alone", async () => {
    for (const [method, path, allowed] of [
      ["DELETE", "/v1/models/team%2Fsmall", "GET, HEAD"],
      ["DELETE", "/v1/models", "GET, HEAD"],
      ["POST", "/health", "GET, HEAD"],
      ["GET", "/v1/chat/completions", "POST"],
      ["PUT", "/v1/completions", "POST"],
    ] as const) {
      const answer = await ask(method, path);
      expect(answer.status, `${method} ${path}`).toBe(405);
      expect(answer.headers.allow).toBe(allowed);
      expect(errorOf(answer)).toMatchObject({ type: "invalid_request_error", code: "method_not_allowed" });
    }
    expect((await ask("DELETE", "/v1/models/other")).status).toBe(404);
  });

  it("of the model may be written plainly", async () => {
    for (const path of ["/v1/models/team%2Fsmall", "/v1/models/team/small", "/v1/models/team/small/?x=1"]) {
      expect(JSON.parse((await ask("GET", path)).body)).toMatchObject({ id: "team/small", object: "model" });
    }
    expect((await ask("GET", "/v1/models/%E0%A4%A")).status).toBe(404);
    const head = await ask("HEAD", "/health");
    expect([head.status, head.body]).toEqual([200, ""]);
  });
});

describe("a host name", () => {
  const questions = { body: { prompt: "x" } };
  it.each(["localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080"])(
    "of this machine is answered: %s",
    async (host) => {
      expect((await ask("GET", "/v1/models", { host })).status).toBe(200);
      expect((await ask("POST", "/v1/completions", { host, ...questions })).status).toBe(200);
    },
  );

  it.each(["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"])(
    "that leads here from elsewhere is refused: %s",
    async (host) => {
      for (const answer of [
        await ask("GET", "/v1/models", { host }),
        await ask("GET", "/health", { host }),
        await ask("POST", "/v1/completions", { host, ...questions }),
      ]) {
        expect(answer.status).toBe(403);
        expect(errorOf(answer).message).toContain("--allow-host");
      }
    },
  );

  it("that was allowed is answered, and any where all addresses are listened on", async () => {
    const served = stubStudent();
    const named = await startServer({ served, model: "m", port: 0, allowedHosts: ["Gate.example"] });
    const host = "gate.example:443";
    expect((await ask("GET", "/v1/models", { host, at: named })).status).toBe(200);
    expect((await ask("GET", "/v1/models", { host: "evil.example", at: named })).status).toBe(403);
    await named.close();
    const open = await startServer({ served, model: "m", port: 0, host: "0.0.0.0" });
    expect((await ask("GET", "/v1/models", { host, at: open })).status).toBe(200);
    await open.close();
  });
});

describe("a field that is not spoken", () => {
  const messages = [{ role: "user", content: "x" }];
  const chat = (fields: object) => ask("POST", "/v1/chat/completions", { body: { messages, ...fields } });
  const complete = (fields: object) => ask("POST", "/v1/completions", { body: { prompt: "x", ...fields } });

  it.each([
    ["tools", [{ type: "function", function: { name: "f" } }]],
    ["functions", [{ name: "f" }]],
    ["tool_choice", "required"],
    ["response_format", { type: "json_object" }],
    ["response_format", { type: "json_schema", json_schema: {} }],
    ["modalities", ["text", "audio"]],
    ["logprobs", true],
    ["logit_bias", { 5: 100 }],
    ["presence_penalty", 1],
    ["frequency_penalty", -0.5],
    ["n", 2],
  ])("is refused where it would change the reply: %s %j", async (field, value) => {
    const answer = await chat({ [field]: value });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ param: field, type: "invalid_request_error" });
  });

  it.each([
    ["echo", true],
    ["suffix", "end"],
    ["best_of", 3],
    ["logprobs", 0],
  ])("is refused in a completion, too: %s %j", async (field, value) => {
    expect(errorOf(await complete({ [field]: value }))).toMatchObject({ param: field });
  });

  it("is passed over where it changes nothing", async () => {
    const inert = {
      tools: [],
      tool_choice: "none",
      functions: null,
      response_format: { type: "text" },
      modalities: ["text"],
      logprobs: false,
      top_logprobs: 0,
      logit_bias: {},
      presence_penalty: 0,
      frequency_penalty: null,
      parallel_tool_calls: true,
      user: "me",
      store: false,
      metadata: { a: "b" },
      top_k: 40,
    };
    expect(await chat(inert)).toMatchObject({ status: 200 });
    const completion = { echo: false, suffix: null, best_of: 1, logprobs: null, ...{ user: "me" } };
    expect(await complete(completion)).toMatchObject({ status: 200 });
  });

  it("such as top_p is refused only where a text is drawn", async () => {
    expect((await chat({ top_p: 0.5 })).status).toBe(200);
    expect((await chat({ top_p: 0.5, temperature: 0 })).status).toBe(200);
    expect((await chat({ top_p: 1, temperature: 1 })).status).toBe(200);
    const drawn = await chat({ top_p: 0.5, temperature: 1 });
    expect(drawn.status).toBe(400);
    expect(errorOf(drawn)).toMatchObject({ param: "top_p" });
    expect((await chat({ top_p: 2 })).status).toBe(400);
  });
});
