/** One attempt at a request: send, read with a cap, and say what kind of failure it was. Retries are client.ts's job. */
import type { Endpoint } from "./endpoint.ts";
import { type Reply, readReply, UnreadableReply } from "./reply.ts";
import { canonicalJson, type TeacherRequest } from "./request.ts";
import { retryAfterMilliseconds } from "./retry-after.ts";
import { readStreamedReply } from "./stream.ts";

/** A reply of a hundred thousand tokens streamed one by one stays below this; more is no reply. */
const largestReplyBytes = 32 << 20;
/** A proxy did not await the reply, which the server behind it may have written. */
const proxyTimeouts = [408, 504, 524];
/** Of an error's body, this much is read for its message. */
const largestErrorBytes = 64 << 10;

export interface AttemptFailure {
  /**
   * unreachable: no connection; passing: may succeed when repeated; rateLimited: the same, after the wait it asks for;
   * refused: this request never succeeds; fatal: none would.
   */
  kind: "unreachable" | "passing" | "rateLimited" | "refused" | "fatal";
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
    if (!response.ok) throw await statusError(response, endpoint.key);
    const body = withoutKey(await readCapped(response, largestReplyBytes), endpoint.key);
    const streamed = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
    return streamed ? readStreamedReply(body) : readReply(body);
  } catch (error) {
    if (error instanceof AttemptError) throw error;
    if (error instanceof UnreadableReply) {
      throw new AttemptError(error.message, { kind: "passing", maybeCharged: true });
    }
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

async function statusError(response: Response, key: string | undefined): Promise<AttemptError> {
  const { status } = response;
  const body = await readCapped(response, largestErrorBytes).catch(() => "");
  const { message, codes } = errorOf(body);
  const text = `HTTP ${status}${message === "" ? "" : `: ${withoutKey(message, key)}`}`;
  const retryAfter = retryAfterMilliseconds(response.headers, Date.now());
  const failure = (kind: AttemptFailure["kind"]): AttemptError =>
    new AttemptError(text, {
      kind,
      maybeCharged: proxyTimeouts.includes(status),
      retryAfterMilliseconds: retryAfter,
    });
  if (status === 429) return failure(codes.includes("insufficient_quota") ? "fatal" : "rateLimited");
  // 503 with a wait is how some servers say that they are full.
  if (status === 503 && retryAfter !== undefined) return failure("rateLimited");
  if (status >= 500 || status === 408 || status === 409 || status === 425) return failure("passing");
  if (status < 400) {
    return new AttemptError(`HTTP ${status}: the address leads on to another one`, {
      kind: "fatal",
      maybeCharged: false,
    });
  }
  return failure([401, 402, 403, 404, 405, 410].includes(status) ? "fatal" : "refused");
}

/** Message, code and type of an error body: `{error: {message, code}}`, `{error: "…"}`, `{message}` or `{detail}`. */
function errorOf(body: string): { message: string; codes: unknown[] } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { message: /^\s*</.test(body) ? "" : body.trim().slice(0, 300), codes: [] };
  }
  const top = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const inner = (
    typeof top.error === "object" && top.error !== null
      ? top.error
      : { message: top.error ?? top.message ?? top.detail }
  ) as Record<string, unknown>;
  const message = typeof inner.message === "string" ? inner.message : "";
  // A spent quota has its own code for each kind of limit, and one type.
  return { message: message.trim().slice(0, 300), codes: [inner.code, inner.type] };
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
