/** Sequences that begin alike are scored as one token tree: the same figures as one by one, from fewer tokens. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { SequenceScore, TokenSequence } from "../../src/engine/engine.ts";
import { buildTrees } from "../../src/engine/onnx/prefix-tree.ts";
import { RandomStream } from "../../src/util/random.ts";
import { openStudent } from "./tiny-student.ts";

const limits = { perToken: 1000, longest: 1000 };
/** Golden models have at least this many tokens, and a context of at least this length. */
const [vocabulary, context] = [16, 24];

/** Sequences that end, branch and split into roles anywhere, some of them twice. */
function drawFamily(random: RandomStream, count: number): TokenSequence[] {
  const draw = (length: number): number[] => Array.from({ length }, () => random.below(vocabulary));
  const trunk = draw(context);
  return Array.from({ length: count }, () => {
    const shared = random.below(context);
    const text = [...trunk.slice(0, shared), ...draw(random.between(2, 8))].slice(0, context);
    const given = random.between(1, text.length - 1);
    const prompt = random.between(0, given);
    return {
      prompt: text.slice(0, prompt),
      context: text.slice(prompt, given),
      target: text.slice(given),
    };
  }).flatMap((sequence) => (random.below(5) === 0 ? [sequence, sequence] : [sequence]));
}

function expectSameScore(a: SequenceScore, b: SequenceScore): void {
  const close = (left: ArrayLike<number>, right: ArrayLike<number>): void => {
    expect(left.length).toBe(right.length);
    for (let i = 0; i < left.length; i++) expect(left[i]).toBeCloseTo(right[i]!, 4);
  };
  close(a.logProbabilities, b.logProbabilities);
  a.alsoLogProbabilities.forEach((also, i) => {
    close(also, b.alsoLogProbabilities[i]!);
  });
  expect(a.isArgmax).toEqual(b.isArgmax);
  expect(a.alternatives).toEqual(b.alternatives);
}

test.each(["gpt2-tied", "llama-grouped", "qwen2-untied", "phi3-longrope"])(
  "%s: a tree's scores are those of its sequences alone",
  async (name) => {
    const student = await openStudent(fileURLToPath(new URL(`../golden/${name}`, import.meta.url)));
    const random = new RandomStream(3, name);
    const sequences = [...drawFamily(random, 12), ...drawFamily(random, 6)];
    const options = { alsoTokens: [2, 5], alternatives: true };
    const before = student.counters();
    const together = await student.score(sequences, options);
    const after = student.counters();
    for (const [i, sequence] of sequences.entries()) {
      const [alone] = await student.score([sequence], options);
      expectSameScore(together[i]!, alone!);
    }
    const single = student.counters();
    expect(after.scoredSequences - before.scoredSequences).toBe(sequences.length);
    const [shared, separate] = [
      after.scoredTokens - before.scoredTokens,
      single.scoredTokens - after.scoredTokens,
    ];
    expect(shared).toBeLessThan(0.7 * separate);
  },
);

test("each sequence is in one tree, and its nodes spell it", () => {
  const random = new RandomStream(8, "nodes");
  for (let draw = 0; draw < 200; draw++) {
    const sequences = drawFamily(random, random.between(1, 9));
    const trees = buildTrees(sequences, limits);
    const seen = trees.flatMap(({ members }) => members.map(({ index }) => index));
    expect(seen.toSorted((a, b) => a - b)).toEqual([...sequences.keys()]);
    for (const { tokens, parents, depths, members } of trees) {
      for (const { index, nodes } of members) {
        const { prompt, context, target } = sequences[index]!;
        const spelled: number[] = [];
        for (let node = nodes.at(-1)!; node >= 0; node = parents[node]!) {
          spelled.unshift(tokens[node]!);
        }
        expect(spelled).toEqual([...prompt, ...context, ...target]);
        expect(nodes.map((node) => depths[node])).toEqual(
          Array.from({ length: target.length + 1 }, (_, i) => prompt.length + context.length - 1 + i),
        );
      }
    }
  }
});

test("a beginning too short to pay, or a row too long, is no tree", () => {
  const sequence = (...target: number[]): TokenSequence => ({ prompt: [1, 2], context: [3], target });
  const different = [sequence(4, 5, 6, 7, 8, 9, 10, 11), sequence(5, 6, 7, 8, 9, 10, 11, 12)];
  expect(buildTrees(different, { perToken: 0, longest: 1000 })).toHaveLength(2);
  expect(buildTrees(different, { perToken: 100, longest: 1000 })).toHaveLength(1);
  expect(buildTrees(different, { perToken: 100, longest: 18 })).toHaveLength(2);
});
