/**
 * A teacher that follows a script: what it answers, and which of a request's first attempts fail and how, follow from the
 * request alone. It counts what it has answered, so that a test can say that nothing was asked twice.
 */
import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RandomStream } from "../../src/util/random.ts";

export type Fault =
  | "slow"
  | "rateLimited"
  | "retryDate"
  | "error500"
  | "brokenJson"
  | "cut"
  | "cutStream"
  | "noChoice"
  | "hang";
const faults: readonly Fault[] = [
  "slow",
  "rateLimited",
  "retryDate",
  "error500",
  "brokenJson",
  "cut",
  "cutStream",
  "noChoice",
  "hang",
];

export interface ScriptedEndpoint {
  url: string;
  /** Complete answers by request hash. */
  answered: Map<string, number>;
  /** Every request in the order of arrival, by hash. */
  asked: string[];
  /** Authorization headers seen. */
  keys: Set<string | undefined>;
  /** How often each fault was played. */
  played: Record<string, number>;
  close(): Promise<void>;
}

export interface Script {
  seed?: number;
  /** Share of requests whose first attempt fails; half as many fail twice. */
  faultShare?: number;
  /** Longest delay of an ordinary answer, milliseconds. */
  delay?: number;
  /** Faults in place of the drawn ones. */
  faultsOf?: (body: Record<string, unknown>, attempt: number) => Fault | undefined;
  answerOf?: (body: Record<string, unknown>) => object;
}

/** A request as the endpoint tells it from others. */
export function bodyHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Gold answers of the questions "What is A + B?" that tests ask. */
export function question(index: number): { question: string; answer: string } {
  return { question: `What is ${index} + ${index * 7}?`, answer: String(index * 8) };
}

export async function startScripted(script: Script = {}): Promise<ScriptedEndpoint> {
  const { seed = 1, faultShare = 0, delay = 4 } = script;
  const answered = new Map<string, number>();
  const attempts = new Map<string, number>();
  const asked: string[] = [];
  const keys = new Set<string | undefined>();
  const played: Record<string, number> = {};
  const open = new Set<ServerResponse>();

  const server = createServer((request, response) => {
    open.add(response);
    response.on("close", () => open.delete(response));
    keys.add(request.headers.authorization);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString("utf8");
      const hash = bodyHash(text);
      const body = JSON.parse(text) as Record<string, unknown>;
      asked.push(hash);
      const attempt = attempts.get(hash) ?? 0;
      attempts.set(hash, attempt + 1);
      const random = new RandomStream(seed, hash);
      const drawn = random.next();
      const kind = random.pick(faults);
      const second = random.pick(faults);
      const wait = random.next() * delay;
      let fault: Fault | undefined;
      if (script.faultsOf !== undefined) fault = script.faultsOf(body, attempt);
      else if (attempt === 0 && drawn < faultShare) fault = kind;
      else if (attempt === 1 && drawn < faultShare / 2) fault = second;
      // A hanging connection costs a whole time-out each time.
      if (fault === "hang" && script.faultsOf === undefined && (played.hang ?? 0) >= 4) fault = "cut";
      if (fault !== undefined) played[fault] = (played[fault] ?? 0) + 1;
      setTimeout(() => {
        respond(response, body, fault, () => answered.set(hash, (answered.get(hash) ?? 0) + 1), script);
      }, wait);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    answered,
    asked,
    keys,
    played,
    async close() {
      for (const response of open) response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function respond(
  response: ServerResponse,
  body: Record<string, unknown>,
  fault: Fault | undefined,
  onAnswered: () => void,
  script: Script,
): void {
  const json = { "content-type": "application/json" };
  const answer = (script.answerOf ?? scriptedAnswer)(body);
  switch (fault) {
    case "hang":
      return;
    case "rateLimited":
      response.writeHead(429, { ...json, "retry-after": "0.05" });
      response.end('{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}');
      return;
    case "retryDate":
      response.writeHead(429, { "retry-after": new Date(Date.now() + 100).toUTCString() });
      response.end();
      return;
    case "error500":
      response.writeHead(500, { "content-type": "text/html" });
      response.end("<html>Internal Server Error</html>");
      return;
    case "brokenJson":
      response.writeHead(200, json);
      response.end(JSON.stringify(answer).slice(0, -20));
      return;
    case "noChoice":
      response.writeHead(200, json);
      response.end('{"choices": [], "usage": null}');
      return;
    case "cut":
      response.writeHead(200, { ...json, "content-length": 100_000 });
      response.write('{"choices": [{"message": ');
      setTimeout(() => response.destroy(), 2);
      return;
    case "cutStream":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"choices": [{"delta": {"content": "Half an ans"}}]}\n\n');
      return;
    case "slow":
      setTimeout(() => finish(response, answer, onAnswered), 150);
      return;
    default:
      finish(response, answer, onAnswered);
  }
}

function finish(response: ServerResponse, answer: object, onAnswered: () => void): void {
  response.on("finish", onAnswered);
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
}

/** Mostly right; sometimes wrong, unreadable, empty, truncated, or the same as another sample of the question. */
export function scriptedAnswer(body: Record<string, unknown>): object {
  const messages = body.messages as { content: string }[];
  const text = messages.at(-1)!.content;
  const [, a = "0", b = "0"] = /What is (\d+) \+ (\d+)\?/.exec(text) ?? [];
  const sum = Number(a) + Number(b);
  const draw = new RandomStream(7, JSON.stringify(body)).below(20);
  const way = draw < 3 ? "I add the two numbers." : `I add them (way ${String(body.seed)}).`;
  let content = `${way} ${a} + ${b} = ${sum}.\nAnswer: ${sum}`;
  let finishReason = "stop";
  if (draw === 15) content = content.replaceAll(String(sum), String(sum + 1));
  if (draw === 16) content = "I would rather not say.";
  if (draw === 17) content = "";
  if (draw === 18) {
    content = content.slice(0, 12);
    finishReason = "length";
  }
  return {
    model: "scripted",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finishReason }],
    usage: { prompt_tokens: Math.ceil(text.length / 4), completion_tokens: Math.ceil(content.length / 4) },
  };
}
