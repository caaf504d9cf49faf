import { describe, expect, it } from "vitest";
import { methodPlans } from "../../src/method/baselines/methods.ts";
import {
  type ItemSettings,
  inferencePrompt,
  methodNames,
  type RationaleMaterial,
} from "../../src/method/baselines/plan.ts";
import { averageBoundaries } from "../../src/method/chunk/boundaries.ts";
import { makeWorld } from "./rationales.ts";

const { markers, encoded } = makeWorld({ count: 20, maxSteps: 9, chunks: 3 });
const rationale = encoded.find(({ steps }) => steps.length >= 5)!;
const material: RationaleMaterial = {
  encoded: rationale,
  boundaries: averageBoundaries(rationale.steps.length, 3),
  skips: { keptSteps: [1, rationale.steps.length - 1], dropped: false },
};
const settings: ItemSettings = { markers, stageWeight: 1, answerWeight: 2, sttItems: "answer" };
const { skips: _, ...unprobed } = material;

describe("method plans", () => {
  it("list every method under its own name, after the method it starts from", () => {
    expect(Object.keys(methodPlans)).toEqual([...methodNames]);
    methodNames.forEach((name, i) => {
      const plan = methodPlans[name];
      expect(plan.name).toBe(name);
      if (plan.startsFrom) expect(methodNames.indexOf(plan.startsFrom)).toBeLessThan(i);
    });
  });

  it("make the items of each method", () => {
    const stages = (name: (typeof methodNames)[number], from = unprobed, with_ = settings) =>
      methodPlans[name].items(from, with_).map(({ stage, weight }) => [stage, weight]);
    expect(stages("answer-only")).toEqual([["answer", 1]]);
    expect(stages("full")).toEqual([["answer", 1]]);
    const cwt = [
      [1, 1],
      [2, 1],
      [3, 1],
      ["answer", 2],
    ];
    expect(stages("cwt-ac")).toEqual(cwt);
    expect(stages("cwt-sbc")).toEqual(cwt);
    expect(stages("cwt-sbc", unprobed, { ...settings, stageWeight: 0 })).toEqual([["answer", 2]]);
    expect(stages("cwt-sbc", unprobed, { ...settings, answerWeight: 0 })).toEqual(cwt.slice(0, 3));
    expect(stages("stt", material)).toEqual([["answer", 2]]);
    expect(stages("stt-random", material, { ...settings, sttItems: "all" })).toEqual(cwt);
  });

  it("train skip-thinking on the kept steps only, and not on dropped rationales", () => {
    const [item] = methodPlans.stt.items(material, settings);
    const { steps, arrow, answer } = rationale;
    expect(item!.target).toEqual([...steps[1]!, ...steps.at(-1)!, ...arrow, ...answer]);
    const dropped = { ...material, skips: { keptSteps: [], dropped: true } };
    expect(methodPlans.stt.items(dropped, { ...settings, sttItems: "all" })).toEqual([]);
  });

  it("refuse rationales that miss what the method needs", () => {
    const { boundaries: _, ...unchunked } = unprobed;
    expect(() => methodPlans["cwt-ac"].items(unchunked, settings)).toThrow(/no chunking/);
    expect(() => methodPlans.stt.items(unprobed, settings)).toThrow(/not been probed/);
  });

  it("ask a student as it was trained", () => {
    for (const name of methodNames) {
      const plan = methodPlans[name];
      const prompts = plan.items(material, settings).filter(({ stage }) => stage === "answer");
      expect(prompts[0]!.prompt).toEqual(inferencePrompt(plan, rationale.question, markers));
    }
  });
});
