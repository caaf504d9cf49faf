/** The part of OpenAI's protocol that is spoken: requests as they are checked, replies and errors as they are written. */
import { randomUUID } from "node:crypto";
import { z } from "zod";

const stopSchema = z
  .union([z.string().min(1).max(200), z.array(z.string().min(1).max(200)).max(4)])
  .nullish()
  .transform((stop) => (stop === null || stop === undefined ? [] : typeof stop === "string" ? [stop] : stop));

/** A field that would change the reply and is not spoken: taken with a value that changes nothing. */
function only(isInert: (value: unknown) => boolean, message: string) {
  return z
    .unknown()
    .refine((value) => value === undefined || value === null || isInert(value), message)
    .optional();
}
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
const isTextFormat = (value: unknown): boolean =>
  z.looseObject({ type: z.literal("text") }).safeParse(value).success;

const noTools = "a student calls no tools";
const noProbabilities = "probabilities are not given";
const noPenalty = "tokens are not weighted";
/** What else a client sends (`user`, `store`, `metadata`, the fields of other servers) is passed over. */
const commonShape = {
  model: z.string().max(500).nullish(),
  max_tokens: z.int().min(1).max(1_000_000).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: stopSchema,
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, "only one choice per request is written").nullish(),
  presence_penalty: only((value) => value === 0, noPenalty),
  frequency_penalty: only((value) => value === 0, noPenalty),
  logit_bias: only(isEmptyObject, noPenalty),
};

const textPart = z.looseObject({ type: z.literal("text", "only text can be read"), text: z.string() });

export const chatSchema = z.looseObject({
  ...commonShape,
  tools: only(isEmptyList, noTools),
  functions: only(isEmptyList, noTools),
  tool_choice: only((value) => value === "none" || value === "auto", noTools),
  function_call: only((value) => value === "none" || value === "auto", noTools),
  response_format: only(isTextFormat, "a student writes text, in no other form"),
  modalities: only(
    (value) => Array.isArray(value) && value.every((one) => one === "text"),
    "a student writes text",
  ),
  logprobs: only((value) => value === false, noProbabilities),
  top_logprobs: only((value) => value === 0, noProbabilities),
  max_completion_tokens: z.int().min(1).max(1_000_000).nullish(),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(["system", "developer", "user", "assistant"]),
        content: z.union([z.string(), z.array(textPart)]),
      }),
    )
    .min(1)
    .max(1000),
});

export const completionSchema = z.looseObject({
  ...commonShape,
  echo: only((value) => value === false, "the prompt is not repeated"),
  suffix: only((value) => value === "", "a student goes on with a prompt; it fills no gaps"),
  best_of: only((value) => value === 1, "only one choice per request is written"),
  logprobs: only(() => false, noProbabilities),
  prompt: z.union([
    z.string().min(1),
    z
      .array(z.string().min(1))
      .length(1, "only one prompt per request is read")
      .transform(([prompt]) => prompt!),
  ]),
});

/** An error in OpenAI's form. */
export class ProtocolError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly parameter: string | null;
  /** Headers that go with the status. */
  headers: Readonly<Record<string, string>> = {};

  constructor(status: number, message: string, code: string | null = null, parameter: string | null = null) {
    super(message);
    this.name = "ProtocolError";
    this.status = status;
    this.code = code;
    this.parameter = parameter;
  }

  body(): object {
    const type = this.status >= 500 ? "server_error" : "invalid_request_error";
    return { error: { message: this.message, type, param: this.parameter, code: this.code } };
  }
}

/** @throws ProtocolError 400 naming the parameter */
export function checkBody<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const parameter = issue.path.join(".");
  throw new ProtocolError(400, `${parameter || "body"}: ${issue.message}`, null, parameter || null);
}

/** The text of the last message of the user. */
export function lastQuestion({ messages }: z.output<typeof chatSchema>): string {
  const last = messages.findLast(({ role }) => role === "user");
  if (last === undefined) throw new ProtocolError(400, "there is no message of a user", null, "messages");
  const { content } = last;
  const text = typeof content === "string" ? content : content.map((part) => part.text).join("");
  if (text.trim() === "") throw new ProtocolError(400, "the question is empty", null, "messages");
  return text;
}

export interface TokenUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

export type FinishReason = "stop" | "length";

/** Writes the objects of one reply; chat and completions differ in names only. */
export class ReplyWriter {
  private readonly chat: boolean;
  private readonly head: { id: string; created: number; model: string };

  constructor(api: "chat" | "completions", model: string) {
    this.chat = api === "chat";
    this.head = {
      id: `${this.chat ? "chatcmpl" : "cmpl"}-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model,
    };
  }

  whole(text: string, finish: FinishReason, usage: TokenUsage): object {
    const choice = this.chat ? { message: { role: "assistant", content: text } } : { text };
    return {
      ...this.head,
      object: this.chat ? "chat.completion" : "text_completion",
      choices: [{ index: 0, ...choice, logprobs: null, finish_reason: finish }],
      usage,
    };
  }

  /** First event of a chat's stream; a completion has none. */
  opening(): object | undefined {
    return this.chat ? this.event({ delta: { role: "assistant", content: "" } }, null) : undefined;
  }

  part(text: string): object {
    return this.event(this.chat ? { delta: { content: text } } : { text }, null);
  }

  ending(finish: FinishReason): object {
    return this.event(this.chat ? { delta: {} } : { text: "" }, finish);
  }

  usage(usage: TokenUsage): object {
    return { ...this.head, object: this.eventName(), choices: [], usage };
  }

  private event(content: object, finish: FinishReason | null): object {
    const choice = { index: 0, ...content, logprobs: null, finish_reason: finish };
    return { ...this.head, object: this.eventName(), choices: [choice] };
  }

  private eventName(): string {
    return this.chat ? "chat.completion.chunk" : "text_completion";
  }
}
