/** Evaluation goes on from the blocks of an earlier try, and says which texts were cut off. */
import { expect, it } from "vitest";
import { type EvaluatedBlock, evaluateStudent } from "../../src/evaluate/evaluate.ts";
import { encodeQuestion } from "../../src/method/items/encode.ts";
import { findMarkers, markerTokens } from "../../src/method/items/markers.ts";
import { FakeStudent } from "../method/fake-student.ts";
import { FakeTokenizer } from "../method/fake-tokenizer.ts";

const tokenizer = new FakeTokenizer().withAddedTokens(markerTokens(2));
const problems = Array.from({ length: 300 }, (_, i) => ({
  id: `p${i}`,
  question: `question ${i % 7}`,
  answer: "3",
}));
for (const { question } of problems) encodeQuestion(tokenizer, question);
const [arrow, three, separator] = [" -->", " 3", " ###"].map((text) => tokenizer.encode(text)[0]!);
const unlucky = encodeQuestion(tokenizer, "question 6")[1]!;
/** Writes "--> 3" and the end; of question 6 it never finds an end. */
const student = new FakeStudent({
  seed: 1,
  vocabularySize: tokenizer.vocabularySize,
  rules: [
    { after: separator!, needs: [], next: arrow! },
    { after: arrow!, needs: [], next: three! },
    { after: three!, needs: [], next: tokenizer.endOfSequence },
    // Twice, to outweigh the rules above.
    ...[0, 1].map(() => ({ after: arrow!, needs: [unlucky], next: arrow! })),
  ],
});
const options = {
  tokenizer,
  markers: findMarkers(tokenizer, 2),
  usesMarkers: false,
  answerKind: "number" as const,
  caseSensitive: true,
  maxNewTokens: 6,
  batchSize: 4,
  latencyProblems: 0,
};

it("counts what was cut off, which is no answer of the student's", async () => {
  const { samples, unfinished, accuracy } = await evaluateStudent(student, problems, options);
  const cut = problems.filter(({ question }) => question === "question 6").length;
  expect(samples.filter(({ finished }) => !finished).map(({ question }) => question)).toEqual(
    Array(cut).fill("question 6"),
  );
  expect(unfinished).toBeCloseTo(cut / 300);
  expect(accuracy).toBeCloseTo(1 - cut / 300);
});

it("from the blocks of an earlier try gives the samples of one that was never stopped", async () => {
  const blocks: EvaluatedBlock[] = [];
  const seen: number[] = [];
  const whole = await evaluateStudent(student, problems, {
    ...options,
    onBlock: async (block, done) => {
      blocks.push(block);
      seen.push(done);
    },
  });
  expect(seen).toEqual([128, 256, 300]);
  const later: number[] = [];
  const resumed = await evaluateStudent(student, problems, {
    ...options,
    earlier: blocks.slice(0, 2),
    onBlock: async (_block, done) => void later.push(done),
  });
  expect(later).toEqual([300]);
  expect(resumed.samples).toEqual(whole.samples);
});
