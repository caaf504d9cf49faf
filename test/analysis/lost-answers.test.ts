/** Where accuracy is lost, on samples with a known outcome. */
import { describe, expect, it } from "vitest";
import { lostAnswers } from "../../src/analysis/lost-answers.ts";
import type { Sample } from "../../src/evaluate/evaluate.ts";

function sample(id: number, correct: boolean, tokens: number, predicted: string | undefined = "3"): Sample {
  return {
    id: `p${id}`,
    question: `question ${id}`,
    answer: "3",
    text: `text ${id}`,
    predicted,
    correct,
    tokens,
    finished: true,
  };
}

const before = [true, true, true, false, true, false].map((correct, i) => sample(i, correct, 10 * (i + 1)));
const after = [
  sample(0, true, 5),
  sample(1, false, 6, "4"),
  { ...sample(2, false, 64), predicted: undefined, finished: false },
  sample(3, true, 7),
  { ...sample(4, false, 9), predicted: undefined },
  sample(5, false, 8, "5"),
];
const options = { examples: 2 };

describe("lost answers", () => {
  it("are counted with how they fail", () => {
    const found = lostAnswers({ name: "full", samples: before }, { name: "stt", samples: after }, options);
    expect(found).toMatchObject({
      from: "full",
      to: "stt",
      problems: 6,
      bothRight: 1,
      lost: 3,
      won: 1,
      bothWrong: 1,
      pValue: 0.625,
      failures: { otherAnswer: 1, unreadable: 1, unfinished: 1 },
      tokens: { fromLost: (20 + 30 + 50) / 3, toLost: (6 + 64 + 9) / 3, fromAll: 35, toAll: 99 / 6 },
    });
    expect(found.byLength).toEqual([
      { tokens: [10, 20], problems: 2, fromRight: 2, toRight: 1 },
      { tokens: [30, 40], problems: 2, fromRight: 1, toRight: 1 },
      { tokens: [50, 60], problems: 2, fromRight: 1, toRight: 0 },
    ]);
    expect(found.examples.map(({ id, failure }) => [id, failure])).toEqual([
      ["p1", "otherAnswer"],
      ["p2", "unfinished"],
    ]);
  });

  it("of a text that was cut off are no answers, whatever could be read in it", () => {
    const cutOff = { ...sample(1, false, 64, "4"), text: "She has 4", finished: false };
    const said = { ...sample(2, false, 64, "4"), text: "She has 4. --> 4", finished: false };
    const samples = [sample(1, true, 10), sample(2, true, 10)];
    const found = lostAnswers({ name: "full", samples }, { name: "stt", samples: [cutOff, said] }, options);
    expect(found.failures).toEqual({ otherAnswer: 1, unreadable: 0, unfinished: 1 });
  });

  it("group problems of the same length together", () => {
    const lengths = (tokens: number[]) => {
      const samples = tokens.map((count, i) => sample(i, true, count));
      const { byLength } = lostAnswers({ name: "a", samples }, { name: "b", samples }, options);
      return byLength.map(({ tokens, problems }) => [...tokens, problems]);
    };
    expect(lengths([1, 2, 2, 2, 3, 4])).toEqual([
      [1, 1, 1],
      [2, 2, 3],
      [3, 4, 2],
    ]);
    expect(lengths([1, 2, 3, 3, 4, 4])).toEqual([
      [1, 2, 2],
      [3, 3, 2],
      [4, 4, 2],
    ]);
    expect(lengths([3, 3, 3, 3])).toEqual([[3, 3, 4]]);
    expect(lengths([1, 9, 9, 9, 9, 9])).toEqual([
      [1, 1, 1],
      [9, 9, 5],
    ]);
  });

  it("keep the end of endless texts", () => {
    const endless = { ...after[1]!, text: `${"a".repeat(1e6)}--> 4` };
    const { examples } = lostAnswers(
      { name: "full", samples: [before[1]!] },
      { name: "stt", samples: [endless] },
      options,
    );
    expect(examples[0]!.to.text).toMatch(/^…a+--> 4$/);
    expect(examples[0]!.to.text).toHaveLength(4000);
  });

  it("refuse samples of other problems", () => {
    const other = after.map((one, i) => sample(i + 1, one.correct, one.tokens));
    expect(() => lostAnswers({ name: "a", samples: before }, { name: "b", samples: other }, options)).toThrow(
      RangeError,
    );
    expect(() => lostAnswers({ name: "a", samples: before }, { name: "b", samples: [] }, options)).toThrow(
      RangeError,
    );
  });
});
