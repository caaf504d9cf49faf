// The base student must not have seen a worked solution: each detector reads the text alone, whatever wrote it.
import { describe, expect, it } from "vitest";
import { names } from "../../src/tasks/builtin/words.ts";
import { corpusDocument, corpusDrill } from "../../src/tasks/corpus/index.ts";
import { RandomStream } from "../../src/util/random.ts";

const name = `(?:${names.join("|")})`;
const swapVerb = "(?:swap|swaps|swapped|trade|trades|traded|exchange|exchanges|switch|switches)";
const swapMention = new RegExp(
  `(${name}) and (${name}) (?:have )?${swapVerb}\\b|(${name}) ${swapVerb}\\b[^.:,]*? with (${name})|swap of (${name}) and (${name})|(${name}) gives [^.]*? to (${name}) and (?:gets|takes)`,
  "g",
);

/** Pairs of people who swap, each pair once. */
function swapPairs(text: string): string[][] {
  const pairs = new Map<string, string[]>();
  for (const match of text.matchAll(swapMention)) {
    const pair = match
      .slice(1)
      .filter((part) => part !== undefined)
      .sort();
    pairs.set(pair.join(), pair);
  }
  return [...pairs.values()];
}

/** An amount of time, or a neighbouring day. */
const relative = /yesterday|tomorrow|\b(?:a|one|two|three|\d+) (?:day|week|month|year)s?\b/gi;
const equation = /\d+ [-+x*/] \d+ = \d+/g;

/** What is forbidden in the document, or undefined. Drills may say the last letter of several words; they never join them. */
function violation(text: string, { manyWords = false } = {}): string | undefined {
  const swappers = swapPairs(text).flat();
  if (new Set(swappers).size < swappers.length) return "a person takes part in two different swaps";
  const joined = /(?:"\w" \+ "\w"|[Cc]oncatenat|[Jj]oin)/.test(text);
  if (joined && /last letter|ends? (?:in|with)/.test(text)) return "last letters are taken and joined";
  for (const story of text.split("\n\n")) {
    // "Sam: ..." at the start of a line is a speaker.
    const spoken = story.replace(/^\w+: (?=[A-Z][^:]*\.$)/gm, "");
    const people = new Set(spoken.match(new RegExp(`\\b${name}\\b`, "g")) ?? []);
    if (/heads|tails/.test(story) && people.size > 1) return "two people have one coin";
    const ends = [...story.matchAll(/last letter of "(\w+)"|"(\w+)" ends/g)].map(
      (match) => match[1] ?? match[2],
    );
    if (!manyWords && new Set(ends).size > 1) return "last letters of two words in one story";
    // The length of a month ("as March 2010 has 31 days") and the name of a leap year are no steps.
    const told = story.replace(/has (?:\d+ or )?\d+ days|a leap year/g, "");
    const stepWords = new Set(
      (told.match(relative) ?? []).map((words) =>
        words.toLowerCase().replace(/^a |yesterday|tomorrow/, (word) => (word === "a " ? "one " : "one day")),
      ),
    );
    if (/\d{4}/.test(story) && stepWords.size > 1) return "two relative dates in one story";
    if (people.size > 0 && new Set(story.match(equation) ?? []).size > 1)
      return "two operations in one story";
  }
  return undefined;
}

describe("the corpus has no worked solution", () => {
  it("passes the detectors in 2,000 documents", { timeout: 30_000 }, () => {
    const random = new RandomStream(11, "test/no-solutions");
    for (let i = 0; i < 2000; i++) {
      const text = corpusDocument(random);
      expect(violation(text), text).toBeUndefined();
    }
  });

  it("passes the detectors in 3,000 drills", { timeout: 30_000 }, () => {
    const random = new RandomStream(12, "test/no-solutions/drills");
    for (let i = 0; i < 3000; i++) {
      const { context, target } = corpusDrill(random);
      // Each line of the coin has its own coin and its own person.
      const text = (context + target).replaceAll("\nA coin", "\n\nA coin");
      expect(violation(text, { manyWords: true }), text).toBeUndefined();
    }
  });

  it.each([
    ["Alice and Bob swap balls. Then, Bob and Claire swap balls. Now Alice has red.", /two different swaps/],
    [
      "Alice swaps with Bob, and now Alice has red. Bob trades red for blue with Claire: Bob has blue.",
      /two different swaps/,
    ],
    ['"Elena" ends in "a". "Mark" ends in "k". Joining "a" and "k" gives "ak".', /taken and joined/],
    ['The last letter of "Elena" is "a". The last letter of "Mark" is "k".', /two words/],
    ["The coin is heads up. Alice flips it. It is tails up. Bob flips it. It is heads up.", /one coin/],
    ["Tomorrow is 01/02/2003. Today is 01/01/2003. A year ago was 01/01/2002.", /relative dates/],
    ["Alice has 3 apples and buys 4. 3 + 4 = 7. Alice eats 2. 7 - 2 = 5.", /two operations/],
  ])("would notice: %s", (text, expected) => {
    expect(violation(text)).toMatch(expected);
  });
});
