import { describe, expect, it } from "vitest";
import {
  builtinTaskNames,
  builtinTasks,
  generateBuiltin,
  splitKey,
  splitOfQuestion,
} from "../../src/tasks/builtin/index.ts";
import { answerKinds } from "../../src/tasks/problem.ts";
import { SkipthinkError } from "../../src/util/errors.ts";
import { solvers } from "./solvers.ts";

const wordsIn = (text: string): number => text.split(/\s+/).length;

it("names the five tasks, each with what a user needs to know", () => {
  expect(builtinTaskNames).toEqual([
    "tracking_shuffled_objects",
    "last_letter_concatenation",
    "coin_flip",
    "date_understanding",
    "arithmetic_stories",
  ]);
  for (const name of builtinTaskNames) {
    const task = builtinTasks[name]!;
    expect(task.name).toBe(name);
    expect(answerKinds).toContain(task.answerKind);
    expect(task.chance).toBeGreaterThanOrEqual(0);
    expect(task.chance).toBeLessThanOrEqual(0.5);
  }
});

describe.each(builtinTaskNames)("problems of %s", (task) => {
  it.each([1, 2, 3])("have the answer that reading the question gives (difficulty %i)", (difficulty) => {
    const { test } = generateBuiltin(task, { train: 0, dev: 0, test: 300 }, 10 + difficulty, { difficulty });
    expect(test).toHaveLength(300);
    for (const { question, answer } of test) {
      expect({ question, answer: solvers[task]!(question) }).toEqual({ question, answer });
    }
  });

  it("are the same for the same seed and others for another", () => {
    const counts = { train: 30, dev: 10, test: 10 };
    const first = generateBuiltin(task, counts, 5, { rationalesPerProblem: 2 });
    expect(generateBuiltin(task, counts, 5, { rationalesPerProblem: 2 })).toEqual(first);
    const other = generateBuiltin(task, counts, 6, { rationalesPerProblem: 2 });
    expect(other.test.map((problem) => problem.question)).not.toEqual(
      first.test.map((problem) => problem.question),
    );
  });

  it("keep their questions when only counts or wordiness change", () => {
    const small = generateBuiltin(task, { train: 10, dev: 5, test: 5 }, 5);
    const large = generateBuiltin(task, { train: 40, dev: 0, test: 20 }, 5, { wordiness: 0.2 });
    expect(large.test.slice(0, 5)).toEqual(small.test);
    expect(large.train.slice(0, 10).map((rationale) => rationale.question)).toEqual(
      small.train.map((rationale) => rationale.question),
    );
  });

  it("never share a question between splits, also under other seeds", () => {
    const counts = { train: 400, dev: 150, test: 150 };
    const splitsOf = new Map<string, string>();
    for (const seed of [1, 2]) {
      const { train, dev, test } = generateBuiltin(task, counts, seed, { wordiness: 0 });
      const ids = new Set([...train, ...dev, ...test].map((row) => row.id));
      expect(ids.size).toBe(700);
      for (const [split, rows] of Object.entries({ train, dev, test })) {
        const questions = new Set(rows.map((row) => splitKey(row.question)));
        expect(questions.size).toBe(rows.length);
        for (const question of questions) {
          expect(splitsOf.get(question) ?? split).toBe(split);
          splitsOf.set(question, split);
        }
      }
    }
  });

  it("do not favour an answer, and offer different choices", () => {
    const { test } = generateBuiltin(task, { train: 0, dev: 0, test: 300 }, 3);
    const counts = new Map<string, number>();
    for (const { question, answer } of test) {
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
      const choices = question.split("Answer choices: ")[1]?.slice(0, -1).split(", ") ?? [];
      expect(new Set(choices.map((choice) => choice.slice(4))).size).toBe(choices.length);
      if (task === "tracking_shuffled_objects") expect(choices).toHaveLength(3);
      if (task === "date_understanding") expect(choices).toHaveLength(6);
    }
    const largest = Math.max(...counts.values()) / test.length;
    expect(largest).toBeLessThan(task === "coin_flip" ? 0.58 : task.startsWith("tracking") ? 0.45 : 0.25);
  });

  it("stay short", () => {
    const { dev } = generateBuiltin(task, { train: 0, dev: 200, test: 0 }, 4);
    for (const { question } of dev) expect(wordsIn(question)).toBeLessThanOrEqual(66);
  });
});

it("tracking questions have 45 to 66 words at every difficulty", () => {
  for (const difficulty of [1, 2, 3]) {
    const { dev } = generateBuiltin("tracking_shuffled_objects", { train: 0, dev: 200, test: 0 }, 4, {
      difficulty,
    });
    for (const { question } of dev) {
      expect(wordsIn(question)).toBeGreaterThanOrEqual(45);
      expect(wordsIn(question)).toBeLessThanOrEqual(66);
    }
  }
});

it("arithmetic stays between 1 and 199, in whole numbers", () => {
  for (const difficulty of [1, 2, 3]) {
    const { train } = generateBuiltin("arithmetic_stories", { train: 300, dev: 0, test: 0 }, 8, {
      difficulty,
    });
    const numbers = train.flatMap(({ text }) => text.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.filter((number) => !Number.isInteger(number) || number < 1 || number > 199)).toEqual([]);
  }
});

it("a question's split does not depend on case, spacing or punctuation", () => {
  const { train } = generateBuiltin("coin_flip", { train: 50, dev: 0, test: 0 }, 1);
  for (const { question } of train) {
    expect(splitOfQuestion(`  ${question.toUpperCase().replace(/[.?]/g, " !")}`)).toBe("train");
  }
});

describe("wrong input", () => {
  const none = { train: 1, dev: 0, test: 0 };
  const failure = (run: () => unknown): SkipthinkError => {
    try {
      run();
    } catch (error) {
      if (error instanceof SkipthinkError) return error;
      throw error;
    }
    throw new Error("nothing was thrown");
  };

  it("is told the nearest task", () => {
    const error = failure(() => generateBuiltin("coinflip", none, 1));
    expect(error.exitCode).toBe(2);
    expect(error.remedy).toContain("Did you mean coin_flip?");
    expect(failure(() => generateBuiltin("date", none, 1)).remedy).toContain("date_understanding");
    expect(failure(() => generateBuiltin("constructor", none, 1)).exitCode).toBe(2);
  });

  it.each([
    ["wordiness", { wordiness: 0.9 }],
    ["wordiness", { wordiness: Number.NaN }],
    ["difficulty", { difficulty: 4 }],
    ["difficulty", { difficulty: 1.5 }],
    ["rationalesPerProblem", { rationalesPerProblem: 0 }],
  ])("names the key %s for %o", (key, options) => {
    const error = failure(() => generateBuiltin("coin_flip", none, 1, options));
    expect(error.exitCode).toBe(2);
    expect(error.place.key).toBe(key);
  });

  it("names a bad count", () => {
    expect(failure(() => generateBuiltin("coin_flip", { ...none, dev: -1 }, 1)).place.key).toBe("counts.dev");
  });
});

describe("answers cannot be guessed without reading", () => {
  const problemsOf = (task: string, difficulty: number) =>
    generateBuiltin(task, { train: 0, dev: 0, test: 1500 }, 21, { difficulty }).test;
  /** More than four standard errors above chance. */
  const tooOften = (chance: number, count: number): number =>
    chance + 4 * Math.sqrt((chance * (1 - chance)) / count);

  it.each([1, 2, 3])(
    "who began with a thing ends with it one time in three, whatever the swaps (%i)",
    (difficulty) => {
      const kept = new Map<number, boolean[]>();
      for (const { question, answer } of problemsOf("tracking_shuffled_objects", difficulty)) {
        const target = /(?:does|what does) (\w+) have/.exec(question)![1]!;
        const start = new RegExp(`${target} has an? (\\w+) `).exec(question)![1]!;
        const chosen = new RegExp(`\\(${answer}\\) (\\w+) `).exec(question)![1]!;
        const swaps = question.match(/swap|trade/g)!.length;
        kept.set(swaps, [...(kept.get(swaps) ?? []), start === chosen]);
      }
      for (const guesses of kept.values()) {
        const share = guesses.filter(Boolean).length / guesses.length;
        expect(share).toBeLessThan(tooOften(1 / 3, guesses.length));
        expect(1 - share).toBeLessThan(tooOften(2 / 3, guesses.length));
      }
    },
  );

  it.each([1, 2, 3])("the date that most others lie around is seldom the right one (%i)", (difficulty) => {
    const day = 24 * 60 * 60 * 1000;
    const problems = problemsOf("date_understanding", difficulty);
    const right = problems.filter(({ question, answer }) => {
      const dates = [...question.matchAll(/\(([A-F])\) (\d\d)\/(\d\d)\/(\d{4})/g)].map(
        ([, letter, month, date, year]) => ({
          letter,
          date,
          time: Date.parse(`${year}-${month}-${date}`) / day,
        }),
      );
      const partners = dates.map(
        (one) =>
          dates.filter((other) => {
            const apart = Math.abs(one.time - other.time);
            return apart === 1 || apart === 7 || (apart >= 28 && one.date === other.date);
          }).length,
      );
      return dates[partners.indexOf(Math.max(...partners))]!.letter === answer;
    });
    expect(right.length / problems.length).toBeLessThan(tooOften(1 / 6, problems.length));
  });
});
