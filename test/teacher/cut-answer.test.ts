import { describe, expect, it } from "vitest";
import { cutAnswer, rationaleOf } from "../../src/teacher/cut-answer.ts";

describe("the answer in a text", () => {
  it.each([
    ["a\nAnswer: 5", "Answer:", "a", "--> 5"],
    ["a\n**Answer:** 5", "Answer:", "a", "--> 5"],
    ["a\n**Answer: 5**", "Answer:", "a", "--> 5"],
    ["Answer: 4?\nno\nANSWER: 5", "Answer:", "Answer: 4?\nno", "--> 5"],
    ["İstanbul ve İzmir\nAnswer: 5", "Answer:", "İstanbul ve İzmir", "--> 5"],
    ["Is it (a)?\nAnswer (a-e): b", "answer (a-e):", "Is it (a)?", "--> b"],
    ["the answer: 5", "Answer:", "the answer: 5", undefined],
    ["Answer: 5", "Answer:", "", "--> 5"],
    [" a b --> 5", "Answer:", "a b", "--> 5"],
    ["a\nb --> 5 \n", "Answer:", "a\nb", "--> 5"],
    ["a --> 4\nAnswer: 5", "Answer:", "a --> 4", "--> 5"],
    ["a --> 4\nb", "Answer:", "a --> 4\nb", ""],
    ["a --> 4 --> 5", "Answer:", "a --> 4 --> 5", ""],
    ["a\n--> 5", "-->", "a", "--> 5"],
    ["a --> 4\n#### 5", "Answer:", "a --> 4\n#### 5", ""],
  ])("%j", (text, marker, before, answer) => {
    expect(cutAnswer(text, marker)).toEqual({ before, answer });
  });

  it("may stand behind GSM8K's hashes on the last line", () => {
    const cut = (text: string) => cutAnswer(text, "Answer:", { hashes: true });
    expect(cut("5 + 3 --> 8\n#### 12")).toEqual({ before: "5 + 3 --> 8", answer: "--> 12" });
    expect(cut("#### Step 1\n8 --> 12")).toEqual({ before: "#### Step 1\n8", answer: "--> 12" });
    expect(cut("a\nAnswer: 3\n#### 12").answer).toBe("--> 3\n#### 12");
  });

  it("is looked for in time that grows with the text", () => {
    const started = performance.now();
    cutAnswer("xAnswer:".repeat(20_000), "Answer:");
    rationaleOf("-".repeat(300_000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

it("a rationale holds no arrow that would announce an answer", () => {
  expect(rationaleOf(" a --> b ----> c -> d --\n")).toBe("a -> b -> c -> d --");
});
