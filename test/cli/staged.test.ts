import { expect, it } from "vitest";
import type { Student } from "../../src/engine/engine.ts";
import { generateStaged } from "../../src/method/inference/staged.ts";

const markers = { stages: [101, 102, 103], answer: 110, endOfChunk: 120, label: [], rationale: [] };
const endOfSequence = 0;
const question = [7, 8];
const arrow = [50];

/** Writes what the script says for each marker, and keeps the prompts it was given. */
function scripted(script: Record<number, number[]>, contextLength = 100) {
  const asked: { prompt: readonly number[]; context: readonly number[] }[] = [];
  const student = {
    capabilities: () => ({ contextLength }),
    async generate([given]: typeof asked, { maxNewTokens, stopTokens, onToken }) {
      asked.push(given!);
      const tokens = script[given!.prompt[0]!]!.slice(0, maxNewTokens);
      for (const token of tokens) onToken?.(0, token);
      return [{ tokens, stopped: stopTokens.includes(tokens.at(-1)!) }];
    },
  } as Pick<Student, "capabilities" | "generate"> as Student;
  return { student, asked };
}

it("asks for each chunk in the prompt of its training item, then for the answer", async () => {
  const { student, asked } = scripted({ 101: [1, 2, 120], 102: [3, 120], 103: [4, 120], 110: [9, 0] });
  const seen: string[] = [];
  const options = { arrow, endOfSequence, maxNewTokens: 50 };
  const onToken = (stage: number | "answer", token: number) => void seen.push(`${stage}:${token}`);
  const result = await generateStaged(student, question, markers, { ...options, onToken });
  expect(result).toEqual({ chunks: [[1, 2], [3], [4]], answer: [9], tokens: 9, finished: true });
  expect(asked).toEqual([
    { prompt: [101, 7, 8], context: [] },
    { prompt: [102, 7, 8], context: [1, 2] },
    { prompt: [103, 7, 8], context: [1, 2, 3] },
    { prompt: [110, 7, 8], context: [1, 2, 3, 4, 50] },
  ]);
  expect(seen).toEqual(["1:1", "1:2", "2:3", "3:4", "answer:9"]);
});

it("goes on to the answer when the student has no further chunk", async () => {
  const { student, asked } = scripted({ 101: [1, 120], 102: [120], 110: [9, 0] });
  const result = await generateStaged(student, question, markers, { arrow, endOfSequence, maxNewTokens: 50 });
  expect(result).toEqual({ chunks: [[1]], answer: [9], tokens: 5, finished: true });
  expect(asked).toHaveLength(3);
});

it("stops at the token limit and says so", async () => {
  const { student } = scripted({ 101: [1, 120], 102: [2, 2, 2, 120] });
  const result = await generateStaged(student, question, markers, { arrow, endOfSequence, maxNewTokens: 4 });
  expect(result).toEqual({ chunks: [[1], [2, 2]], answer: [], tokens: 4, finished: false });
});

it("stops where the context is full", async () => {
  // Three tokens of prompt and two of the first chunk leave none for the second.
  const { student } = scripted({ 101: [1, 2, 120] }, 5);
  const result = await generateStaged(student, question, markers, { arrow, endOfSequence, maxNewTokens: 50 });
  expect(result.chunks).toEqual([[1, 2]]);
  expect(result.finished).toBe(false);
});
