/** Sequences that go on from readings of others: the same scores as read whole, from fewer tokens. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Reading, SequenceScore, Student, TokenSequence } from "../../src/engine/engine.ts";
import { RandomStream } from "../../src/util/random.ts";
import { openStudent, openTiny, ragged, weighted } from "./tiny-student.ts";

/** Golden models have at least this many tokens, and a context of at least this length. */
const [vocabulary, longest] = [16, 24];
const options = { alsoTokens: [2, 5], alternatives: true };

const golden = (name: string) => openStudent(fileURLToPath(new URL(`../golden/${name}`, import.meta.url)));

function draw(random: RandomStream, beginning: readonly number[] = []): TokenSequence {
  const fresh = Array.from({ length: random.between(2, 9) }, () => random.below(vocabulary));
  const text = [...beginning, ...fresh].slice(0, longest);
  const given = random.between(1, text.length - 1);
  const prompt = random.between(0, given);
  return { prompt: text.slice(0, prompt), context: text.slice(prompt, given), target: text.slice(given) };
}

/** A sequence that begins as another does, up to anywhere. */
function varied(random: RandomStream, { prompt, context, target }: TokenSequence): TokenSequence {
  const text = [...prompt, ...context, ...target];
  return draw(random, text.slice(0, random.between(0, text.length)));
}

async function expectAsAlone(
  student: Student,
  sequences: readonly TokenSequence[],
  scores: readonly SequenceScore[],
): Promise<void> {
  for (const [i, sequence] of sequences.entries()) {
    const [alone] = await student.score([sequence], options);
    const { logProbabilities, isArgmax, alternatives, alsoLogProbabilities } = scores[i]!;
    for (const [t, value] of alone!.logProbabilities.entries())
      expect(logProbabilities[t]).toBeCloseTo(value, 4);
    for (const [k, also] of alone!.alsoLogProbabilities.entries())
      for (const [t, value] of also.entries()) expect(alsoLogProbabilities[k]![t]).toBeCloseTo(value, 4);
    expect(isArgmax).toEqual(alone!.isArgmax);
    expect(alternatives).toEqual(alone!.alternatives);
  }
}

test.each(["gpt2-tied", "llama-grouped", "qwen2-untied", "phi3-longrope"])(
  "%s: scores from readings, and from readings of those, are those of whole sequences",
  async (name) => {
    const student = await golden(name);
    const random = new RandomStream(4, name);
    let sequences = Array.from({ length: 9 }, () => draw(random));
    let scores = await student.score(sequences, { ...options, keepReadings: true });
    await expectAsAlone(student, sequences, scores);
    for (let round = 0; round < 4; round++) {
      // One has nothing to go on from, as the first of a text has.
      const goOnFrom = scores.map(({ reading }, i) => (i === 3 ? undefined : reading));
      sequences = sequences.map((sequence) => varied(random, sequence));
      scores = await student.score(sequences, {
        ...options,
        goOnFrom,
        keepReadings: true,
        maxTokensPerBatch: 24,
      });
      await expectAsAlone(student, sequences, scores);
    }
    const last = await student.score(sequences, {
      ...options,
      goOnFrom: scores.map(({ reading }) => reading),
    });
    expect(last.every(({ reading }) => reading === undefined)).toBe(true);
    await expectAsAlone(student, sequences, last);
  },
);

test("known tokens are not read again, but for the one that predicts the first target", async () => {
  const student = await openTiny();
  const first = { prompt: [1, 2, 3], context: [4, 5, 6], target: [7, 8] };
  const [{ reading } = { reading: undefined }] = await student.score([first], { keepReadings: true });
  expect(reading?.length).toBe(8);
  const read = async (sequence: TokenSequence, goOnFrom?: Reading): Promise<number> => {
    const before = student.counters().scoredTokens;
    await student.score([sequence], goOnFrom === undefined ? {} : { goOnFrom: [goOnFrom] });
    return student.counters().scoredTokens - before;
  };
  expect(await read(first)).toBe(8);
  expect(await read(first, reading)).toBe(3);
  expect(await read({ ...first, context: [4, 9], target: [6] }, reading)).toBe(2);
  expect(await read({ prompt: [9], context: [2], target: [3] }, reading)).toBe(3);
});

test("a reading of other weights is void", async () => {
  const student = await openTiny();
  const readings = (await student.score(ragged, { keepReadings: true })).map(({ reading }) => reading);
  await student.train([weighted(ragged)], 1e-2);
  const before = student.counters().scoredTokens;
  const [again, whole] = [await student.score(ragged, { goOnFrom: readings }), await student.score(ragged)];
  const tokens = ragged.reduce(
    (sum, { prompt, context, target }) => sum + prompt.length + context.length + target.length,
    0,
  );
  expect(student.counters().scoredTokens - before).toBe(2 * tokens);
  again.forEach(({ logProbabilities }, i) => {
    for (const [t, value] of whole[i]!.logProbabilities.entries())
      expect(logProbabilities[t]).toBeCloseTo(value, 4);
  });
});

test("what a reading takes is what its student says", async () => {
  const student = await golden("llama-grouped");
  const { readingBytesPerToken } = student.capabilities();
  const [score] = await student.score([{ prompt: [1, 2], context: [], target: [3, 4, 5] }], {
    keepReadings: true,
  });
  const { parts } = score!.reading as unknown as { parts: { caches: Float32Array }[] };
  const bytes = parts.reduce((sum, { caches }) => sum + caches.byteLength, 0);
  expect(bytes).toBe(5 * readingBytesPerToken!);
});
