/** What a server says went wrong, in the body of an error status or in place of a reply, and what follows from it. */
import { isRecord } from "../tasks/read/jsonl.ts";

export interface ServerError {
  /** Empty if it gives none. */
  message: string;
  /** Code and type, as they came. */
  codes: unknown[];
  /** It is the question that is refused, by a filter. */
  isModerated: boolean;
}

/**
 * unreachable: no connection; passing: may succeed when repeated; rateLimited: the same, after the wait it asks for; refused:
 * this request never succeeds; fatal: none would; forbidden: refused if the teacher has answered others, else fatal.
 */
export type FailureKind = "unreachable" | "passing" | "rateLimited" | "refused" | "forbidden" | "fatal";

/** What is said of an error, characters. */
const longestMessage = 300;

/** An error in place of a reply or behind a part of it, in a response of status 200. */
export class ErrorInReply extends Error {
  readonly error: ServerError;
  /** A part of the reply was written. */
  readonly hasText: boolean;

  constructor(error: ServerError, hasText: boolean) {
    const status = statusOf(error);
    const what = hasText ? "the reply ended in an error" : "an error in place of the reply";
    super(
      `${what}${status === undefined ? "" : ` (${status})`}${error.message === "" ? "" : `: ${error.message}`}`,
    );
    this.error = error;
    this.hasText = hasText;
  }
}

/** The error of a body: `{error: {message, code}}`, `{error: "…"}`, `{message}` or `{detail}`. */
export function readServerError(value: unknown): ServerError {
  const top = isRecord(value) ? value : {};
  const inner = isRecord(top.error) ? top.error : { message: top.error ?? top.message ?? top.detail };
  const message = typeof inner.message === "string" ? inner.message : "";
  // A spent quota has its own code for each kind of limit, and one type.
  const codes = [inner.code, inner.type];
  return { message: message.trim().slice(0, longestMessage), codes, isModerated: isModerated(inner, codes) };
}

const filterCodes = ["content_policy_violation", "content_filter"];

/** OpenRouter says what its filter has found, others that it was one. */
function isModerated({ metadata }: Record<string, unknown>, codes: readonly unknown[]): boolean {
  const { reasons, flagged_input: flagged, error_type: type } = isRecord(metadata) ? metadata : {};
  return (
    (Array.isArray(reasons) && reasons.length > 0) ||
    typeof flagged === "string" ||
    [...codes, type].some((code) => filterCodes.includes(String(code)))
  );
}

/** @throws ErrorInReply for a body that holds an error, or whose choice does */
export function refuseErrors(value: unknown, hasText = false): void {
  if (!isRecord(value)) return;
  const choice = Array.isArray(value.choices) ? value.choices[0] : undefined;
  for (const holder of [value, choice]) {
    if (!isRecord(holder)) continue;
    const { error } = holder;
    // Some servers name the field in every reply.
    if (typeof error === "string" ? error !== "" : isRecord(error) && (error.message || error.code)) {
      throw new ErrorInReply(readServerError(holder), hasText || choice !== undefined);
    }
  }
}

/** The status that an error in place of a reply stands for; undefined if it does not say. */
export function statusOf({ codes }: ServerError): number | undefined {
  if (codes.includes("insufficient_quota") || codes.includes("rate_limit_exceeded")) return 429;
  const status = Number(codes[0]);
  return Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined;
}

export function failureKind(
  status: number,
  { codes, isModerated }: ServerError,
  retryAfterMilliseconds: number | undefined,
): FailureKind {
  if (status === 429) return codes.includes("insufficient_quota") ? "fatal" : "rateLimited";
  // 503 with a wait is how some servers say that they are full.
  if (status === 503 && retryAfterMilliseconds !== undefined) return "rateLimited";
  if (status >= 500 || status === 408 || status === 409 || status === 425) return "passing";
  if (status === 403) return isModerated ? "refused" : "forbidden";
  return [401, 402, 404, 405, 410].includes(status) ? "fatal" : "refused";
}
