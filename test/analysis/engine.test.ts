/** What analysis asks of the engine: alternatives to each token, gradients of parts of a loss, weights that can be set. */
import { describe, expect, it } from "vitest";
import type { WeightedSequence } from "../../src/engine/engine.ts";
import { openTiny, ragged, vocabulary, weighted } from "../engine/tiny-student.ts";

type Gradients = Map<string, Float32Array>;

/** Largest difference of two gradients over the largest entry of the first. */
function difference(a: Gradients, b: Gradients): number {
  let [largest, apart] = [0, 0];
  for (const [name, values] of a) {
    const others = b.get(name)!;
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value));
      apart = Math.max(apart, Math.abs(value - others[i]!));
    });
  }
  return apart / largest;
}

function sum(a: Gradients, b: Gradients): Gradients {
  return new Map([...a].map(([name, values]) => [name, values.map((value, i) => value + b.get(name)![i]!)]));
}

describe("score with alternatives", () => {
  it("finds the most likely other token, also where the target is the arg-max", async () => {
    const student = await openTiny();
    const ids = Array.from({ length: vocabulary }, (_, id) => id);
    const greedy = await student.generate(ragged, { maxNewTokens: 4, stopTokens: [] });
    const list = [...ragged, ...ragged.map((one, i) => ({ ...one, target: greedy[i]!.tokens }))];
    const scores = await student.score(list, { alsoTokens: ids, alternatives: true, maxTokensPerBatch: 80 });
    scores.forEach(({ alternatives, alsoLogProbabilities }, row) => {
      const expected = list[row]!.target.map(
        (token, t) =>
          ids
            .filter((id) => id !== token)
            .sort((a, b) => alsoLogProbabilities[b]![t]! - alsoLogProbabilities[a]![t]! || a - b)[0],
      );
      expect([...alternatives!], `sequence ${row}`).toEqual(expected);
    });
    expect(scores.at(-1)!.isArgmax).toEqual(Uint8Array.of(1, 1, 1, 1));
  });

  it("changes nothing else, and is absent when not asked for", async () => {
    const student = await openTiny();
    const plain = await student.score(ragged);
    const asked = await student.score(ragged, { alternatives: true });
    expect(plain[0]!.alternatives).toBeUndefined();
    expect(asked.map(({ alternatives: _, ...rest }) => rest)).toEqual(plain);
  });
});

describe("gradients of parts", () => {
  const batch = weighted(ragged);
  const chosen = batch.map(({ target }) => Float32Array.from(target, (_, t) => (t % 3 === 1 ? 1 : 0)));

  it("of chosen tokens and of the others sum to the whole", async () => {
    const student = await openTiny();
    const whole = await student.gradients(batch);
    const part = await student.gradients(batch, chosen);
    const rest = await student.gradients(
      batch,
      chosen.map((factors) => factors.map((factor) => 1 - factor)),
    );
    expect(difference(whole, part)).toBeGreaterThan(0.01);
    expect(difference(whole, sum(part, rest))).toBeLessThan(1e-5);
  });

  it("equal those of one item per run of chosen tokens with its share of the weight", async () => {
    const student = await openTiny();
    const runs = batch.flatMap(({ prompt, context, target, weight }): WeightedSequence[] =>
      target.flatMap((token, t) =>
        t % 3 === 1
          ? [
              {
                prompt,
                context: [...context, ...target.slice(0, t)],
                target: [token],
                weight: weight / target.length,
              },
            ]
          : [],
      ),
    );
    expect(difference(await student.gradients(runs), await student.gradients(batch, chosen))).toBeLessThan(
      1e-5,
    );
  });
});

describe("weights", () => {
  it("are copies, and setting them changes what is scored and written, and back", async () => {
    const student = await openTiny();
    const before = await student.score(ragged);
    const written = await student.generate(ragged, { maxNewTokens: 4, stopTokens: [] });
    const weights = new Map([...student.copyWeights()].map(([name, { data }]) => [name, data]));
    const zeros = new Map([...weights].map(([name, data]) => [name, new Float32Array(data.length)]));
    student.setWeights(zeros);
    const uniform = (await student.score(ragged))[0]!.logProbabilities;
    for (const value of uniform) expect(value).toBeCloseTo(-Math.log(vocabulary), 5);
    expect((await student.generate(ragged, { maxNewTokens: 1, stopTokens: [] }))[0]!.tokens).toEqual([0]);
    student.setWeights(weights);
    expect(await student.score(ragged)).toEqual(before);
    expect(await student.generate(ragged, { maxNewTokens: 4, stopTokens: [] })).toEqual(written);
  });

  it("refuses another size or an unknown name and leaves all as it was", async () => {
    const student = await openTiny();
    const before = await student.score(ragged);
    const [name, { data }] = [...student.copyWeights()][0]!;
    const wrong = new Map([
      [name, data.map(() => 0)],
      ["nothing", new Float32Array(3)],
    ]);
    expect(() => student.setWeights(wrong)).toThrow('"nothing" has no elements, not 3');
    expect(await student.score(ragged)).toEqual(before);
  });
});
