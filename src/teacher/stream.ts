/** A streamed reply (server-sent events, as OpenAI sends them) put together again. A stream without its end is an error. */
import { checkWireReply, contentOf, makeReply, type Reply, reasoningOf, UnreadableReply } from "./reply.ts";

/**
 * @param body the whole text of the stream, complete or cut
 * @throws UnreadableReply for a stream that ends before `[DONE]` or a finish reason; ErrorInReply for an error of the server in it
 */
export function readStreamedReply(body: string): Reply {
  let content = "";
  let reasoning = "";
  let finishReason: string | null | undefined;
  let usage: ReturnType<typeof checkWireReply>["usage"];
  let model: string | null | undefined;
  let done = false;
  let events = 0;
  for (const data of eventData(body)) {
    if (data === "[DONE]") {
      done = true;
      break;
    }
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw new UnreadableReply("an event of the stream is not JSON");
    }
    const wire = checkWireReply(value, events > 0);
    model ??= wire.model;
    usage = wire.usage ?? usage;
    const [choice] = wire.choices;
    // The event with the usage has no choice.
    if (choice === undefined) continue;
    events++;
    const message = choice.delta ?? choice.message ?? { content: choice.text };
    content += contentOf(message);
    reasoning += reasoningOf(message);
    finishReason = choice.finish_reason ?? finishReason;
  }
  if (!done && typeof finishReason !== "string") throw new UnreadableReply("the stream was cut off");
  if (events === 0) throw new UnreadableReply("the stream has no choice");
  return makeReply(content, reasoning, finishReason, usage, model);
}

/** The data of each complete event; a last event without its blank line was cut and is left out. */
function* eventData(body: string): Generator<string> {
  const blocks = body.replace(/\r\n?/g, "\n").split("\n\n");
  const last = blocks.pop() ?? "";
  // Some servers end the stream right behind the last event's text.
  if (last.trim() === "data: [DONE]" || last.trim() === "data:[DONE]") blocks.push(last);
  for (const block of blocks) {
    const lines = block.split("\n").filter((line) => line.startsWith("data:"));
    if (lines.length > 0) yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
  }
}
