import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitSteps } from "../../src/rationale/split.ts";
import { RandomStream } from "../../src/util/random.ts";
import { readShared, sharedRationaleFiles } from "./shared-data.ts";

/** "|" marks the cuts: the cases read as they split. */
function expectCuts(marked: string): void {
  const steps = marked.split("|");
  expect(splitSteps(steps.join(""))).toEqual(steps);
}

/** Any UTF-16 code unit, halves of surrogate pairs included. */
const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

describe("sentences and lines", () => {
  test.each([
    "First, add. |Then stop.",
    "One line\n|another line\n\n|a third",
    "\n\n  Hello there.  \n\n|Bye.\n",
    "Windows\r\n|lines.\r\n",
    "Is it? |It is! |Good.",
    'He said "Stop." |She left. |(They stayed.) |Done.',
    "**Bold end.** |Next one.",
    "She ran.\t|He walked.",
    "He has 5. |3 people left.",
    "so 3x = 6. |x = 2.",
    "我们走。|他来了！|好。",
    "The ball is red. |“Good,” he said.",
  ])("%j", expectCuts);
});

describe("no cut inside", () => {
  test.each([
    ["numbers", "It costs 3.5 dollars or $1,000. |Then .5 more."],
    ["titles", "Mr. Smith met Dr. Jones. |They ate."],
    ["latin abbreviations", "Take fruit, e.g. Apples, i.e. Those here. |Eat, etc. and rest."],
    ["dotted names", "The U.S. Senate met in the U.S. |They left at 5 p.m. sharp."],
    ["initials", "J. R. R. Tolkien met George W. Bush. |They talked."],
    ["months and units", "It is Sep. 9 today. |The rope is 3 ft. long."],
    ["numbered things", "See Fig. 3 and No. 7 of the list. |Good."],
    [
      "list numerals",
      "1. Do this. |Then that.\n|2) Second.\n|(a) Third. |- More.\n|**4.** Fourth.\n|Step 2. Add them.",
    ],
    ["a list inside a line", "In detail: 1. First add. |2. Second stop."],
    ["factorials", "5! = 120 and 3! is 6. |Done."],
    ["spaced ellipses", "One . . . two. |Good."],
    ["ellipses", "Wait... then 1, 2, ... 10 follow. |Hmm... |Then we stop."],
    ["a question inside a sentence", '"Really?" he asked. |Yes.'],
    ["inline LaTeX", "Let $x. Y$ be it. |So \\(a. B\\) holds. |Next."],
    ["display LaTeX", "So \\[ a = 1. \n B = 2. \\] holds. |And $$ c. D $$ too. |End."],
    ["code spans", "Use `a. B` here. |And\n|```\nfoo. Bar\n\nbaz. Qux\n```\n|end."],
  ])("%s", (_name, marked) => expectCuts(marked));
});

describe("a cut in spite of", () => {
  test.each([
    ["a label", "The answer is B. |Alice wins. |It is option C. |Bob loses."],
    [
      "an abbreviation before a clear start",
      "He woke at 5 p.m. |Then he slept in the U.S. |He liked it. |It is 3 ft. |Total is 4.",
    ],
    ["money", "It costs $5. |She has 6$ left. |He pays 7$. |Good $8. |On."],
    ["a period inside math", "So $x = 5.$ |Then stop."],
    ["an unclosed delimiter", "The `code is. |Open \\[ and. |So is $x. |End."],
  ])("%s", (_name, marked) => expectCuts(marked));
});

test("empty text has no step, white space is one step", () => {
  expect(splitSteps("")).toEqual([]);
  expect(splitSteps(" \n\t ")).toEqual([" \n\t "]);
});

function expectInvariants(text: string): void {
  const steps = splitSteps(text);
  expect(steps.join("")).toBe(text);
  if (text.trim() === "") {
    expect(steps.length).toBe(text === "" ? 0 : 1);
    return;
  }
  for (const [index, step] of steps.entries()) {
    if (step.trim() === "") throw new Error(`step ${index} of ${JSON.stringify(text)} is blank`);
    if (index > 0 && /^\s/.test(step))
      throw new Error(`step ${index} of ${JSON.stringify(text)} begins with space`);
  }
}

describe("invariants", () => {
  test("any Unicode text", () => {
    fc.assert(fc.property(fc.string({ unit: codeUnit, maxLength: 100 }), expectInvariants), {
      numRuns: 500,
      seed: 1,
    });
  });

  test("10,000 texts made of the splitter's own special pieces", () => {
    const pieces = (
      ". ? ! … ... 。 ` ``` $ $$ \\[ \\] \\( \\) ( ) [ ] \" ' ” * _ - , : 1 3.5 1,000 e.g. Mr. U.S. A. I Then then x = " +
      "Step No. Fig. etc. \u{1f600} \ud800"
    ).split(" ");
    pieces.push(" ", "  ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u2028");
    const random = new RandomStream(7, "test/split");
    for (let run = 0; run < 10_000; run++) {
      let text = "";
      for (let n = random.below(14); n >= 0; n--) text += random.pick(pieces);
      expectInvariants(text);
    }
  });

  test("lines that are no LaTeX or code are always cut", () => {
    const line = fc.stringMatching(/^[a-z0-9 .,]{0,20}[a-z]$/).filter((text) => text.trim() !== "");
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), (lines) => {
        const steps = splitSteps(lines.join("\n"));
        for (let cut = 0, n = 0; n < lines.length - 1; n++) {
          cut += (lines[n] as string).length + 1;
          // White space that opens a line belongs to the step before it.
          const start = cut + ((lines[n + 1] as string).length - (lines[n + 1] as string).trimStart().length);
          const starts = new Set([0]);
          for (let reached = 0, step = 0; step < steps.length; step++) {
            reached += steps[step]!.length;
            starts.add(reached);
          }
          expect(starts.has(start)).toBe(true);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});

test.each([
  ["one word", "a".repeat(100_000)],
  ["periods", ".".repeat(100_000)],
  ["spaced periods", ". ".repeat(50_000)],
  ["spaces", `a.${" ".repeat(100_000)}b`],
  ["initials", "A. ".repeat(33_333)],
  ["sentences", "Aa. ".repeat(25_000)],
  ["closers", ".)".repeat(50_000)],
  ["backquotes in lines", "`a\n".repeat(33_333)],
  ["dollars", "$a ".repeat(33_333)],
  ["dollars with digits", "$1. ".repeat(25_000)],
  ["open display math", "\\[".repeat(50_000)],
  ["open fences", "```a".repeat(25_001)],
])("100,000 characters of %s take less than 200 ms", (_name, text) => {
  // Time of this process alone, best of three: the machine may be busy.
  let best = Infinity;
  for (let run = 0; run < 3 && best >= 200; run++) {
    const start = process.cpuUsage();
    const steps = splitSteps(text);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
    expect(steps.join("")).toBe(text);
  }
  expect(best).toBeLessThan(200);
});

describe.each(sharedRationaleFiles)("real rationales: $file", ({ file, field, meanSteps }) => {
  const rows = readShared(file);
  test.skipIf(rows === undefined)(
    rows === undefined ? "skipped: no shared data folder" : "split losslessly",
    () => {
      let steps = 0;
      let texts = 0;
      let abbreviated = 0;
      // Two thousand rows of the largest files are enough.
      for (const row of rows!.slice(0, 2000)) {
        const text = row[field];
        if (typeof text !== "string") continue;
        expectInvariants(text);
        const split = splitSteps(text);
        steps += split.length;
        texts++;
        // No step ends in a decimal point that the next one continues, nor in a title.
        for (const [n, step] of split.entries())
          if (n < split.length - 1 && /(?:\b(?:Mr|Mrs|Dr)\.|^\s*\d{1,2}\.) *$/.test(step)) abbreviated++;
      }
      expect(abbreviated).toBe(0);
      expect(steps / texts).toBeGreaterThan(meanSteps[0]!);
      expect(steps / texts).toBeLessThan(meanSteps[1]!);
    },
  );
});
