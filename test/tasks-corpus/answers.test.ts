// Every answer is worked out again from the text of the document, by rules written only here.
import { describe, expect, it, vi } from "vitest";
import { colors, months, names } from "../../src/tasks/builtin/words.ts";
import { corpusDocument, corpusKinds } from "../../src/tasks/corpus/index.ts";
import { RandomStream } from "../../src/util/random.ts";

// Thousands of documents are parsed; a busy machine takes longer than the default five seconds.
vi.setConfig({ testTimeout: 30_000 });

interface Split {
  question: string;
  rationale: string;
  answer: string;
}

/** The stories of many documents of one kind. */
function stories(kind: string, documents: number): string[] {
  const random = new RandomStream(21, `test/answers/${kind}`);
  return Array.from({ length: documents }, () => corpusKinds[kind]!.write(random)).flatMap((text) =>
    text.split("\n\n"),
  );
}

/** Stories in the student's format, taken apart. */
function formatted(kind: string, documents: number): Split[] {
  return stories(kind, documents).flatMap((story) => {
    const match = /^([\s\S]*) ### ([\s\S]*) --> ([\s\S]*)$/.exec(story);
    return match === null ? [] : [{ question: match[1]!, rationale: match[2]!, answer: match[3]! }];
  });
}

const name = `(?:${names.join("|")})`;
const color = `(?:${colors.join("|")})`;

/** Claims "NAME has COLOR" in order of appearance, in any of the wordings. */
function claims(text: string): [string, string][] {
  const held = `\\b(${name})(?:,? who)?(?: now| still)*(?: has| holds| keeps| gets| is holding|:(?! the)| -| =)?(?: the| an?)? (${color})\\b`;
  const withWhom = `(${color}) \\w+ is (?:now )?with (${name})`;
  return [...text.matchAll(new RegExp(`${held}|${withWhom}`, "g"))].map((match) =>
    match[1] === undefined ? [match[4]!, match[3]!] : [match[1], match[2]!],
  );
}

function swapOf(text: string): [string, string] {
  const verb = "(?:swap|trade|exchange|switch)";
  const match = new RegExp(
    `(${name}) and (${name}) ${verb}|(${name}) ${verb}s[^.:,]*? with (${name})|(${name}) and (${name}) have swapped|swap of (${name}) and (${name})|(${name}) gives .*? to (${name}) and (?:gets|takes)|With (${name}) and (${name}) swapped`,
  ).exec(text);
  expect(match, text).not.toBeNull();
  const [one, two] = match!.slice(1).filter((part) => part !== undefined);
  return [one!, two!];
}

/** State after the swap by our own rule; checks on the way that each claim is the old or the new thing. */
function stateAfter(story: string): Map<string, string> {
  const before = new Map<string, string>();
  const latest = new Map<string, string>();
  for (const [who, what] of claims(story.split(" --> ")[0]!)) {
    if (!before.has(who)) before.set(who, what);
    latest.set(who, what);
  }
  const [one, two] = swapOf(story);
  const after = new Map(before);
  after.set(one, before.get(two)!);
  after.set(two, before.get(one)!);
  const [, giver, given, taker, taken] =
    new RegExp(
      `(${name}) gives (?:the )?(${color})[^.]*? to (${name}) and (?:gets|takes) (?:the )?(${color})`,
    ).exec(story) ?? [];
  if (giver !== undefined) expect([before.get(giver), before.get(taker!)]).toEqual([given, taken]);
  // "gives ... and takes ..." may be all that is said of the two.
  for (const [who, what] of latest)
    if (giver === undefined || (who !== giver && who !== taker))
      expect([what, story]).toEqual([after.get(who), story]);
  return after;
}

describe("single swaps", () => {
  it("state the right new state in stories", () => {
    for (const story of stories("swapStory", 200)) stateAfter(story);
  });

  it("are answered right in questions", () => {
    const checked = { letter: 0, thing: 0, person: 0 };
    for (const { question, rationale, answer } of formatted("swapQuestion", 400)) {
      const after = stateAfter(`${question} ### ${rationale}`);
      const options = new Map(
        [...question.matchAll(/\(([A-E])\) ((\w+) \w+)/g)].map((match) => [match[1]!, match[3]!]),
      );
      const whose = new RegExp(`(?:does|Now|end,|what does) (${name}) ha(?:ve|s)`).exec(question)?.[1];
      if (options.size > 0) {
        expect(options.get(answer.replace(/[()]/g, "")), question).toBe(after.get(whose!));
        checked.letter++;
      } else if (after.has(answer)) {
        expect(after.get(answer)).toBe(/the (\w+) \w+\?$/.exec(question)?.[1]);
        checked.person++;
      } else {
        expect(answer.split(" ")[0], question).toBe(after.get(whose!));
        checked.thing++;
      }
    }
    for (const count of Object.values(checked)) expect(count).toBeGreaterThan(40);
  });
});

describe("numbers", () => {
  it("every equation anywhere holds", () => {
    const random = new RandomStream(3, "test/equations");
    let seen = 0;
    for (let i = 0; i < 1500; i++) {
      for (const [text, a, operator, b, c] of corpusDocument(random).matchAll(
        /(\d+) ([-+x*/]) (\d+) = (\d+)/g,
      )) {
        const [left, right] = [Number(a), Number(b)];
        const result =
          operator === "+"
            ? left + right
            : operator === "-"
              ? left - right
              : operator === "/"
                ? left / right
                : left * right;
        expect(result, text).toBe(Number(c));
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(800);
  });

  it("stories use the operation that they describe", () => {
    for (const { question, answer } of formatted("sumStories", 500)) {
      const [a, b] = [...question.matchAll(/\d+/g)].map((match) => Number(match[0])) as [number, number];
      const rules: [RegExp, number][] = [
        [/equal|the same number/, a / b],
        [/each|every| a day/i, a * b],
        [/left|How many more/, a - b],
        [/./, a + b],
      ];
      const expected = rules.find(([words]) => words.test(question))![1];
      expect([question, Number(answer)]).toEqual([question, expected]);
    }
  });

  it("covers sums and differences to 100 and the multiplication table", () => {
    const seen = new Set<string>();
    const random = new RandomStream(9, "test/coverage");
    for (let i = 0; i < 6000; i++)
      for (const match of corpusKinds.drill!.write(random).match(/\d+ [-+*] \d+/g) ?? []) seen.add(match);
    for (let a = 1; a <= 12; a++)
      for (let b = 1; b <= 12; b++) expect(seen.has(`${a} * ${b}`), `${a} * ${b}`).toBe(true);
    for (let a = 0; a <= 20; a++)
      for (let b = 0; b <= 20; b++) expect(seen.has(`${a} + ${b}`), `${a} + ${b}`).toBe(true);
    const sums = [...seen].filter((text) => text.includes("+")).length;
    expect(sums).toBeGreaterThan(5000);
  });
});

describe("letters", () => {
  it("are those of the word", () => {
    let seen = 0;
    for (const story of stories("spelling", 800)) {
      for (const [, word, letter] of story.matchAll(/last letter of "(\w+)" is "(\w)"/g)) {
        expect(word!.slice(-1)).toBe(letter);
        seen++;
      }
      for (const [, word, spelled] of story.matchAll(/"?(\w+)"? (?:is spelled|as) ((?:\w )+\w)\b/g)) {
        if (word === "word") continue;
        expect(spelled!.replaceAll(" ", "")).toBe(word);
        seen++;
      }
      for (const [, word, letter] of story.matchAll(
        /"(\w+)" (?:ends (?:in|with)(?: the letter)?|has|- last letter) "(\w)"/g,
      )) {
        expect(word!.slice(-1)).toBe(letter);
        seen++;
      }
      for (const [, word, letter] of story.matchAll(/"(\w+)" begins with "(\w)"/g))
        expect(word![0]).toBe(letter);
      for (const [, rank, word, letter] of story.matchAll(
        /The (first|second|third|fourth) letter of "(\w+)" is "(\w)"/g,
      ))
        expect(word![["first", "second", "third", "fourth"].indexOf(rank!)]).toBe(letter);
    }
    expect(seen).toBeGreaterThan(1500);
  });

  it("are joined in order", () => {
    for (const { question, rationale, answer } of formatted("joining", 500)) {
      const text = question.startsWith("Add") ? rationale.split(" = ")[0]! : question;
      expect([...text.matchAll(/"(\w+)"/g)].map((match) => match[1]).join("")).toBe(answer);
    }
    for (const story of stories("joining", 500)) {
      if (story.includes(" --> ")) continue;
      const parts = [...story.matchAll(/"(\w+)"/g)].map((match) => match[1]!);
      const [, spaced, whole] = /^The letters ((?:\w )+)give (\w+)\.$/.exec(story) ?? [];
      if (spaced !== undefined) expect(spaced.replaceAll(" ", "")).toBe(whole);
      else if (story.startsWith("The string")) expect(parts.slice(1).join(""), story).toBe(parts[0]);
      else expect(parts.slice(0, -1).join(""), story).toBe(parts.at(-1));
    }
  });
});

describe("coins", () => {
  it("turn when flipped and stay when not", () => {
    let seen = 0;
    for (const story of stories("coin", 400)) {
      const start = /(heads|tails)/.exec(story)?.[1];
      const person = new RegExp(name).exec(story)?.[0];
      if (start === undefined || person === undefined) continue;
      const flips = !/does not|leaves/.test(story.split(/ ### |\? /)[0]!);
      const end = flips === (start === "heads") ? "tails" : "heads";
      const split = /^([\s\S]*) ### ([\s\S]*) --> (\w+)$/.exec(story);
      const told = (split?.[2] ?? story).match(/heads|tails/g)!.at(-1);
      expect([story, told]).toEqual([story, end]);
      if (split !== null) {
        const asked = /(heads|tails) up(?: now)?\?$/.exec(split[1]!)?.[1];
        expect([story, split[3]]).toEqual([story, asked === undefined ? end : asked === end ? "yes" : "no"]);
      }
      seen++;
    }
    expect(seen).toBeGreaterThan(500);
  });
});

describe("dates", () => {
  const counts: Record<string, number> = { a: 1, one: 1, two: 2, three: 3 };
  const dayText = "\\d\\d/\\d\\d/\\d{4}";

  /** Goes day by day, so that it shares nothing with the generator's calendar. */
  function move(date: string, count: number, unit: string, back: boolean): string {
    let [month, day, year] = date.split("/").map(Number) as [number, number, number];
    const length = (): number => {
      if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
      return [4, 6, 9, 11].includes(month) ? 30 : 31;
    };
    for (let i = 0; i < (unit === "week" ? count * 7 : count); i++) {
      if (unit === "year") year += back ? -1 : 1;
      else if (unit === "month") month += back ? -1 : 1;
      else day += back ? -1 : 1;
      if (day === 0) month -= 1;
      else if (day > length()) [day, month] = [1, month + 1];
      if (month === 0) [month, year] = [12, year - 1];
      if (month === 13) [month, year] = [1, year + 1];
      if (day === 0) day = length();
    }
    return `${String(month).padStart(2, "0")}/${String(day).padStart(2, "0")}/${year}`;
  }

  /** The known date of a story and the date that its one relative step leads to. */
  function solved(story: string): { known: string; reached: string } {
    const amount = /\b(a|one|two|three|\d+) (day|week|month|year)s?\b/i.exec(story);
    const count = amount === null ? 1 : (counts[amount[1]!.toLowerCase()] ?? Number(amount[1]));
    const unit = amount?.[2] ?? "day";
    const lookedBack = new RegExp(`(?:ago (?:it|the date)|Yesterday) was (${dayText})\\. .*today`).exec(
      story,
    )?.[1];
    const lookedAhead = new RegExp(`(?:it will be|Tomorrow is) (${dayText})\\. .*today`).exec(story)?.[1];
    if (lookedBack !== undefined) return { known: lookedBack, reached: move(lookedBack, count, unit, false) };
    if (lookedAhead !== undefined)
      return { known: lookedAhead, reached: move(lookedAhead, count, unit, true) };
    const known = new RegExp(dayText).exec(story)![0];
    const back = /yesterday|ago|before|back|minus|taking/i.test(story);
    return { known, reached: move(known, count, unit, back) };
  }

  /** Rewrites "March 5, 2019" to 03/05/2019. */
  const numeric = (text: string): string =>
    text.replace(
      new RegExp(`(${months.join("|")}) (\\d+), (\\d{4})`, "g"),
      (_, month, day, year) =>
        `${String(months.indexOf(month) + 1).padStart(2, "0")}/${day.padStart(2, "0")}/${year}`,
    );

  it("are one right step apart", () => {
    let seen = 0;
    for (const story of stories("dateSteps", 400).map(numeric)) {
      const body = story.replace(/ Which choice is true\?[^#]*/, " ");
      const { known, reached } = solved(body.replace(/As \w+ \d+ has \d+ days, /, ""));
      const dates = body.match(new RegExp(dayText, "g"))!;
      for (const date of dates) expect([story, [known, reached].includes(date)]).toEqual([story, true]);
      const choices = new Map(
        [...story.matchAll(/\(([A-F])\) (\d\d\/\d\d\/\d{4})/g)].map((match) => [match[1]!, match[2]!]),
      );
      const answer = / --> (.*)$/.exec(story)?.[1];
      if (choices.size > 0) expect(choices.get(answer!)).toBe(reached);
      else if (answer !== undefined) expect(answer).toBe(reached);
      seen++;
    }
    expect(seen).toBeGreaterThan(500);
  });

  it("are read and written right", () => {
    for (const story of stories("dateReading", 500)) {
      const match =
        /^(\d\d\/\d\d\/\d{4}) is ([A-Z].+)\.$/.exec(story) ?? /^Write (.+) in MM.* --> (.+)$/.exec(story);
      if (match !== null) expect(numeric(match[1]!)).toBe(numeric(match[2]!));
    }
  });
});

describe("reading", () => {
  it.each(["recall", "longRecall"])(
    "%s: the answer stands in the one clause that names what is asked",
    (kind) => {
      for (const { question, answer } of formatted(kind, 300)) {
        const cut = question.search(/(?:Who(?:se)?|What|When|Where|Which|In which)\b[^?]*\?$/);
        const clauses = question.slice(0, cut).split(/[.,] (?:and )?| and (?=[A-Z])/);
        const ask = question.slice(cut);
        const fits = clauses.filter((clause) => {
          const words = new Set(clause.split(/\W+/));
          return answer.split(" ").every((word) => words.has(word));
        });
        const who = new RegExp(`\\b${name}\\b`).exec(ask)?.[0];
        const named = fits.filter((clause) =>
          who === undefined ? ask.split(/\W+/).includes(clause.split(/\W+/).at(-1)!) : clause.includes(who),
        );
        expect([question, answer, named.length]).toEqual([question, answer, 1]);
      }
    },
  );

  it("choices: letter and option belong together", () => {
    for (const story of stories("choices", 400)) {
      const options = new Map(
        [...story.split(" ### ")[0]!.matchAll(/\(([A-F])\) (?:the )?([^(),.?]+)/g)].map((match) => [
          match[1]!,
          match[2]!.trim(),
        ]),
      );
      for (const [, option, letter] of story.matchAll(
        /(?:^|\. |\? |### )(?:The )?([\w/]+(?: \w+)?) is (?:choice )?\(?([A-F])\)?\./g,
      ))
        if (option !== "It") expect([story, options.get(letter!)]).toEqual([story, option]);
    }
  });

  it("walks: the latest room wins", () => {
    for (const { question, answer } of formatted("walks", 300)) {
      const asked = /Where is (\w+)\?$/.exec(question)?.[1];
      if (asked === undefined) continue;
      const moves = [
        ...question.matchAll(
          /(\w+) (?:left the \w+ and )?(?:went to|walked to|moved to|came to|is in) the (\w+)/g,
        ),
      ];
      expect([question, answer]).toEqual([question, moves.filter((move) => move[1] === asked).at(-1)![2]]);
    }
  });

  it("induction: the second round repeats the first", () => {
    const random = new RandomStream(1, "test/induction");
    for (let i = 0; i < 200; i++) {
      const text = corpusKinds.induction!.write(random);
      const tail = text.slice(-Math.floor(text.length / 8));
      expect(text.indexOf(tail)).toBeLessThan(text.length - tail.length);
    }
  });
});
