/** Core tokens on a student whose answer depends on known tokens. */
import { describe, expect, it } from "vitest";
import { coreFigures } from "../../src/analysis/core-figures.ts";
import { planTests } from "../../src/analysis/core-sample.ts";
import { type CoreOptions, markCoreTokens } from "../../src/analysis/core-tokens.ts";
import type { ScoreOptions, SequenceScore, Student, TokenSequence } from "../../src/engine/engine.ts";
import { encoded } from "./encoded.ts";

const [decides, helps, hints, filler] = [5, 6, 7, 4];

/**
 * The answer is right while `decides` stands in the context; without `helps` it is 2 nats less likely, without `hints` half a
 * nat; the best alternative to a token is the one 100 above it. `wrong`: it is never the arg-max.
 */
function student(wrong = false): Student {
  const score = async (
    list: readonly TokenSequence[],
    options: ScoreOptions = {},
  ): Promise<SequenceScore[]> =>
    list.map(({ context, target }) => {
      const fall = (context.includes(helps) ? 0 : 2) + (context.includes(hints) ? 0 : 0.5);
      const right = !wrong && context.includes(decides);
      return {
        logProbabilities: Float32Array.from(target, (_, i) => (i === 0 ? -0.25 - fall : -0.25)),
        isArgmax: Uint8Array.from(target, (_, i) => (i === 0 || right ? 1 : 0)),
        alsoLogProbabilities: [],
        ...(options.alternatives ? { alternatives: Int32Array.from(target, (token) => token + 100) } : {}),
      };
    });
  return { score } as unknown as Student;
}

const options: CoreOptions = { delta: 1, view: "shown", maxScoredTokens: 1e6, seed: 1 };
const one = encoded("one", [[filler, decides], [helps, filler, hints], [filler]]);
const prompted = (list = [one]) => list.map((rationale) => ({ encoded: rationale, prompt: [1, 2, 3] }));

describe("core tokens", () => {
  it("are those whose replacement turns the answer or costs it more than δ", async () => {
    const [marks] = await markCoreTokens(student(), prompted(), options);
    expect([...marks!.core]).toEqual([0, 1, 1, 0, 0, 0]);
    expect([...marks!.fall]).toEqual([0, 0, 2, 0, 0.5, 0]);
    expect([...marks!.tested]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...marks!.replacement]).toEqual([104, 105, 106, 104, 107, 104]);
    expect(marks).toMatchObject({
      rationaleId: "one",
      wholeRight: true,
      wholeLogProbability: -0.5,
      complete: true,
    });
  });

  it("follow δ", async () => {
    const [marks] = await markCoreTokens(student(), prompted(), { ...options, delta: 0.4 });
    expect([...marks!.core]).toEqual([0, 1, 1, 0, 1, 0]);
  });

  it("of an answer that is wrong from the start are decided by δ alone", async () => {
    const [marks] = await markCoreTokens(student(true), prompted(), options);
    expect([...marks!.core]).toEqual([0, 0, 1, 0, 0, 0]);
    expect(marks!.wholeRight).toBe(false);
  });

  it("are looked for before the answer step alone where that is hidden", async () => {
    const last = encoded("last", [[filler, helps, hints], [decides]]);
    const [shown] = await markCoreTokens(student(), prompted([last]), options);
    expect([...shown!.core]).toEqual([0, 1, 0, 1]);
    const [hidden] = await markCoreTokens(student(), prompted([last]), { ...options, view: "hidden" });
    expect([...hidden!.tested]).toEqual([1, 1, 1, 0]);
    expect(hidden!.wholeRight).toBe(false);
  });

  it("keep the order and the rationales apart in one call", async () => {
    const two = encoded("two", [[helps], [filler, decides, hints]]);
    const marks = await markCoreTokens(student(), prompted([one, two]), options);
    expect(marks.map(({ core }) => [...core])).toEqual([
      [0, 1, 1, 0, 0, 0],
      [1, 0, 1, 0],
    ]);
  });

  it("are counted by role and by place, tokens of partly tested rationales scaled up", async () => {
    const list = [one, encoded("two", [[filler, filler], [decides, helps, hints], [filler]])];
    const [first, second] = await markCoreTokens(student(), prompted(list), options);
    // Of the second only half was tested: tokens 0, 2 and 5, of which the second is core.
    const half = { ...second!, complete: false, tested: Uint8Array.of(1, 0, 1, 0, 0, 1) };
    half.core = half.core.map((flag, i) => flag * half.tested[i]!);
    const figures = coreFigures(
      [first!, half],
      (id) => list.find(({ rationaleId }) => rationaleId === id)!,
      () => ["restatement", "reasoning", "answer"],
    );
    expect(figures).toMatchObject({
      tokens: 12,
      core: 4,
      share: 1 / 3,
      rationales: 2,
      completeRationales: 1,
      testedTokens: 9,
      wrongWhenWhole: 0,
    });
    expect(figures.byRole).toEqual([
      { role: "restatement", tokens: 4, core: 1, share: 1 / 4 },
      { role: "reasoning", tokens: 5, core: 3, share: 3 / 5 },
      { role: "answer", tokens: 3, core: 0, share: 0 },
    ]);
    // Token i of 6 stands in tenth ⌊10 i / 6⌋.
    expect(figures.byTenth.map(({ core }) => core)).toEqual([0, 1, 0, 3, 0, 0, 0, 0, 0, 0]);
  });
});

describe("the tokens that are tested", () => {
  const rationales = Array.from({ length: 20 }, (_, i) => ({
    rationaleId: `r${i}`,
    testable: 10 + i,
    sequenceTokens: 20 + i,
  }));
  const cost = (positions: number[][]): number =>
    positions.reduce((sum, list, i) => sum + list.length * rationales[i]!.sequenceTokens, 0);

  it("are all of them where the budget allows it", () => {
    const { whole, positions } = planTests(rationales, 1e6, 1);
    expect(whole).toBe(20);
    expect(positions.map(({ length }) => length)).toEqual(rationales.map(({ testable }) => testable));
  });

  it("are whole rationales for most of the budget, and a share of each other one for the rest", () => {
    const { whole, positions } = planTests(rationales, 4000, 1);
    expect(whole).toBeGreaterThan(3);
    expect(whole).toBeLessThan(20);
    expect(cost(positions.slice(0, whole))).toBeLessThanOrEqual(3000);
    expect(cost(positions)).toBeLessThanOrEqual(4000);
    expect(cost(positions)).toBeGreaterThan(3000);
    for (const [i, list] of positions.entries()) {
      expect(list.length).toBeGreaterThan(0);
      expect(new Set(list).size).toBe(list.length);
      expect(list.every((at) => at >= 0 && at < rationales[i]!.testable)).toBe(true);
    }
  });

  it("depend on the seed and on nothing else", () => {
    expect(planTests(rationales, 4000, 1)).toEqual(planTests(rationales, 4000, 1));
    expect(planTests(rationales, 4000, 1)).not.toEqual(planTests(rationales, 4000, 2));
  });

  it("include one whole rationale however small the budget is", () => {
    const { whole, positions } = planTests(rationales, 1, 1);
    expect(whole).toBe(1);
    expect(positions.slice(1).every(({ length }) => length === 1)).toBe(true);
  });
});
