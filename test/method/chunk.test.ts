import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averageBoundaries, checkBoundaries } from "../../src/method/chunk/boundaries.ts";
import { type ChunkOptions, chunkRationales } from "../../src/method/chunk/chunk.ts";
import { type ChunkCost, objective } from "../../src/method/chunk/cost.ts";
import { searchExact, searchGreedy } from "../../src/method/chunk/search.ts";
import { stageItems } from "../../src/method/items/build.ts";
import { RandomStream } from "../../src/util/random.ts";
import { FakeStudent } from "./fake-student.ts";
import { makeWorld } from "./rationales.ts";

const sizes = (boundaries: readonly number[]) => boundaries.slice(1).map((b, i) => b - boundaries[i]!);

/** Random costs; few distinct values, so that ties occur. */
function randomCosts(steps: number, seed: number, values: number): ChunkCost {
  const cost = (m: number, from: number, to: number) =>
    new RandomStream(seed, `${m}/${from}/${to}`).below(values) / 4;
  return { steps, cost };
}

/** All ways to cut steps into chunks, in lexicographic order. */
function allBoundaries(steps: number, chunks: number): number[][] {
  const extend = (b: number[]): number[][] => {
    const left = chunks - (b.length - 1);
    if (left === 0) return b.at(-1) === steps ? [b] : [];
    return Array.from({ length: steps - b.at(-1)! }, (_, i) => extend([...b, b.at(-1)! + i + 1])).flat();
  };
  return extend([0]);
}

const shape = fc.record({
  steps: fc.integer({ min: 1, max: 7 }),
  count: fc.integer({ min: 1, max: 8 }),
  seed: fc.integer({ min: 0, max: 1e6 }),
  values: fc.constantFrom(2, 5, 1000),
});

describe("average chunking", () => {
  it("makes chunks whose sizes differ by at most one, one per step if there are fewer steps", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30 }), (steps, count) => {
        const boundaries = averageBoundaries(steps, count);
        checkBoundaries(boundaries, steps, count, "r");
        expect(Math.max(...sizes(boundaries)) - Math.min(...sizes(boundaries))).toBeLessThanOrEqual(1);
      }),
    );
    expect(averageBoundaries(7, 3)).toEqual([0, 2, 4, 7]);
    expect(averageBoundaries(2, 5)).toEqual([0, 1, 2]);
  });

  it("refuses shapes that cannot be cut", () => {
    expect(() => averageBoundaries(0, 3)).toThrow(/0 steps/);
    expect(() => averageBoundaries(3, 0)).toThrow(/number of chunks is 0/);
    for (const wrong of [
      [0, 3],
      [0, 2, 2, 4],
      [1, 2, 4],
      [0, 1, 3],
      [0, 1, 2, 4],
    ])
      expect(() => checkBoundaries(wrong, 4, 2, "r1")).toThrow(/do not cut 4 steps into 2 chunks/);
  });
});

describe("search", () => {
  it("exact equals brute force, ties going to the smallest boundaries", () => {
    fc.assert(
      fc.property(shape, ({ steps, count, seed, values }) => {
        const costs = randomCosts(steps, seed, values);
        const all = allBoundaries(steps, Math.min(steps, count));
        const best = all.reduce((a, b) => (objective(costs, b) < objective(costs, a) ? b : a));
        expect(searchExact(costs, count)).toEqual(best);
      }),
      { numRuns: 300 },
    );
  });

  it("exact ≤ greedy ≤ start", () => {
    let better = 0;
    fc.assert(
      fc.property(shape, ({ steps, count, seed, values }) => {
        const costs = randomCosts(steps, seed, values);
        const start = averageBoundaries(steps, count);
        const greedy = searchGreedy(costs, start, { maxSweeps: 10 });
        checkBoundaries(greedy, steps, count, "r");
        const [atStart, atGreedy] = [objective(costs, start), objective(costs, greedy)];
        const atExact = objective(costs, searchExact(costs, count));
        expect(atGreedy).toBeLessThanOrEqual(atStart);
        expect(atExact).toBeLessThanOrEqual(atGreedy);
        if (atExact < atGreedy) better += 1;
      }),
      { numRuns: 300 },
    );
    // Local optima do occur; otherwise exact search would be pointless.
    expect(better).toBeGreaterThan(0);
  });

  it("greedy moves a boundary one step a sweep and stops at maxSweeps", () => {
    // One boundary; J falls the further right it is.
    const costs: ChunkCost = { steps: 10, cost: (m, _from, to) => (m === 1 ? -to : 0) };
    expect(searchGreedy(costs, [0, 5, 10], { maxSweeps: 0 })).toEqual([0, 5, 10]);
    expect(searchGreedy(costs, [0, 5, 10], { maxSweeps: 2 })).toEqual([0, 7, 10]);
    expect(searchGreedy(costs, [0, 5, 10], { maxSweeps: 99 })).toEqual([0, 9, 10]);
  });
});

describe("chunkRationales", () => {
  const { tokenizer, markers, encoded } = makeWorld({ count: 24, maxSteps: 8, chunks: 4 });
  const vocabularySize = tokenizer.vocabularySize;
  const options: ChunkOptions = {
    count: 4,
    search: "exact",
    context: "shared",
    sharedMarker: "answer",
    maxSweeps: 10,
  };
  const student = (ignored: number[] = []) =>
    new FakeStudent({ seed: 3, vocabularySize, ignored: new Set(ignored) });

  it("scores one sequence per rationale in shared context", async () => {
    for (const search of ["greedy", "exact"] as const) {
      const scorer = student();
      const results = await chunkRationales(scorer, encoded, markers, { ...options, search });
      expect(scorer.counters().scoredSequences).toBe(encoded.length);
      expect(results.map(({ rationaleId }) => rationaleId)).toEqual(encoded.map((r) => r.rationaleId));
      expect(results.some(({ objectiveAfter, objectiveBefore }) => objectiveAfter < objectiveBefore)).toBe(
        true,
      );
      for (const result of results) {
        expect(result.objectiveAfter).toBeLessThanOrEqual(result.objectiveBefore);
        expect(result.chunkNll.reduce((a, b) => a + b, 0)).toBeCloseTo(result.objectiveAfter, 9);
        expect(result.chunkNll).toHaveLength(result.boundaries.length - 1);
      }
    }
  });

  it("staged equals shared for a student that does not see markers, and differs for one that does", async () => {
    const blind = student([...markers.stages, markers.answer]);
    const shared = await chunkRationales(blind, encoded, markers, options);
    const staged = await chunkRationales(blind, encoded, markers, { ...options, context: "staged" });
    shared.forEach((result, i) => {
      expect(staged[i]!.boundaries).toEqual(result.boundaries);
      expect(staged[i]!.objectiveAfter).toBeCloseTo(result.objectiveAfter, 5);
    });
    const seeing = await chunkRationales(student(), encoded, markers, { ...options, context: "staged" });
    expect(seeing.some(({ objectiveAfter }, i) => objectiveAfter !== staged[i]!.objectiveAfter)).toBe(true);
  });

  it("staged chunk losses are the losses of the training items", async () => {
    const scorer = student();
    const results = await chunkRationales(scorer, encoded, markers, { ...options, context: "staged" });
    for (const [i, { boundaries, chunkNll }] of results.entries()) {
      const scores = await scorer.score(stageItems(encoded[i]!, boundaries, markers));
      const direct = scores.map(
        (s) => -s.logProbabilities.reduce((a, b) => a + b, 0) / s.logProbabilities.length,
      );
      direct.forEach((nll, m) => {
        expect(chunkNll[m]).toBeCloseTo(nll, 5);
      });
    }
  });

  it("the shared marker is an option that the student sees", async () => {
    const [answer, last] = await Promise.all(
      (["answer", "last"] as const).map((sharedMarker) =>
        chunkRationales(student(), encoded, markers, { ...options, sharedMarker }),
      ),
    );
    expect(answer!.some(({ objectiveAfter }, i) => objectiveAfter !== last![i]!.objectiveAfter)).toBe(true);
    const sameMarker = [markers.answer, markers.stages.at(-1)!];
    const blind = await Promise.all(
      (["answer", "last"] as const).map((sharedMarker) =>
        chunkRationales(student(sameMarker), encoded, markers, { ...options, sharedMarker }),
      ),
    );
    expect(blind[0]).toEqual(blind[1]);
  });

  it("continues from the previous chunking", async () => {
    const first = await chunkRationales(student(), encoded, markers, options);
    const previous = new Map(first.map(({ rationaleId, boundaries }) => [rationaleId, boundaries]));
    const again = await chunkRationales(
      student(),
      encoded,
      markers,
      { ...options, search: "greedy" },
      previous,
    );
    again.forEach((result, i) => {
      expect(result.boundariesBefore).toEqual(first[i]!.boundaries);
      // The exact minimum cannot be improved.
      expect(result.boundaries).toEqual(first[i]!.boundaries);
    });
    const wrong = new Map([[encoded[0]!.rationaleId, [0, 99]]]);
    await expect(chunkRationales(student(), encoded, markers, options, wrong)).rejects.toThrow(/do not cut/);
  });

  it("names the rationale when the student's losses are not finite", async () => {
    const broken = student();
    const score = broken.score.bind(broken);
    broken.score = async (sequences, scoreOptions) => {
      const scores = await score(sequences, scoreOptions);
      scores[5]!.logProbabilities[0] = Number.NaN;
      return scores;
    };
    await expect(chunkRationales(broken, encoded, markers, options)).rejects.toMatchObject({
      place: { key: encoded[5]!.rationaleId },
      message: expect.stringMatching(/not a finite number/),
    });
  });
});
