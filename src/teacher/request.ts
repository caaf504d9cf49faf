/** A request to the teacher as a value, and its address: the SHA-256 of everything that can change the reply. */
import { createHash } from "node:crypto";
import type { TeachConfig } from "./config.ts";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface TeacherRequest {
  api: "chat" | "completions";
  /** JSON body without what only changes the transport (`stream`). */
  body: Readonly<Record<string, unknown>>;
  /** Which of the samples of its question it is, from 0; tells equal bodies apart where no seed is sent. */
  sample: number;
  /** Longest reply, tokens. */
  maxTokens: number;
}

/**
 * Body of one request.
 * @param text messages (chat) or the prompt (completions)
 * @param seed sent unless the configuration says otherwise
 */
export function makeRequest(
  config: TeachConfig,
  text: readonly ChatMessage[] | string,
  draw: { sample: number; seed: number; maxTokens: number; temperature: number | null },
): TeacherRequest {
  const { sampling, endpoint } = config;
  const body: Record<string, unknown> = { model: endpoint.model };
  if (typeof text === "string") body.prompt = text;
  else body.messages = text;
  body[sampling.maxTokensField] = draw.maxTokens;
  if (draw.temperature !== null) body.temperature = draw.temperature;
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  if (sampling.sendSeed) body.seed = draw.seed;
  if (sampling.stop.length > 0) body.stop = sampling.stop;
  Object.assign(body, sampling.extra);
  return { api: endpoint.api, body, sample: draw.sample, maxTokens: draw.maxTokens };
}

/** Address of a request in the store: 64 hex digits. The endpoint's address is no part of it, so a server may move. */
export function requestKey({ api, body, sample }: Pick<TeacherRequest, "api" | "body" | "sample">): string {
  return createHash("sha256").update(canonicalJson({ api, body, sample })).digest("hex");
}

/** JSON with the keys of every object in code-unit order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** All text that the model reads. */
export function promptText({ body }: Pick<TeacherRequest, "body">): string {
  if (typeof body.prompt === "string") return body.prompt;
  return (body.messages as readonly ChatMessage[]).map(({ content }) => content).join("\n");
}
