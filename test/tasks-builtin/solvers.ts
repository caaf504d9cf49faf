/** Solves built-in questions from their text alone; shares no code with the generators. */
import { colors } from "../../src/tasks/builtin/words.ts";

const choicesOf = (question: string): Map<string, string> => {
  const listed = question.slice(question.indexOf("Answer choices: ") + "Answer choices: ".length, -1);
  return new Map(
    listed.split(", ").map((choice) => {
      const [, letter, text] = /^\(([A-F])\) (.+)$/.exec(choice)!;
      return [text!, letter!];
    }),
  );
};

/** Who has which color, in the order of the question: at the start and after every swap. */
export function trackingStates(question: string): { people: string[]; states: string[][]; target: string } {
  const held = new Map<string, string>();
  for (const [, person, color] of question.matchAll(
    new RegExp(`([A-Z]\\w+) has an? (${colors.join("|")})`, "g"),
  )) {
    held.set(person!, color!);
  }
  const states = [[...held.values()]];
  for (const sentence of question.split(". ")) {
    const swap =
      /^(?:First|Then|Finally), (\w+) and (\w+) (?:swap|trade) /.exec(sentence) ??
      /^(?:First|Then|Finally), (\w+) swaps \w+ with (\w+)/.exec(sentence);
    if (swap === null) continue;
    const [, a, b] = swap;
    const [fromA, fromB] = [held.get(a!)!, held.get(b!)!];
    held.set(a!, fromB);
    held.set(b!, fromA);
    states.push([...held.values()]);
  }
  return { people: [...held.keys()], states, target: /does (\w+) have/.exec(question)![1]! };
}

function solveTracking(question: string): string {
  const { people, states, target } = trackingStates(question);
  const color = states.at(-1)![people.indexOf(target)];
  for (const [choice, letter] of choicesOf(question)) if (choice.startsWith(`${color} `)) return letter;
  return "no choice";
}

const solveLastLetters = (question: string): string =>
  /"([^"]+)"/.exec(question)![1]!.replace(/\w*(\w)(\s|$)/g, "$1");

/** The side up after each person. */
export function coinSides(question: string): string[] {
  let isHeads = true;
  return question
    .split(". ")
    .slice(1, -1)
    .map((sentence) => {
      if (!sentence.includes("does not")) isHeads = !isHeads;
      return isHeads ? "heads" : "tails";
    });
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
const countNames = ["no", "one", "two", "three"];

function readDate(text: string): Date {
  const numeric = /(\d\d)\/(\d\d)\/(\d{4})/.exec(text);
  if (numeric !== null)
    return new Date(Date.UTC(Number(numeric[3]), Number(numeric[1]) - 1, Number(numeric[2])));
  const [, name, day, year] = /([A-Z][a-z]+) (\d+), (\d{4})/.exec(text)!;
  return new Date(Date.UTC(Number(year), monthNames.indexOf(name!.slice(0, 3)) / 3, Number(day)));
}

function move(date: Date, phrase: string): Date {
  const moved = new Date(date);
  const days = (count: number) => moved.setUTCDate(moved.getUTCDate() + count);
  const amount = /(\d+|one|two|three) (day|week|month|year)s?/i.exec(phrase);
  const sign = /\b(ago|before)\b/.test(phrase) ? -1 : 1;
  if (/day after tomorrow/.test(phrase)) days(2);
  else if (/day before yesterday/.test(phrase)) days(-2);
  else if (/tomorrow/i.test(phrase)) days(1);
  else if (/yesterday/i.test(phrase)) days(-1);
  else if (/on the day (after|before)/.test(phrase)) days(sign);
  else if (amount !== null) {
    const word = amount[1]!.toLowerCase();
    const count = sign * (countNames.includes(word) ? countNames.indexOf(word) : Number(word));
    const unit = amount[2]!.toLowerCase();
    if (unit === "day") days(count);
    if (unit === "week") days(7 * count);
    if (unit === "month") moved.setUTCMonth(moved.getUTCMonth() + count);
    if (unit === "year") moved.setUTCFullYear(moved.getUTCFullYear() + count);
  }
  return moved;
}

/** The dates on the way, in MM/DD/YYYY, from the known one to the one asked for. */
export function dateSolution(question: string): string {
  const sentences = question.split(/[.?] /);
  const given = sentences[0]!;
  const asked = sentences.find((sentence) => sentence.startsWith("What is"))!;
  const eventSentence = sentences.find((sentence) => /'s \w+ (is|was) /.test(sentence) && sentence !== asked);
  const known = readDate(given);
  // The known date is so far from today; today is as far from it the other way round.
  const relation = given.replace(/\d\d\/\d\d\/\d{4}|[A-Z][a-z]+ \d+, \d{4}/, "").toLowerCase();
  const opposite = /yesterday|ago/.test(relation)
    ? relation
        .replace("before yesterday", "after tomorrow")
        .replace("yesterday", "tomorrow")
        .replace(" ago", "")
    : relation.replace("after tomorrow", "before yesterday").replace("tomorrow", "yesterday") + " ago";
  let date = /today (is|$)|it is .*today/.test(relation.trim()) ? known : move(known, opposite);
  if (eventSentence !== undefined) {
    const event = /^(.*'s \w+) (?:is|was) (.*)$/.exec(eventSentence)!;
    const eventDate = move(date, event[2]!);
    if (asked.includes(event[1]!)) date = eventDate;
  }
  const offset = asked.replace("What is the date", "").replace(" in MM/DD/YYYY", "");
  date = move(date, offset.replace(/ of .*/, ""));
  return [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCFullYear()]
    .map((part) => String(part).padStart(2, "0"))
    .join("/");
}

function solveArithmetic(question: string): string {
  const sentences = question.split(/[.?] ?/).filter((sentence) => sentence !== "");
  const asked = sentences.pop()!;
  const person = /^(\w+)/.exec(sentences[0]!)![1]!;
  let have = 0;
  for (const [index, raw] of sentences.entries()) {
    const sentence = raw.replace(/^(Then|Later,) /, "");
    const numbers = (sentence.match(/\d+/g) ?? []).map(Number);
    const isOwn = sentence.startsWith(`${person} `);
    if (index === 0) have = numbers[0]!;
    else if (/ with \d+ \w+ in each/.test(sentence)) have += numbers[0]! * numbers[1]!;
    else if (/into|equally/.test(sentence)) have /= numbers[0]!;
    else if (/dollars each/.test(sentence)) have *= numbers[0]!;
    else if (/ takes | loses | sells /.test(sentence) || (isOwn && / gives /.test(sentence)))
      have -= numbers[0]!;
    else have += numbers[0]!;
  }
  return asked.startsWith("How many") ? String(have) : "not asked";
}

/** Answers by task name. */
export const solvers: Record<string, (question: string) => string> = {
  tracking_shuffled_objects: solveTracking,
  last_letter_concatenation: solveLastLetters,
  coin_flip: (question) => (coinSides(question).at(-1) === "heads" ? "yes" : "no"),
  date_understanding: (question) => choicesOf(question).get(dateSolution(question)) ?? "no choice",
  arithmetic_stories: solveArithmetic,
};
