/** Core tokens within optimizer steps: marked items, shares of the loss, parts of the gradient. */
import { describe, expect, it } from "vitest";
import { sampleByStage, stepGradient } from "../../src/analysis/core-gradient.ts";
import type { CoreMarks } from "../../src/analysis/core-tokens.ts";
import { lossShares } from "../../src/analysis/loss-share.ts";
import { coreOfTarget, type MarkedBatch, markedBatches } from "../../src/analysis/marked-batches.ts";
import { methodPlans } from "../../src/method/baselines/methods.ts";
import { openTiny, sequences } from "../engine/tiny-student.ts";
import { encoded, markers } from "./encoded.ts";

function marked(rationaleId: string, steps: number[][], core: number[]) {
  const tokens = core.length;
  const marks: CoreMarks = {
    rationaleId,
    wholeRight: true,
    wholeLogProbability: 0,
    complete: true,
    tested: new Uint8Array(tokens).fill(1),
    core: Uint8Array.from(core),
    replacement: new Int32Array(tokens),
    fall: new Float32Array(tokens),
  };
  return { encoded: encoded(rationaleId, steps), boundaries: [0, 1, steps.length], marks };
}

const rationales = [
  marked("a", [[10, 11], [12], [13, 14, 15]], [0, 1, 1, 0, 0, 1]),
  marked("b", [[16, 17, 18], [19]], [0, 0, 0, 1]),
  marked("c", [[20], [21, 22]], [0, 0, 0]),
];
const settings = {
  markers,
  stageWeight: 1,
  answerWeight: 1,
  sttItems: "answer",
  labelWeight: 0.5,
  icot: { from: 0, until: 1, smoothing: 0 },
} as const;
const epoch = { seed: 3, itemsPerBatch: 2, tokensPerBatch: 1000, schedule: "shuffled" } as const;

describe("marked batches", () => {
  it("mark a chunk's own tokens, and nothing after the rationale", () => {
    const [a] = rationales;
    expect([...coreOfTarget(a!, 1, 3)]).toEqual([0, 1, 0]);
    expect([...coreOfTarget(a!, 2, 5)]).toEqual([1, 0, 0, 1, 0]);
    expect([...coreOfTarget(a!, "answer", 9)]).toEqual([0, 1, 1, 0, 0, 1, 0, 0, 0]);
  });

  it("hold each item of the method once, each with the marks of its own tokens", () => {
    const core = new Set(
      rationales.flatMap(({ encoded: { steps }, marks }) => steps.flat().filter((_, i) => marks.core[i])),
    );
    for (const [method, items] of [
      ["full", 3],
      ["cwt-sbc", 9],
    ] as const) {
      const batches = markedBatches(methodPlans[method], rationales, settings, epoch);
      const parts = batches.flatMap(({ microBatches }) => microBatches);
      expect(parts.reduce((sum, part) => sum + part.sequences.length, 0)).toBe(items);
      for (const part of parts)
        part.sequences.forEach(({ target }, i) => {
          expect([...part.core[i]!]).toEqual(target.map((token) => (core.has(token) ? 1 : 0)));
        });
    }
  });
});

describe("loss shares", () => {
  it("are each token's weighted loss over the step's", async () => {
    const student = await openTiny();
    const list = sequences([
      [3, 0, 4],
      [2, 3, 2],
    ]);
    const batch: MarkedBatch = {
      stage: 1,
      microBatches: [
        { sequences: [{ ...list[0]!, weight: 0.75 }], core: [Float32Array.of(1, 0, 0, 1)] },
        { sequences: [{ ...list[1]!, weight: 0.25 }], core: [Float32Array.of(0, 1)] },
      ],
    };
    const [first, second] = (await student.score(list)).map(({ logProbabilities }) => [...logProbabilities]);
    const [w, v] = [0.75 / 4, 0.25 / 2];
    const core = w * (first![0]! + first![3]!) + v * second![1]!;
    const all = w * (first![0]! + first![1]! + first![2]! + first![3]!) + v * (second![0]! + second![1]!);
    const [share] = await lossShares(student, [batch]);
    expect(share!.lossShare).toBeCloseTo(core / all, 6);
    expect(share!.tokenShare).toBeCloseTo(2 * w + v, 6);
  });
});

describe("step gradients", () => {
  it("are those of the whole batch, and of its core tokens, over all micro-batches", async () => {
    const student = await openTiny();
    const [batch] = markedBatches(methodPlans.full, rationales, settings, {
      ...epoch,
      itemsPerBatch: 3,
      tokensPerBatch: 1,
    });
    expect(batch!.microBatches).toHaveLength(3);
    const measured = await stepGradient(student, batch!);
    const together = batch!.microBatches.flatMap(({ sequences: list }) => list);
    const whole = await student.gradients(together);
    const core = await student.gradients(
      together,
      batch!.microBatches.flatMap((part) => part.core),
    );
    const dot = (a: Map<string, Float32Array>, b: Map<string, Float32Array>): number =>
      [...a].reduce(
        (sum, [name, values]) => sum + values.reduce((s, value, i) => s + value * b.get(name)![i]!, 0),
        0,
      );
    expect(measured.norm).toBeCloseTo(Math.sqrt(dot(whole, whole)), 4);
    expect(measured.coreNorm).toBeCloseTo(Math.sqrt(dot(core, core)), 4);
    expect(measured.cosine).toBeCloseTo(dot(whole, core) / (measured.norm * measured.coreNorm), 4);
    expect(measured.part).toBeCloseTo(dot(whole, core) / dot(whole, whole), 4);
  });

  it("are the step's own where every token is core, and none where none is", async () => {
    const student = await openTiny();
    const list = sequences([[3, 0, 4]]).map((one) => ({ ...one, weight: 1 }));
    const batch = (flag: number): MarkedBatch => ({
      stage: "answer",
      microBatches: [{ sequences: list, core: [new Float32Array(4).fill(flag)] }],
    });
    const all = await stepGradient(student, batch(1));
    expect(all.coreNorm).toBeCloseTo(all.norm, 6);
    expect(all.cosine).toBeCloseTo(1, 6);
    expect(all.part).toBeCloseTo(1, 6);
    const none = await stepGradient(student, batch(0));
    expect(none).toEqual({ stage: "answer", norm: all.norm, coreNorm: 0, part: 0 });
  });

  it("are sampled evenly from the stages, in the order of the batches", () => {
    const batches = [1, 2, 1, 1, "answer", 1, 2, 1].map((stage, index) => ({
      stage: stage as number | "answer",
      index,
    }));
    expect(sampleByStage(batches, 5).map(({ index }) => index)).toEqual([0, 1, 2, 4, 6]);
    expect(sampleByStage(batches, 100)).toEqual(batches);
    expect(sampleByStage(batches, 0)).toEqual([]);
  });
});
