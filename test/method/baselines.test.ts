import { describe, expect, it } from "vitest";
import { removedTokens } from "../../src/method/baselines/icot.ts";
import { methodPlans } from "../../src/method/baselines/methods.ts";
import {
  type ItemSettings,
  inferencePrompt,
  methodNames,
  type RationaleMaterial,
} from "../../src/method/baselines/plan.ts";
import { averageBoundaries } from "../../src/method/chunk/boundaries.ts";
import { type EpochOptions, planEpoch } from "../../src/method/items/batches.ts";
import { RandomStream } from "../../src/util/random.ts";
import { makeWorld } from "./rationales.ts";

const { markers, encoded } = makeWorld({ count: 20, maxSteps: 9, chunks: 3 });
const rationale = encoded.find(({ steps }) => steps.length >= 5)!;
const material: RationaleMaterial = {
  encoded: rationale,
  boundaries: averageBoundaries(rationale.steps.length, 3),
  skips: { keptSteps: [1, rationale.steps.length - 1], dropped: false },
};
const settings: ItemSettings = {
  markers,
  stageWeight: 1,
  answerWeight: 2,
  sttItems: "answer",
  labelWeight: 0.3,
  icot: { from: 0.2, until: 0.7, smoothing: 0 },
};
const { skips: _, ...unprobed } = material;
const epoch: EpochOptions = {
  seed: 1,
  epoch: 0,
  itemsPerBatch: 6,
  tokensPerBatch: 120,
  oneStagePerBatch: false,
  schedule: "shuffled",
};

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
    expect(stages("step-by-step")).toEqual([
      ["answer", 0.3],
      ["answer", 0.7],
    ]);
    expect(stages("step-by-step", unprobed, { ...settings, labelWeight: 0 })).toEqual([["answer", 1]]);
    expect(stages("step-by-step", unprobed, { ...settings, labelWeight: 1 })).toEqual([["answer", 1]]);
    expect(stages("icot")).toEqual([["answer", 1]]);
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

describe("step-by-step", () => {
  const plan = methodPlans["step-by-step"];
  const { question, steps, arrow, answer } = rationale;

  it("asks for the label and for the rationale with a prefix each", () => {
    const [label, reasons] = plan.items(unprobed, settings);
    expect(label!.prompt).toEqual([...markers.label, ...question]);
    expect(label!.target).toEqual([...arrow, ...answer]);
    expect(reasons!.prompt).toEqual([...markers.rationale, ...question]);
    expect(reasons!.target).toEqual([...steps.flat(), answer.at(-1)]);
    expect(markers.label).not.toEqual(markers.rationale);
  });

  it("has both tasks of a rationale in one step, at weights α and 1 - α of it", () => {
    const items = encoded.flatMap((one) => plan.items({ encoded: one }, settings));
    const batches = planEpoch(items, { ...epoch, keepTogether: true });
    expect(batches).toHaveLength(Math.ceil(encoded.length / epoch.itemsPerBatch));
    for (const { rationaleIds, microBatches } of batches) {
      const counts = new Map<string, number>();
      for (const id of rationaleIds) counts.set(id, (counts.get(id) ?? 0) + 1);
      expect([...counts.values()].every((count) => count === 2)).toBe(true);
      const sequences = microBatches.flat();
      const ofLabel = sequences.filter(({ prompt }) => prompt[0] === markers.label[0]);
      const weight = (some: typeof sequences) => some.reduce((sum, one) => sum + one.weight, 0);
      expect(weight(sequences)).toBeCloseTo(1, 12);
      expect(weight(ofLabel)).toBeCloseTo(0.3, 12);
    }
  });
});

describe("icot", () => {
  const { progression, items } = methodPlans.icot;
  const all = encoded.flatMap((one) => items({ encoded: one }, settings));
  const encodedOf = (id: string) => encoded.find(({ rationaleId }) => rationaleId === id)!;
  const batch = planEpoch(all, epoch)[0]!;
  const random = () => new RandomStream(1, "test");
  const at = (share: number, from = settings) =>
    progression!.atShare(batch, share, encodedOf, from, random()).microBatches.flat();

  it("keeps the rationale whole at first and leaves the answer alone in the end", () => {
    expect(at(0)).toEqual(batch.microBatches.flat());
    expect(at(0.19)).toEqual(batch.microBatches.flat());
    at(0.7).forEach(({ target }, i) => {
      const { arrow, answer } = encodedOf(batch.rationaleIds[i]!);
      expect(target).toEqual([...arrow, ...answer]);
    });
    expect(progression!.settledAt(settings)).toBe(0.7);
  });

  it("removes leading tokens in between, more and more of them", () => {
    const half = at(0.45);
    half.forEach(({ target, prompt, weight }, i) => {
      const whole = batch.microBatches.flat()[i]!;
      const length = encodedOf(batch.rationaleIds[i]!).steps.flat().length;
      expect(target).toEqual(whole.target.slice(Math.floor(length / 2)));
      expect([prompt, weight]).toEqual([whole.prompt, whole.weight]);
    });
    let before = Number.POSITIVE_INFINITY;
    for (let share = 0; share <= 1; share += 0.05) {
      const tokens = at(share).reduce((sum, { target }) => sum + target.length, 0);
      expect(tokens).toBeLessThanOrEqual(before);
      before = tokens;
    }
  });

  it("smooths removals: o further tokens with probability ∝ e^(-λo), never beyond the rationale", () => {
    const one = { steps: [Array.from({ length: 100 }, (_, i) => i)] };
    const removed = (draw: number, smoothing: number) =>
      removedTokens(one, 0.45, { ...settings.icot, smoothing }, draw);
    expect(removed(0.5, 0)).toBe(50);
    // For λ = ln 2 the chance of at least k further tokens is 2^-k.
    expect([0.49, 0.51, 0.76, 0.88].map((draw) => removed(draw, Math.LN2))).toEqual([50, 51, 52, 53]);
    expect(removed(1 - 2 ** -53, 0.001)).toBe(100);
    expect(removedTokens(one, 0.1, { ...settings.icot, smoothing: 0.001 }, 0.999)).toBe(0);
  });
});
