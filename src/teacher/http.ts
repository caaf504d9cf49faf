/** One attempt at a request: send, read with a cap, and say what kind of failure it was. Retries are client.ts's job. */
import type { Endpoint } from "./endpoint.ts";
import { type Reply, readReply, UnreadableReply } from "./reply.ts";
import { canonicalJson, type TeacherRequest } from "./request.ts";
import { retryAfterMilliseconds } from "./retry-after.ts";
import {
  ErrorInReply,
  type FailureKind,
  failureKind,
  readServerError,
  type ServerError,
  statusOf,
} from "./server-error.ts";
import { readStreamedReply } from "./stream.ts";

/** A reply of a hundred thousand tokens streamed one by one stays below this; more is no reply. */
const largestReplyBytes = 32 << 20;
/** A proxy did not await the reply, which the server behind it may have written. */
const proxyTimeouts = [408, 504, 524];
/** Of an error's body, this much is read for its message. */
const largestErrorBytes = 64 << 10;

export interface AttemptFailure {
  kind: FailureKind;
  retryAfterMilliseconds?: number | undefined;
  /** The server may have written (and charged) a reply that was lost. */
  maybeCharged: boolean;
}

export class AttemptError extends Error {
  readonly failure: AttemptFailure;

  constructor(message: string, failure: AttemptFailure) {
    super(message);
    this.name = "AttemptError";
    this.failure = failure;
  }
}

export interface SendOptions {
  timeoutMilliseconds: number;
  fetch: typeof fetch;
}

/** @throws AttemptError, whose message never holds the key */
export async function send(
  endpoint: Endpoint,
  request: TeacherRequest,
  options: SendOptions,
): Promise<Reply> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeoutMilliseconds);
  let headersCame = false;
  let retryAfter: number | undefined;
  try {
    const response = await options.fetch(
      `${endpoint.url}/${request.api === "chat" ? "chat/completions" : "completions"}`,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: endpoint.stream ? "text/event-stream, application/json" : "application/json",
          ...(endpoint.key === undefined ? {} : { authorization: `Bearer ${endpoint.key}` }),
        },
        body: canonicalJson({
          ...request.body,
          ...(endpoint.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
        }),
        // Another address must not get the key.
        redirect: "manual",
        signal: abort.signal,
      },
    );
    headersCame = true;
    retryAfter = retryAfterMilliseconds(response.headers, Date.now());
    if (!response.ok) throw await statusError(response, retryAfter, endpoint.key);
    const body = withoutKey(await readCapped(response, largestReplyBytes), endpoint.key);
    const streamed = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
    return streamed ? readStreamedReply(body) : readReply(body);
  } catch (error) {
    if (error instanceof AttemptError) throw error;
    if (error instanceof UnreadableReply) {
      throw new AttemptError(error.message, { kind: "passing", maybeCharged: true });
    }
    if (error instanceof ErrorInReply) throw errorInReply(error, retryAfter);
    if (abort.signal.aborted) {
      const seconds = options.timeoutMilliseconds / 1000;
      throw new AttemptError(`no reply within ${seconds} s`, { kind: "passing", maybeCharged: true });
    }
    throw connectionError(error, headersCame);
  } finally {
    clearTimeout(timer);
    // Ends what is left of a response that was not read to its end.
    abort.abort();
  }
}

async function readCapped(response: Response, cap: number): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > cap) throw new UnreadableReply(`the reply is larger than ${cap} bytes`);
    parts.push(decoder.decode(part, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

async function statusError(
  response: Response,
  retryAfter: number | undefined,
  key: string | undefined,
): Promise<AttemptError> {
  const { status } = response;
  const body = await readCapped(response, largestErrorBytes).catch(() => "");
  const error = errorOf(body);
  const text = `HTTP ${status}${error.message === "" ? "" : `: ${withoutKey(error.message, key)}`}`;
  if (status < 400) {
    return new AttemptError(`HTTP ${status}: the address leads on to another one`, {
      kind: "fatal",
      maybeCharged: false,
    });
  }
  return new AttemptError(text, {
    kind: failureKind(status, error, retryAfter),
    maybeCharged: proxyTimeouts.includes(status),
    retryAfterMilliseconds: retryAfter,
  });
}

/** Some servers (OpenRouter) begin to answer with status 200 and write the true one into the body. */
function errorInReply(error: ErrorInReply, retryAfter: number | undefined): AttemptError {
  const status = statusOf(error.error);
  return new AttemptError(error.message, {
    kind: status === undefined ? "passing" : failureKind(status, error.error, retryAfter),
    maybeCharged: error.hasText || (status !== undefined && proxyTimeouts.includes(status)),
    retryAfterMilliseconds: retryAfter,
  });
}

function errorOf(body: string): ServerError {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return readServerError({ message: /^\s*</.test(body) ? "" : body });
  }
  return readServerError(value);
}

/** Servers quote what they were sent; the key must reach neither the store nor a message. */
function withoutKey(text: string, key: string | undefined): string {
  return key === undefined || key.length < 6 ? text : text.replaceAll(key, "[key]");
}

/** Certificates that do not hold will not hold later either. */
const certificateFault = /^(?:ERR_TLS|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function connectionError(error: unknown, headersCame: boolean): AttemptError {
  const cause = (error as { cause?: { code?: unknown; message?: unknown } }).cause;
  const code = typeof cause?.code === "string" ? cause.code : "";
  if (cause?.message === "bad port") {
    return new AttemptError("that port is one of those that fetch refuses", {
      kind: "fatal",
      maybeCharged: false,
    });
  }
  if (certificateFault.test(code)) {
    return new AttemptError(`the certificate cannot be trusted (${code})`, {
      kind: "fatal",
      maybeCharged: false,
    });
  }
  if (headersCame) {
    return new AttemptError("the connection was cut in the middle of the reply", {
      kind: "passing",
      maybeCharged: true,
    });
  }
  const never = [
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
  ];
  const detail = code === "" ? "" : ` (${code})`;
  return never.includes(code)
    ? new AttemptError(`no connection${detail}`, { kind: "unreachable", maybeCharged: false })
    : new AttemptError(`the connection was cut${detail}`, { kind: "passing", maybeCharged: true });
}
