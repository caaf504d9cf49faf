/**
 * A reply of an OpenAI-compatible server as a value. The forms that servers differ in are read here: reasoning as
 * `reasoning_content` (vLLM, llama.cpp, DeepSeek), as `reasoning` (Ollama, OpenRouter, newer vLLM), as parts of the content
 * (Mistral) or as `<think>…</think>` in the text; content as text, null or a list of parts. Everything is untrusted.
 */
import { z } from "zod";
import { isRecord } from "../tasks/read/jsonl.ts";
import { refuseErrors } from "./server-error.ts";

export interface Usage {
  inputTokens: number;
  /** Reasoning included. */
  outputTokens: number;
}

export interface Reply {
  /** Text as it came, a `<think>` part included; empty if there was none. */
  content: string;
  /** The server's reasoning field; empty if there was none. */
  reasoning: string;
  finish: "stop" | "length" | "filtered" | "other";
  /** What the server says it used; undefined if it does not say. */
  usage?: Usage;
  /** Model that the server says has answered. */
  model?: string;
}

const text = z.string().nullish();
const tokens = z.number().min(0).max(1e12).nullish();
const usageSchema = z
  .looseObject({ prompt_tokens: tokens, completion_tokens: tokens, total_tokens: tokens })
  .nullish();
const contentSchema = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().nullish() }))])
  .nullish();
const messageSchema = z.looseObject({ content: contentSchema, reasoning_content: text, reasoning: text });
const replySchema = z.looseObject({
  model: text,
  choices: z
    .array(
      z.looseObject({
        message: messageSchema.nullish(),
        delta: messageSchema.nullish(),
        text,
        finish_reason: text,
      }),
    )
    .max(16),
  usage: usageSchema,
});
export type WireReply = z.output<typeof replySchema>;
type WireMessage = z.output<typeof messageSchema>;

/** Why a body is no reply; the caller retries. */
export class UnreadableReply extends Error {}

/**
 * @param hasText parts of the reply came before this one
 * @throws UnreadableReply for JSON that has another shape, ErrorInReply for an error of the server
 */
export function checkWireReply(value: unknown, hasText = false): WireReply {
  refuseErrors(value, hasText);
  const result = replySchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new UnreadableReply(
    `the reply has another form (${issue.path.join(".") || "top"}: ${issue.message})`,
  );
}

/**
 * The one reply in a whole (not streamed) body.
 * @throws UnreadableReply for a body that is not JSON, has another shape, or no choice; ErrorInReply
 */
export function readReply(body: string): Reply {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new UnreadableReply("the reply is not JSON");
  }
  const wire = checkWireReply(value);
  const [choice] = wire.choices;
  if (choice === undefined) throw new UnreadableReply("the reply has no choice");
  const message = choice.message ?? { content: choice.text };
  return makeReply(contentOf(message), reasoningOf(message), choice.finish_reason, wire.usage, wire.model);
}

/** @throws UnreadableReply for an end that is a fault of the server */
export function makeReply(
  content: string,
  reasoning: string,
  finishReason: string | null | undefined,
  usage: z.output<typeof usageSchema>,
  model: string | null | undefined,
): Reply {
  const counted = usageOf(usage);
  return {
    content,
    reasoning,
    finish: finishOf(finishReason),
    ...(counted === undefined ? {} : { usage: counted }),
    ...(typeof model === "string" ? { model: model.slice(0, 300) } : {}),
  };
}

/** Some servers (xAI, Gemini) leave reasoning out of the reply's tokens and have it in the total, which is what they charge. */
function usageOf(usage: z.output<typeof usageSchema>): Usage | undefined {
  const { prompt_tokens: inputTokens, completion_tokens: written, total_tokens: total } = usage ?? {};
  if (typeof inputTokens !== "number") return undefined;
  const rest = typeof total === "number" && total >= inputTokens ? total - inputTokens : undefined;
  const outputTokens = Math.max(written ?? 0, rest ?? 0);
  return typeof written === "number" || rest !== undefined ? { inputTokens, outputTokens } : undefined;
}

export function contentOf({ content }: Pick<WireMessage, "content">): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("");
}

export function reasoningOf(message: Partial<WireMessage>): string {
  return message.reasoning_content || message.reasoning || thinkingOf(message.content);
}

/** Of a content in parts, those that are thoughts: `{type: "thinking", thinking: [{type: "text", text}]}`, or a text alone. */
export function thinkingOf(content: unknown): string {
  if (!Array.isArray(content)) return "";
  return content
    .flatMap((part) => (isRecord(part) && part.type === "thinking" ? part.thinking : []))
    .map((part) => {
      if (typeof part === "string") return part;
      return isRecord(part) && typeof part.text === "string" ? part.text : "";
    })
    .join("");
}

/** Ends that are a fault of the server: what was written is no answer. */
const brokenEnds = ["error", "abort", "aborted", "cancelled", "canceled"];

/** @throws UnreadableReply for an end that is a fault of the server */
function finishOf(reason: string | null | undefined): Reply["finish"] {
  if (brokenEnds.includes(reason?.toLowerCase() ?? "")) {
    throw new UnreadableReply(`the server ended the reply with "${reason}"`);
  }
  switch (reason) {
    case "stop":
    case "eos":
    case "stop_sequence":
      return "stop";
    case "length":
    case "max_tokens":
    case "model_length":
      return "length";
    case "content_filter":
      return "filtered";
    default:
      return "other";
  }
}

/**
 * Reasoning and text of a reply apart. A reply may open its reasoning in the prompt (only `</think>` is seen) or be cut
 * before it closes it (only `<think>` is seen): then everything is reasoning.
 */
export function splitReasoning({ content, reasoning }: Pick<Reply, "content" | "reasoning">): {
  reasoning: string;
  text: string;
} {
  if (reasoning.trim() !== "") return { reasoning: reasoning.trim(), text: content.trim() };
  const open = /^\s*<think(?:ing)?>/.exec(content);
  const rest = open === null ? content : content.slice(open[0].length);
  const close = /<\/think(?:ing)?>/.exec(rest);
  if (close !== null) {
    return {
      reasoning: rest.slice(0, close.index).trim(),
      text: rest.slice(close.index + close[0].length).trim(),
    };
  }
  return open === null ? { reasoning: "", text: content.trim() } : { reasoning: rest.trim(), text: "" };
}
