import { describe, expect, it } from "vitest";
import { splitSteps } from "../../src/rationale/split.ts";
import { builtinTaskNames, generateBuiltin } from "../../src/tasks/builtin/index.ts";
import { colors } from "../../src/tasks/builtin/words.ts";
import type { Rationale } from "../../src/tasks/problem.ts";
import { coinSides, dateSolution, trackingStates } from "./solvers.ts";

const wordsIn = (text: string): number => text.trim().split(/\s+/).length;
const isNeeded = (role: string): boolean => role === "reasoning" || role === "answer";
const rationales = (task: string, count: number, options = {}): Rationale[] =>
  generateBuiltin(task, { train: count, dev: 0, test: 0 }, 77, options).train;
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function fillerShare(rows: Rationale[]): number {
  let filler = 0;
  let all = 0;
  for (const { steps, roles } of rows) {
    for (const [i, step] of steps.entries()) {
      all += wordsIn(step);
      if (!isNeeded(roles![i]!)) filler += wordsIn(step);
    }
  }
  return filler / all;
}

describe.each(builtinTaskNames)("rationales of %s", (task) => {
  const rows = rationales(task, 500);

  it("are their steps, each labelled, with the answer as the last and only answer step", () => {
    for (const { steps, roles, text } of rows) {
      expect(steps.join("")).toBe(text);
      expect(roles).toHaveLength(steps.length);
      expect(roles!.indexOf("answer")).toBe(steps.length - 1);
      expect(roles!.filter((role) => role === "reasoning").length).toBeGreaterThanOrEqual(2);
    }
  });

  it("split into exactly their steps", () => {
    const wordy = rationales(task, 100, { wordiness: 0.8, difficulty: 3 });
    const bare = rationales(task, 100, { wordiness: 0 });
    for (const { steps, text } of [...rows, ...wordy, ...bare]) {
      // Joined by a character that no step holds: one comparison instead of one per step.
      expect(splitSteps(text).join("\0")).toBe(steps.join("\0"));
    }
  });

  it("are plain ASCII single sentences, each followed by its white space", () => {
    const isSentence = (step: string, i: number, steps: string[]): boolean =>
      (i === steps.length - 1 ? /^[\x20-\x7e]+[.]$/ : /^[\x20-\x7e]+[.?][ \n]$/).test(step) &&
      !/ {2}|[^0-9][.?!] /.test(step.trimEnd());
    expect(rows.flatMap(({ steps }) => steps.filter((step, i) => !isSentence(step, i, steps)))).toEqual([]);
  });

  it("have the usual length: about 60 to 130 words and 7 to 14 steps", () => {
    expect(mean(rows.map(({ text }) => wordsIn(text)))).toBeGreaterThan(65);
    expect(mean(rows.map(({ text }) => wordsIn(text)))).toBeLessThan(130);
    expect(mean(rows.map(({ steps }) => steps.length))).toBeGreaterThan(8);
    expect(mean(rows.map(({ steps }) => steps.length))).toBeLessThan(14);
  });

  it("have the share of filler that the wordiness asks for", () => {
    expect(fillerShare(rationales(task, 200, { wordiness: 0 }))).toBe(0);
    expect(Math.abs(fillerShare(rows) - 0.5)).toBeLessThan(0.03);
    expect(Math.abs(fillerShare(rationales(task, 200, { wordiness: 0.7 })) - 0.7)).toBeLessThan(0.04);
    for (const difficulty of [1, 2, 3]) {
      const wordiest = fillerShare(rationales(task, 100, { wordiness: 0.8, difficulty }));
      expect(wordiest).toBeGreaterThan(0.74);
    }
  });

  it("use every role, and fillers stand in clusters", () => {
    const seen = new Set(rows.flatMap(({ roles }) => roles!));
    expect([...seen].sort()).toEqual([
      "answer",
      "check",
      "reasoning",
      "restatement",
      "summary",
      "transition",
    ]);
    const runs = rows.map(({ roles }) => {
      const fillers = roles!.filter((role) => !isNeeded(role)).length;
      const starts = roles!.filter(
        (role, i) => !isNeeded(role) && (i === 0 || isNeeded(roles![i - 1]!)),
      ).length;
      return fillers / Math.max(1, starts);
    });
    expect(mean(runs)).toBeGreaterThan(1.5);
  });

  it("differ from each other, also for one problem", () => {
    const several = rationales(task, 30, { rationalesPerProblem: 4 });
    expect(several).toHaveLength(120);
    for (let i = 0; i < several.length; i += 4) {
      const group = several.slice(i, i + 4);
      expect(new Set(group.map(({ text }) => text)).size).toBe(4);
      expect(new Set(group.map(({ problemId }) => problemId)).size).toBe(1);
      expect(new Set(group.map(({ answer }) => answer)).size).toBe(1);
    }
    expect(new Set(several.map(({ id }) => id)).size).toBe(120);
  });

  it("state the answer in the last step", () => {
    for (const { steps, answer } of rows) expect(steps.at(-1)).toMatch(new RegExp(`\\b${answer}\\b`, "i"));
  });
});

/** The text of the reasoning steps before each step, so that fillers can be compared with what is known by then. */
function* fillersWithKnown(row: Rationale): Generator<{ step: string; role: string; known: string }> {
  let known = "";
  for (const [i, step] of row.steps.entries()) {
    const role = row.roles![i]!;
    if (role === "reasoning") known += step;
    else if (role !== "answer") yield { step, role, known };
  }
}

const reasoningOf = ({ steps, roles }: Rationale): string[] =>
  steps.filter((_, i) => roles![i] === "reasoning");

describe("reasoning steps hold all that is needed, and fillers derive nothing", () => {
  it("tracking: the state of all three people at the start and after each swap", () => {
    const colorWord = colors.join("|");
    for (const row of rationales("tracking_shuffled_objects", 300, { difficulty: 2 })) {
      const { people, states } = trackingStates(row.question);
      const reasoning = reasoningOf(row);
      expect(reasoning).toHaveLength(states.length);
      for (const [i, step] of reasoning.entries()) {
        // The state is the last thing in the step: three people in the order of the question, each with a color.
        const state = new RegExp(
          people.map((person) => `${person}\\W.*?\\b(${colorWord})\\b`).join(".*?") + "[^,]*$",
        );
        const start = step.lastIndexOf(people[0]!);
        expect(state.exec(step.slice(start))?.slice(1), step).toEqual(states[i]);
      }
      // "X has red" in a filler repeats a list that has been told.
      let told = 0;
      for (const [i, step] of row.steps.entries()) {
        if (row.roles![i] === "reasoning") told += 1;
        if (isNeeded(row.roles![i]!)) continue;
        const owned = new RegExp(
          `([A-Z]\\w+) (?:now |still )?(?:has|holds|keeps|ended with)(?: the)? (${colorWord})`,
          "g",
        );
        for (const [, person, color] of step.matchAll(owned)) {
          expect(
            states.slice(0, told).map((state) => state[people.indexOf(person!)]),
            step,
          ).toContain(color);
        }
      }
    }
  });

  it("coin flip: the side after each person", () => {
    for (const row of rationales("coin_flip", 300, { difficulty: 2 })) {
      const sides = ["heads", ...coinSides(row.question)];
      const told = reasoningOf(row).map((step) => /heads|tails/.exec(step)?.[0]);
      expect(told, row.text).toEqual(sides);
      for (const { step, role, known } of fillersWithKnown(row)) {
        if (role !== "restatement" && step.includes("tails")) expect(known, step).toContain("tails");
      }
    }
  });

  it("last letters: every letter and the whole string", () => {
    for (const row of rationales("last_letter_concatenation", 300, { difficulty: 2 })) {
      const told = reasoningOf(row).join("");
      for (const letter of row.answer) expect(told).toContain(`"${letter}"`);
      expect(told).toContain(`"${row.answer}"`);
      const words = /"([^"]+)"/.exec(row.question)![1]!.split(" ");
      for (const { step, known } of fillersWithKnown(row)) {
        for (const [text, inside] of step.matchAll(/"([^"]+)"/g)) {
          if (!words.includes(inside!)) expect(known, step).toContain(text);
        }
      }
    }
  });

  it("dates: the date after every step; choices are no source", () => {
    for (const row of rationales("date_understanding", 300, { difficulty: 2 })) {
      expect(reasoningOf(row).at(-1)).toContain(dateSolution(row.question));
      expect(row.steps.at(-1)).toContain(dateSolution(row.question));
      const given = row.question.split("Answer choices")[0]!;
      for (const { step, known } of fillersWithKnown(row)) {
        for (const [date] of step.matchAll(/\d\d\/\d\d\/\d{4}/g)) expect(given + known, step).toContain(date);
      }
    }
  });

  it("arithmetic: true equations, each number in them known by then", () => {
    const numbers = (text: string): string[] => text.match(/\d+/g) ?? [];
    for (const row of rationales("arithmetic_stories", 300, { difficulty: 2 })) {
      let result = "";
      let known = numbers(row.question);
      for (const step of reasoningOf(row)) {
        const equation = /(\d+) ([-+*/]) (\d+) = (\d+)/.exec(step);
        if (equation === null) continue;
        const [left, right] = [Number(equation[1]), Number(equation[3])];
        const value = { "+": left + right, "-": left - right, "*": left * right, "/": left / right }[
          equation[2]!
        ];
        expect(value, step).toBe(Number(equation[4]));
        expect(known).toContain(equation[1]);
        expect(known).toContain(equation[3]);
        result = equation[4]!;
        known = [...known, result];
      }
      expect(result).toBe(row.answer);
      for (const { step, known } of fillersWithKnown(row)) {
        const allowed = numbers(row.question + known);
        for (const number of numbers(step)) expect(allowed, step).toContain(number);
        for (const [, left, operator, right, value] of step.matchAll(/(\d+) ([-+*/]) (\d+) = (\d+)/g)) {
          const [l, r] = [Number(left), Number(right)];
          expect({ "+": l + r, "-": l - r, "*": l * r, "/": l / r }[operator!], step).toBe(Number(value));
        }
      }
    }
  });
});

it("three hundred rationales take less than a second of processor time, so a thousand are made in about that", () => {
  for (const task of builtinTaskNames) {
    const before = process.cpuUsage();
    rationales(task, 300);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(1);
  }
});
