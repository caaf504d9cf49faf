import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Reply, readReply, splitReasoning } from "../../src/teacher/reply.ts";
import { readStreamedReply } from "../../src/teacher/stream.ts";

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");
const tom = "Tom starts with 3 apples. He buys 5 more, so he has 3 + 5 = 8.";

describe("the form of each server", () => {
  const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens });
  const expected: Record<string, Partial<Reply> & { split: { reasoning: string; text: string } }> = {
    "openai-chat.json": {
      model: "gpt-4o-mini-2024-07-18",
      finish: "stop",
      usage: usage(48, 31),
      split: { reasoning: "", text: `${tom}\n\nAnswer: 8` },
    },
    "openai-completion.json": {
      finish: "length",
      usage: usage(25, 16),
      split: { reasoning: "", text: "Tom starts with 3 apples and buys 5, which makes 8." },
    },
    "vllm-reasoning.json": {
      finish: "stop",
      usage: usage(41, 43),
      split: {
        reasoning: "Three apples and five more. 3 + 5 = 8.",
        text: "Tom has eight apples.\nAnswer: 8",
      },
    },
    "vllm-truncated.json": {
      finish: "length",
      content: "",
      usage: usage(41, 10),
      split: { reasoning: "Three apples and five more. Let me think about", text: "" },
    },
    "ollama-chat.json": {
      model: "qwen3:8b",
      usage: usage(27, 64),
      split: { reasoning: "Tom has 3 apples, then 5 more: 8.", text: "Answer: 8" },
    },
    "llamacpp-think.json": {
      usage: usage(33, 21),
      split: { reasoning: "Three and five make eight.", text: "Tom has 8 apples.\n**Answer: 8**" },
    },
    "openai-chat.sse": {
      model: "gpt-4o-mini",
      finish: "stop",
      usage: usage(20, 9),
      split: { reasoning: "", text: "3 + 5 = 8.\nAnswer: 8" },
    },
    "llamacpp-reasoning.sse": {
      finish: "stop",
      usage: usage(18, 9),
      split: { reasoning: "Three and five.", text: "Answer: 8" },
    },
  };
  it.each(Object.keys(expected))("%s", (name) => {
    const reply = name.endsWith(".sse") ? readStreamedReply(fixture(name)) : readReply(fixture(name));
    const { split, ...fields } = expected[name]!;
    expect(reply).toMatchObject(fields);
    expect(splitReasoning(reply)).toEqual(split);
  });
});

describe("reasoning in the text", () => {
  it.each([
    ["<think>a</think>b", "a", "b"],
    // DeepSeek's chat template opens it in the prompt.
    ["a\n</think>\n\nb", "a", "b"],
    ["<think>cut in the mid", "cut in the mid", ""],
    ["<thinking>a</thinking> b", "a", "b"],
    ["no reasoning, but a < b", "", "no reasoning, but a < b"],
  ])("%j", (content, reasoning, text) => {
    expect(splitReasoning({ content, reasoning: "" })).toEqual({ reasoning, text });
  });

  it("in parts of a list is put together", () => {
    const content = [{ type: "text", text: "a" }, { type: "image_url" }, { type: "text", text: "b" }];
    expect(readReply(JSON.stringify({ choices: [{ message: { content } }] })).content).toBe("ab");
  });
});

describe("what is no reply", () => {
  it.each([
    ["not JSON", "{"],
    ["no choices", '{"choices": []}'],
    ["another form", '{"choices": [{"message": {"content": 3}}]}'],
    ["no object", "null"],
    ["an error in place of a reply", '{"error": {"message": "out of memory"}}'],
  ])("%s is refused", (_name, body) => {
    expect(() => readReply(body)).toThrow(/reply/);
  });

  it("a stream that was cut anywhere is refused", () => {
    const whole = fixture("openai-chat.sse");
    const finishAt = whole.indexOf('"finish_reason":"stop"');
    const finishEnd = whole.indexOf("\n\n", finishAt);
    for (let length = 0; length < finishEnd; length += 7) {
      expect(() => readStreamedReply(whole.slice(0, length)), `${length} characters`).toThrow(/stream|event/);
    }
    expect(readStreamedReply(whole.slice(0, finishEnd + 2)).content).toContain("Answer: 8");
    expect(() => readStreamedReply('data: {"error": {"message": "x"}}\n\ndata: [DONE]\n\n')).toThrow(/error/);
  });

  it("usage that makes no sense is left out", () => {
    const body = { choices: [{ message: { content: "x" } }], usage: { prompt_tokens: 3 } };
    expect(readReply(JSON.stringify(body)).usage).toBeUndefined();
  });
});
