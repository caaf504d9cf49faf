/** Dates: one relative step at a time, reading and writing a date, months and their lengths. */
import type { RandomStream } from "../../util/random.ts";
import { months } from "../builtin/words.ts";
import { chance, letterAt, lettered, several, studentForm } from "./text.ts";

/** A calendar day; month 1 to 12. */
export interface Day {
  year: number;
  month: number;
  day: number;
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function daysIn(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : monthLengths[month - 1]!;
}

/** The day `days` later (earlier if negative). */
export function addDays(from: Day, days: number): Day {
  const date = new Date(Date.UTC(from.year, from.month - 1, from.day + days));
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** The same day number some months later; the day must exist there (callers keep it at 28 or below). */
export function addMonths(from: Day, count: number): Day {
  const index = from.year * 12 + from.month - 1 + count;
  return { year: Math.floor(index / 12), month: (index % 12) + 1, day: from.day };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** MM/DD/YYYY. */
export function slashed(day: Day): string {
  return `${two(day.month)}/${two(day.day)}/${day.year}`;
}

/** "March 5, 2019". */
export function spoken(day: Day): string {
  return `${months[day.month - 1]} ${day.day}, ${day.year}`;
}

function drawDay(random: RandomStream): Day {
  const year = chance(random, 0.6) ? random.between(1990, 2025) : random.between(1900, 2035);
  const month = random.between(1, 12);
  const length = daysIn(year, month);
  // The ends of months, where a step turns the month, come up more often than by chance.
  const day = chance(random, 0.2) ? random.pick([1, 2, length - 1, length]) : random.between(1, length);
  return { year, month, day };
}

/** A relative step with the wordings of "the date after the step" as seen from today. */
interface Step {
  phrase: string;
  apply(day: Day): Day;
  back: boolean;
}

const numerals = [
  "zero",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
] as const;

function drawStep(random: RandomStream): Step {
  const back = chance(random, 0.5);
  const sign = back ? -1 : 1;
  const after = back ? "ago" : "later";
  switch (random.below(6)) {
    case 0:
    case 1:
      return { phrase: back ? "yesterday" : "tomorrow", apply: (day) => addDays(day, sign), back };
    case 2:
      return {
        phrase: back
          ? random.pick(["one week ago", "a week ago"])
          : random.pick(["one week later", "one week from today", "a week later"]),
        apply: (day) => addDays(day, 7 * sign),
        back,
      };
    case 3: {
      const count = random.between(2, 10);
      const word = chance(random, 0.5) ? String(count) : numerals[count]!;
      return { phrase: `${word} days ${after}`, apply: (day) => addDays(day, count * sign), back };
    }
    case 4:
      return {
        phrase: back
          ? random.pick(["one month ago", "a month ago"])
          : random.pick(["one month later", "a month later", "one month from today"]),
        apply: (day) => addMonths(day, sign),
        back,
      };
    default:
      return {
        phrase: back
          ? random.pick(["one year ago", "a year ago"])
          : random.pick(["one year later", "a year later", "one year from today"]),
        apply: (day) => addMonths(day, 12 * sign),
        back,
      };
  }
}

/** One step from a stated day to another, with a reason that names both ends. */
function stepStory(random: RandomStream): string {
  const step = drawStep(random);
  let today = drawDay(random);
  if (/month|year/.test(step.phrase) && today.day > 28) today = { ...today, day: random.between(1, 28) };
  const then = step.apply(today);
  const write = chance(random, 0.7) ? slashed : spoken;
  const from = write(today);
  const to = write(then);
  const verb = step.back ? "was" : step.phrase === "tomorrow" ? "is" : "will be";
  const style = random.below(8);
  if (style === 0) return `Today is ${from}. ${sentenceCase(step.phrase)} ${verb} ${to}.`;
  if (style === 1) return `If today is ${from}, then ${step.phrase} ${verb} ${to}.`;
  if (style === 2) return `The date is ${from}. The date ${step.phrase} ${verb} ${to}.`;
  if (style === 3 && /yesterday|tomorrow/.test(step.phrase)) {
    const known = `${sentenceCase(step.phrase)} ${verb} ${to}.`;
    return chance(random, 0.5)
      ? `${known} So today is ${from}.`
      : studentForm(
          `${known} What is the date today in MM/DD/YYYY?`,
          `Today is ${slashed(today)}.`,
          slashed(today),
        );
  }
  if (style <= 4) {
    const answer = slashed(then);
    const options = [answer];
    while (options.length < random.pick([4, 5, 6])) {
      const other = slashed(
        random.pick([
          addDays(then, random.between(-20, 20)),
          addMonths({ ...then, day: Math.min(then.day, 28) }, random.between(-12, 12)),
          drawDay(random),
        ]),
      );
      if (!options.includes(other)) options.push(other);
    }
    const shuffled = random.shuffle(options);
    const letter = letterAt(shuffled.indexOf(answer));
    return studentForm(
      `Today is ${from}. What is the date ${step.phrase} in MM/DD/YYYY? Which choice is true? Answer choices: ${lettered(shuffled)}.`,
      `The date ${step.phrase} ${verb} ${answer}.${random.pick(["", ` It is choice (${letter}).`, ` ${answer} is choice (${letter}).`])}`,
      letter,
    );
  }
  return studentForm(
    `Today is ${from}. What is the date ${step.phrase}${write === slashed ? random.pick(["", " in MM/DD/YYYY"]) : ""}?`,
    random.pick([
      `${sentenceCase(step.phrase)} ${verb} ${to}.`,
      `The date ${step.phrase} ${verb} ${to}.`,
      `Counting from ${from}, the date ${step.phrase} ${verb} ${to}.`,
    ]),
    to,
  );
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Reading dates: no step in time. */
function readingStory(random: RandomStream): string {
  const date = drawDay(random);
  const name = months[date.month - 1]!;
  const digits = two(date.month);
  return random.pick([
    `${slashed(date)} is ${spoken(date)}.`,
    `${spoken(date)} is written ${slashed(date)}.`,
    `In ${slashed(date)} the month is ${digits}, the day is ${two(date.day)}, and the year is ${date.year}.`,
    `${name} is month ${digits}.`,
    `Month ${date.month} is ${name}.`,
    `${name} is written ${digits}.`,
    `${name} has ${date.month === 2 ? "28 or 29" : daysIn(date.year, date.month)} days.`,
    `After ${name} comes ${months[date.month % 12]}.`,
    `Before ${name} comes ${months[(date.month + 10) % 12]}.`,
    `${date.year} is ${isLeap(date.year) ? "a leap year" : "not a leap year"}, so February has ${isLeap(date.year) ? 29 : 28} days.`,
    `The year after ${date.year} is ${date.year + 1}.`,
    `The year before ${date.year} was ${date.year - 1}.`,
    studentForm(
      `Write ${spoken(date)} in MM/DD/YYYY.`,
      `The month is ${digits} and the day is ${two(date.day)}.`,
      slashed(date),
    ),
    studentForm(`Which month is ${slashed(date)} in?`, `The month is ${digits}, which is ${name}.`, name),
    studentForm(
      `How many days does ${name} ${date.year} have?`,
      `${name} ${date.year} has ${daysIn(date.year, date.month)} days.`,
      String(daysIn(date.year, date.month)),
    ),
    studentForm(
      `What is the last day of ${name} ${date.year}?`,
      `${name} ${date.year} has ${daysIn(date.year, date.month)} days.`,
      `${digits}/${daysIn(date.year, date.month)}/${date.year}`,
    ),
  ]);
}

export function writeDateSteps(random: RandomStream): string {
  return several(random, 1, 4, () => stepStory(random));
}

export function writeDateReading(random: RandomStream): string {
  return several(random, 2, 8, () => readingStory(random));
}
