/**
 * A student behind OpenAI's protocol: GET /v1/models, POST /v1/chat/completions and /v1/completions, both also streamed.
 * Made for one machine: no accounts, no TLS. A chat is answered by its last question alone, which is what a student is
 * trained on; earlier messages are not read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TextStream } from "../students/text-stream.ts";
import { Batcher, NotTaken } from "./batcher.ts";
import { isAllowedHost } from "./hosts.ts";
import {
  chatSchema,
  checkBody,
  completionSchema,
  type FinishReason,
  lastQuestion,
  ProtocolError,
  ReplyWriter,
  type TokenUsage,
} from "./protocol.ts";
import type { ServedStudent } from "./served-student.ts";
import { StopTexts } from "./stop-texts.ts";

export interface ServeOptions {
  served: ServedStudent;
  /** Name that clients see. */
  model: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Host names beside this machine's own that are answered while it listens on itself alone, e.g. a tunnel's. */
  allowedHosts?: readonly string[];
  /** Greedy requests decoded together at most; default 16. */
  maxBatch?: number;
  /** Requests waiting at most, default 256; further ones get 503 and Retry-After. */
  maxWaiting?: number;
  /** How long `close` waits for clients to read their replies; default 5. */
  closeSeconds?: number;
  /** One line per request, for people. */
  onRequest?: (line: string) => void;
}

export interface RunningServer {
  /** Base address for clients, e.g. http://127.0.0.1:8080/v1. */
  url: string;
  /** Takes no further requests, finishes those under way; a client that does not read its reply is not waited for. */
  close(): Promise<void>;
}

/** A question of a student is a page at most. */
const largestBodyBytes = 1 << 20;

/** @throws the system's error if the port cannot be had */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { served, host = "127.0.0.1" } = options;
  const batcher = new Batcher(served.student, {
    endOfSequence: served.tokenizer.endOfSequence,
    suppressTokens: served.suppressTokens,
    maxBatch: options.maxBatch ?? 16,
    maxWaiting: options.maxWaiting ?? 256,
  });
  const open = new Set<ServerResponse>();
  let address = "";
  const server = createServer((request, response) => {
    const started = performance.now();
    open.add(response);
    response.on("close", () => {
      open.delete(response);
      const seconds = ((performance.now() - started) / 1000).toFixed(2);
      options.onRequest?.(`${request.method} ${request.url} ${response.statusCode} ${seconds}s`);
    });
    const answer = async (): Promise<void> => {
      refuseForeignHost(request, address, options);
      await handle(request, response, options, batcher);
    };
    answer().catch((error: unknown) => fail(response, error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  });
  const { family, port, address: own } = server.address() as AddressInfo;
  address = own;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}/v1`,
    async close() {
      await batcher.end();
      // Before `server.close`, which cuts replies that are written but not yet read.
      await closed(open, options.closeSeconds ?? 5);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Waits until each response has gone out whole or lost its client, at most so long. */
async function closed(responses: ReadonlySet<ServerResponse>, seconds: number): Promise<void> {
  const all = Promise.all(
    [...responses].map((response) => new Promise((resolve) => response.once("close", resolve))),
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  await Promise.race([all, late]);
  clearTimeout(timer);
}

/** @throws ProtocolError 403 */
function refuseForeignHost({ headers }: IncomingMessage, address: string, options: ServeOptions): void {
  if (isAllowedHost(address, options.allowedHosts ?? [], headers.host)) return;
  throw new ProtocolError(
    403,
    "this server is asked by the names of its own machine; start it with --allow-host for another one",
    "host_not_allowed",
  );
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
  batcher: Batcher,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0]!.replace(/\/+$/, "");
  const card = { id: options.model, object: "model", created: 0, owned_by: "skipthink" };
  switch (path) {
    case "/health":
      allowOnly(request, "GET");
      return sendJson(response, 200, { status: "ok" });
    case "/v1/models":
      allowOnly(request, "GET");
      return sendJson(response, 200, { object: "list", data: [card] });
    case "/v1/chat/completions": {
      allowOnly(request, "POST");
      const body = checkBody(await readJsonBody(request), chatSchema);
      const prompt = options.served.questionPrompt(lastQuestion(body));
      const most = body.max_completion_tokens ?? body.max_tokens;
      return await reply("chat", { ...body, most, prompt }, response, options, batcher);
    }
    case "/v1/completions": {
      allowOnly(request, "POST");
      const body = checkBody(await readJsonBody(request), completionSchema);
      const prompt = options.served.rawPrompt(body.prompt);
      return await reply(
        "completions",
        { ...body, most: body.max_tokens, prompt },
        response,
        options,
        batcher,
      );
    }
  }
  // Clients write a name with a slash as it is, or encoded.
  const { model } = options;
  if ([model, encodeURIComponent(model)].some((name) => path === `/v1/models/${name}`)) {
    allowOnly(request, "GET");
    return sendJson(response, 200, card);
  }
  throw new ProtocolError(404, `there is no ${path}`, "not_found");
}

/** @throws ProtocolError 405; HEAD is GET without the body, which Node leaves out */
function allowOnly({ method }: IncomingMessage, wanted: "GET" | "POST"): void {
  const allowed = wanted === "GET" ? ["GET", "HEAD"] : ["POST"];
  if (allowed.includes(method ?? "")) return;
  const error = new ProtocolError(
    405,
    `this is asked with ${wanted}, not with ${method}`,
    "method_not_allowed",
  );
  error.headers = { allow: allowed.join(", ") };
  throw error;
}

interface Asked {
  prompt: number[];
  most: number | null | undefined;
  temperature?: number | null | undefined;
  top_p?: number | null | undefined;
  seed?: number | null | undefined;
  stop: readonly string[];
  stream?: boolean | null | undefined;
  stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
}

async function reply(
  api: "chat" | "completions",
  asked: Asked,
  response: ServerResponse,
  options: ServeOptions,
  batcher: Batcher,
): Promise<void> {
  const { served } = options;
  const { contextLength } = served.student.capabilities();
  const promptTokens = asked.prompt.length;
  const parameter = api === "chat" ? "messages" : "prompt";
  // The student would fail at it, and with it at the whole batch.
  if (promptTokens === 0) throw new ProtocolError(400, "the prompt has no tokens", null, parameter);
  if (promptTokens >= contextLength) {
    throw new ProtocolError(
      400,
      `the prompt has ${promptTokens} tokens, the student's context holds ${contextLength}`,
      "context_length_exceeded",
      parameter,
    );
  }
  // A student is trained to be read greedily, where it has no effect.
  const temperature = asked.temperature ?? 0;
  if (temperature > 0 && (asked.top_p ?? 1) < 1) {
    throw new ProtocolError(400, "top_p: a text is drawn from all tokens", null, "top_p");
  }
  const writer = new ReplyWriter(api, options.model);
  const decoded = new TextStream(served.tokenizer);
  const stops = new StopTexts(asked.stop);
  const parts: string[] = [];
  const give = (text: string): void => {
    if (text === "") return;
    if (asked.stream) sendEvent(response, writer.part(text));
    else parts.push(text);
  };
  const generation = batcher.generate({
    prompt: asked.prompt,
    maxNewTokens: Math.min(asked.most ?? served.maxNewTokens, contextLength - promptTokens),
    temperature,
    seed: (asked.seed ?? Math.floor(Math.random() * 0x7fff_ffff)) >>> 0,
    onToken(token) {
      give(stops.push(decoded.push(token)));
      return !stops.stopped && !response.destroyed;
    },
  });
  if (asked.stream) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const opening = writer.opening();
    if (opening !== undefined) sendEvent(response, opening);
  }
  const end = await generation;
  give(stops.push(decoded.flush()));
  give(stops.flush());
  const finish: FinishReason = end.stopped ? "stop" : "length";
  const usage: TokenUsage = {
    prompt_tokens: promptTokens,
    completion_tokens: end.tokens,
    total_tokens: promptTokens + end.tokens,
  };
  if (!asked.stream) return sendJson(response, 200, writer.whole(parts.join(""), finish, usage));
  sendEvent(response, writer.ending(finish));
  if (asked.stream_options?.include_usage) sendEvent(response, writer.usage(usage));
  response.end("data: [DONE]\n\n");
}

/**
 * The body, capped. Only JSON by name is read: a page in a browser cannot send that to another origin without asking first.
 */
async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (!(request.headers["content-type"] ?? "").toLowerCase().startsWith("application/json")) {
    throw new ProtocolError(415, "the body must be sent as application/json");
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > largestBodyBytes) {
      throw new ProtocolError(413, `the body is larger than ${largestBodyBytes} bytes`);
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new ProtocolError(400, "the body is not JSON");
  }
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    // What is left of a body that was too large is not read.
    ...(status === 413 ? { connection: "close" } : {}),
    ...(status === 503 ? { "retry-after": "1" } : {}),
  });
  response.end(text);
}

function sendEvent(response: ServerResponse, value: object): void {
  response.write(`data: ${JSON.stringify(value)}\n\n`);
}

function fail(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof ProtocolError
      ? error
      : error instanceof NotTaken
        ? new ProtocolError(503, error.message, "overloaded")
        : new ProtocolError(500, "the student failed at this request", "internal_error");
  // A stream that has begun ends without [DONE], so that its reader knows it was cut.
  if (response.headersSent) response.destroy();
  else sendJson(response, known.status, known.body(), known.headers);
}
