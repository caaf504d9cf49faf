import fc from "fast-check";
import { describe, it } from "vitest";
import { splitSteps } from "../../src/rationale/split.ts";
import { answersEqual, normalizeGold, readAnswer } from "../../src/tasks/answers/answers.ts";
import { answerKinds } from "../../src/tasks/problem.ts";

/** Pieces that rationales are made of, and pieces that are made to break their readers. */
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(..."ABCDEFJ.,:;!?-–$%()[]{}<>*#_`'\"“”\\/=+|~^&@ \n\r\t".split("")),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        "-->",
        "####",
        "Mr.",
        "e.g.",
        "1.",
        "2)",
        "3.5",
        "1,000",
        "-7",
        "1e999",
        "$x = 5.$",
        "```",
        "\\(",
        "\\]",
      ],
      ...[
        "yes",
        "No",
        "(B)",
        "A.",
        "The answer is",
        "so",
        "Ann",
        "true",
        "\r\n",
        "\u2028",
        "。",
        "…",
        "\u0000",
        "\ud800",
      ],
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer().map(String) },
);
const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));
const cases = 10_000;

describe("10,000 texts", () => {
  it("are split into steps that join to the text, none of them blank, cut before what is not white space", () => {
    fc.assert(
      fc.property(text, (whole) => {
        const steps = splitSteps(whole);
        if (steps.join("") !== whole) throw new Error("the steps do not join to the text");
        if (whole.trim() === "") return steps.length <= 1;
        return steps.every((step, i) => step.trim() !== "" && (i === 0 || !/^\s/.test(step)));
      }),
      { numRuns: cases, seed: 1 },
    );
  });

  it("are always cut where a line ends, code and formulas aside", () => {
    const plain = text.map((one) => one.replace(/[`$\\]/g, " "));
    fc.assert(
      fc.property(plain, plain, (first, second) => {
        fc.pre(first.trim() !== "" && second.trim() !== "");
        const lineEnd = first.trimEnd().length + 1;
        let at = 0;
        return splitSteps(`${first.trimEnd()}\n${second.trimStart()}`).some((step) => {
          at += step.length;
          return at === lineEnd;
        });
      }),
      { numRuns: cases / 10, seed: 2 },
    );
  });

  it("are read for answers of every kind: a candidate of the kind's form, stable when read again", () => {
    const kind = fc.constantFrom(...answerKinds);
    fc.assert(
      fc.property(kind, text, (one, whole) => {
        const read = readAnswer(one, whole);
        if (read === undefined) return answersEqual(one, read, whole) === false;
        if (read === "" || read.length > 1000) return false;
        // What was read counts as right where it is gold, unless gold itself has another reading (an "answer is" in it).
        const gold = normalizeGold(one, read);
        return gold === undefined || gold !== read || answersEqual(one, read, read);
      }),
      { numRuns: cases, seed: 3 },
    );
  });

  it("never hide an answer that follows the first arrow", () => {
    const answers = { gsm8k: "42", aqua: "B", coin_flip: "yes", last_letter_concatenation: "yajo" } as const;
    const kind = fc.constantFrom(...(Object.keys(answers) as (keyof typeof answers)[]));
    fc.assert(
      fc.property(kind, text, (one, whole) => {
        const before = whole.replaceAll("-->", " ");
        return answersEqual(one, readAnswer(one, `${before} --> ${answers[one]}`), answers[one]);
      }),
      { numRuns: cases, seed: 4 },
    );
  });
});
