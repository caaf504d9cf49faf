import { describe, expect, it } from "vitest";
import { readAnswer } from "../../src/tasks/answers/answers.ts";
import { type TeachConfig, teachSchema } from "../../src/teacher/config.ts";
import { converse, type Sample } from "../../src/teacher/conversation.ts";
import type { Reply } from "../../src/teacher/reply.ts";
import { requestKey, type TeacherRequest } from "../../src/teacher/request.ts";

const config = (changes: Record<string, unknown> = {}): TeachConfig =>
  teachSchema.parse({ questions: [{ file: "q.jsonl" }], endpoint: { model: "m" }, ...changes });
const said = (content: string, more: Partial<Reply> = {}): Reply => ({
  content,
  reasoning: "",
  finish: "stop",
  ...more,
});

function play(settings: TeachConfig, replies: Reply[]): { requests: TeacherRequest[]; sample: Sample } {
  const conversation = converse(settings, "How many? $& {x}", 0);
  const requests: TeacherRequest[] = [];
  let step = conversation.next();
  while (!step.done) {
    requests.push(step.value);
    step = conversation.next(replies[requests.length - 1]!);
  }
  return { requests, sample: step.value };
}

describe("one stage", () => {
  it("asks once and takes rationale and answer apart", () => {
    const settings = config({ prompt: { system: "Be brief.", question: "Q: {question} ($1)" } });
    const { requests, sample } = play(settings, [said("3 + 5 = 8.\n\n**Answer:** 8 apples.")]);
    expect(requests).toHaveLength(1);
    expect(requests[0]!.body).toMatchObject({
      model: "m",
      temperature: 0.7,
      max_tokens: 512,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Q: How many? $& {x} ($1)" },
      ],
    });
    expect(sample.rationale).toBe("3 + 5 = 8.");
    expect(readAnswer("number", sample.answerText)).toBe("8");
  });

  it("takes a reasoning field as the rationale, unless the text is wanted", () => {
    const reply = said("Eight.\nAnswer: 8", { reasoning: "3 and 5" });
    expect(play(config(), [reply]).sample.rationale).toBe("3 and 5");
    expect(play(config({ prompt: { rationale: "content" } }), [reply]).sample.rationale).toBe("Eight.");
  });

  it("takes an arrow within the steps for no answer, and no training text for one", () => {
    const steps = "Two goes --> 2 after the first step.\nThen subtract 5, giving 9.";
    const plain = "Two goes -> 2 after the first step.\nThen subtract 5, giving 9.";
    const marked = play(config(), [said(`${steps}\nAnswer: 9`)]).sample;
    expect(marked.rationale).toBe(plain);
    expect(readAnswer("number", marked.answerText)).toBe("9");
    expect(play(config(), [said("5 + 3 --> 8\nAnswer: 8")]).sample.rationale).toBe("5 + 3 -> 8");
    expect(readAnswer("number", play(config(), [said(steps)]).sample.answerText)).toBeUndefined();
    const thought = play(config(), [said("Answer: 9", { reasoning: steps })]).sample;
    expect(thought.rationale).toBe(plain);
    const unsaid = play(config(), [said(`<think>${steps}\nAnswer: 9</think>`)]).sample;
    expect(unsaid.rationale).toBe(plain);
    expect(readAnswer("number", unsaid.answerText)).toBe("9");
    expect(play(config({ prompt: { form: "twoStage" } }), [said(steps), said("9")]).sample.rationale).toBe(
      plain,
    );
  });

  it("sends what the endpoint wants, and nothing it refuses", () => {
    const { body } = play(
      config({
        sampling: {
          temperature: null,
          sendSeed: false,
          maxTokensField: "max_completion_tokens",
          extra: { reasoning_effort: "low" },
        },
      }),
      [said("x")],
    ).requests[0]!;
    expect(Object.keys(body).sort()).toEqual([
      "max_completion_tokens",
      "messages",
      "model",
      "reasoning_effort",
    ]);
    expect(() => config({ sampling: { extra: { seed: 3 } } })).toThrow(/set by another key/);
  });
});

describe("two stages", () => {
  const settings = config({ prompt: { form: "twoStage" } });
  it("follows zero-shot-CoT with chat messages", () => {
    const { requests, sample } = play(settings, [
      said("3 + 5 = 8."),
      said("Therefore, the answer is 8. Or 9?"),
    ]);
    expect(requests[1]!.body).toMatchObject({
      temperature: 0,
      max_tokens: 32,
      messages: [
        { role: "user", content: "Q: How many? $& {x}\nA: Let's think step by step." },
        { role: "assistant", content: "3 + 5 = 8." },
        { role: "user", content: "Therefore, the answer is" },
      ],
    });
    expect(sample.rationale).toBe("3 + 5 = 8.");
    expect(readAnswer("number", sample.answerText)).toBe("8");
  });

  it("follows zero-shot-CoT with plain prompts", () => {
    const completions = config({
      prompt: { form: "twoStage" },
      endpoint: { model: "m", api: "completions" },
    });
    const { requests } = play(completions, [said(" 3 + 5 = 8.\n"), said(" 8")]);
    expect(requests.map(({ body }) => body.prompt)).toEqual([
      "Q: How many? $& {x}\nA: Let's think step by step.",
      "Q: How many? $& {x}\nA: Let's think step by step. 3 + 5 = 8.\nTherefore, the answer is",
    ]);
  });

  it("takes no answer of the first stage into the rationale", () => {
    expect(play(settings, [said("3 + 5 is 8. --> 8"), said("8")]).sample.rationale).toBe("3 + 5 is 8.");
  });

  it("pays no second request for a rationale that was cut or is empty", () => {
    expect(play(settings, [said("3 + 5", { finish: "length" })]).requests).toHaveLength(1);
    expect(play(settings, [said("")]).requests).toHaveLength(1);
  });
});

describe("the address of a request", () => {
  it("depends on all that changes the reply, and on nothing else", () => {
    const keyOf = (changes: Record<string, unknown>, index = 0): string =>
      requestKey(converse(config(changes), "q", index).next().value as TeacherRequest);
    const base = keyOf({});
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    for (const same of [
      { endpoint: { model: "m", url: "http://127.0.0.1:1/v1", stream: true } },
      { limits: { concurrency: 1 } },
      { filter: { answers: "any" } },
      { sampling: { samples: 9 } },
    ]) {
      expect(keyOf(same), JSON.stringify(same)).toBe(base);
    }
    const others = [
      keyOf({}, 1),
      keyOf({ seed: 2 }),
      keyOf({ sampling: { temperature: 0 } }),
      keyOf({ sampling: { maxTokens: 5 } }),
      keyOf({ prompt: { system: "s" } }),
      keyOf({ endpoint: { model: "n" } }),
      keyOf({ sampling: { sendSeed: false } }),
      keyOf({ sampling: { sendSeed: false } }, 1),
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });
});
