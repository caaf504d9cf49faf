/** Dates: one relative step at a time, reading and writing a date, months and their lengths. */
import type { RandomStream } from "../../util/random.ts";
import {
  amountText,
  type CalendarDate,
  canShift,
  daysInMonth,
  longDate,
  monthName,
  numericDate,
  type Shift,
  shifted,
} from "../builtin/calendar.ts";
import { months, names } from "../builtin/words.ts";
import { capitalized, chance, letterAt, lettered, several, studentForm } from "./text.ts";

const two = (value: number): string => String(value).padStart(2, "0");

function drawDate(random: RandomStream): CalendarDate {
  const year = chance(random, 0.7) ? random.between(1990, 2030) : random.between(1900, 2035);
  const month = random.between(1, 12);
  const length = daysInMonth(year, month);
  // The ends of months, where a step turns the month, come up more often than by chance.
  const day = chance(random, 0.25)
    ? random.pick([1, 2, 3, length - 2, length - 1, length])
    : random.between(1, length);
  return { year, month, day };
}

function drawShift(random: RandomStream): Shift {
  const direction = chance(random, 0.5) ? 1 : -1;
  const draw = random.next();
  if (draw < 0.3) return { unit: "day", count: 1, direction };
  if (draw < 0.55) return { unit: "day", count: random.between(2, 15), direction };
  if (draw < 0.78) return { unit: "week", count: random.between(1, 3), direction };
  if (draw < 0.9) return { unit: "month", count: random.between(1, 3), direction };
  return { unit: "year", count: random.between(1, 2), direction };
}

/** A date, a shift that is defined there, and where it leads. */
function drawStep(random: RandomStream): { from: CalendarDate; to: CalendarDate; shift: Shift } {
  const shift = drawShift(random);
  let from = drawDate(random);
  if (!canShift(from, shift)) from = { ...from, day: random.between(1, 28) };
  return { from, to: shifted(from, shift), shift };
}

/** The amount in words; now and then "a week" for "one week". */
function amountOf(random: RandomStream, shift: Shift): string {
  const text = amountText(shift);
  return chance(random, 0.15) ? text.replace(/^one /, "a ") : text;
}

/** The shift as seen from today: "tomorrow", "one week ago", "in 10 days". */
function fromToday(random: RandomStream, shift: Shift): string {
  if (shift.unit === "day" && shift.count === 1) return shift.direction === 1 ? "tomorrow" : "yesterday";
  const amount = amountOf(random, shift);
  if (shift.direction === -1) return `${amount} ago`;
  return random.pick([`${amount} from today`, `in ${amount}`, `${amount} later`]);
}

const verbOf = (shift: Shift): string => {
  if (shift.direction === -1) return "was";
  return shift.unit === "day" && shift.count === 1 ? "is" : "will be";
};

/** "Today is ...": what is the date some time before or after? */
function todayStory(random: RandomStream): string {
  const { from, to, shift } = drawStep(random);
  const phrase = fromToday(random, shift);
  const verb = verbOf(shift);
  const write = chance(random, 0.7) ? numericDate : longDate;
  const today = random.pick([
    `Today is ${write(from)}.`,
    `Today is ${write(from)}.`,
    `It is ${write(from)} today.`,
    `The date today is ${write(from)}.`,
  ]);
  const event = `${random.pick(names)}'s ${random.pick(["party", "trip", "concert", "meeting", "game", "exam", "wedding", "visit"])}`;
  const happens = `${event} ${shift.direction === 1 ? "is" : "was"} ${phrase}.`;
  const asked = chance(random, 0.25) ? event : undefined;
  const question =
    asked === undefined
      ? `${today} What is the date ${phrase}`
      : `${today} ${happens} What is the date of ${event}`;
  const subject = asked === undefined ? `the date ${phrase}` : `the date of ${event}`;
  const reason = (date: string): string =>
    random.pick([
      `${capitalized(subject)} ${verb} ${date}.`,
      `We start from ${write(from)}, and ${subject} ${verb} ${date}.`,
      `Counting from ${write(from)}, ${subject} ${verb} ${date}.`,
      stepClause(random, from, to, shift, write),
    ]);
  switch (random.below(6)) {
    case 0:
      return asked === undefined
        ? `${today} ${capitalized(phrase)}${/yesterday|tomorrow/.test(phrase) ? "" : " it"} ${verb} ${write(to)}.`
        : `${today} ${happens} So ${subject} ${verb} ${write(to)}.`;
    case 1:
      return `${today}${asked === undefined ? "" : ` ${happens}`} ${capitalized(subject)} ${verb} ${write(to)}.`;
    case 2:
    case 3:
      return choiceQuestion(random, `${question} in MM/DD/YYYY?`, to, reason);
    default:
      return studentForm(
        `${question}${write === numericDate ? random.pick(["", " in MM/DD/YYYY"]) : ""}?`,
        reason(write(to)),
        write(to),
      );
  }
}

/** Ends a question in lettered dates, one of them right. */
function choiceQuestion(
  random: RandomStream,
  question: string,
  right: CalendarDate,
  reason: (date: string) => string,
): string {
  const answer = numericDate(right);
  const options = [answer];
  const size = random.pick([3, 4, 5, 6, 6]);
  while (options.length < size) {
    const shift: Shift = { ...drawShift(random), count: random.between(1, 12) };
    const other = numericDate(canShift(right, shift) ? shifted(right, shift) : drawDate(random));
    if (!options.includes(other)) options.push(other);
  }
  const shuffled = random.shuffle(options);
  const letter = letterAt(shuffled.indexOf(answer));
  const close = random.pick(["", ` It is choice (${letter}).`, ` ${answer} is choice (${letter}).`]);
  return studentForm(
    `${question} Which choice is true? Answer choices: ${lettered(shuffled)}.`,
    `${reason(answer)}${close}`,
    letter,
  );
}

/** The step as a sentence that names both ends: "One week after 03/05/2010 is 03/12/2010." */
function stepClause(
  random: RandomStream,
  from: CalendarDate,
  to: CalendarDate,
  shift: Shift,
  write: (date: CalendarDate) => string,
): string {
  const amount = amountOf(random, shift);
  const [start, end] = [write(from), write(to)];
  const ahead = shift.direction === 1;
  const side = ahead ? "after" : "before";
  const way = ahead ? "forward" : "back";
  const clause = random.pick([
    `${amount} ${side} ${start} is ${end}`,
    `${amount} ${side} ${start} is ${end}`,
    `we go ${amount} ${way} from ${start}, which is ${end}`,
    `${start} ${ahead ? "plus" : "minus"} ${amount} is ${end}`,
    ahead ? `adding ${amount} to ${start} gives ${end}` : `taking ${amount} from ${start} gives ${end}`,
    `counting ${amount} ${way} from ${start}, we reach ${end}`,
    `starting at ${start} and going ${way} ${amount}, we reach ${end}`,
    `the date ${amount} ${side} ${start} is ${end}`,
  ]);
  const crosses = (shift.unit === "day" || shift.unit === "week") && from.month !== to.month;
  const month = ahead ? from : to;
  const lead =
    crosses && chance(random, 0.6)
      ? `as ${monthName(month)} ${month.year} has ${daysInMonth(month.year, month.month)} days, `
      : "";
  return `${capitalized(lead + clause)}.`;
}

/** A known day seen from today, so that today has to be found: "One week ago it was ... Today is ..." */
function backToToday(random: RandomStream): string {
  const { from, to, shift } = drawStep(random);
  const write = chance(random, 0.7) ? numericDate : longDate;
  const ahead = shift.direction === 1;
  const amount = capitalized(amountOf(random, shift));
  const given =
    shift.unit === "day" && shift.count === 1
      ? `${ahead ? "Yesterday was" : "Tomorrow is"} ${write(from)}.`
      : ahead
        ? random.pick([`${amount} ago it was ${write(from)}.`, `${amount} ago the date was ${write(from)}.`])
        : random.pick([
            `In ${amountText(shift)} it will be ${write(from)}.`,
            `${amount} from today it will be ${write(from)}.`,
          ]);
  const reason = (date: string): string =>
    random.pick([`Today is ${date}.`, `So today is ${date}.`, stepClause(random, from, to, shift, write)]);
  switch (random.below(3)) {
    case 0:
      return `${given} So today is ${write(to)}.`;
    case 1:
      return choiceQuestion(random, `${given} What is the date today in MM/DD/YYYY?`, to, reason);
    default:
      return studentForm(`${given} What is the date today?`, reason(write(to)), write(to));
  }
}

/** One step, told without a question. */
function bareStep(random: RandomStream): string {
  const { from, to, shift } = drawStep(random);
  return stepClause(random, from, to, shift, chance(random, 0.85) ? numericDate : longDate);
}

/** Reading dates: no step in time. */
function readingStory(random: RandomStream): string {
  const date = drawDate(random);
  const name = monthName(date);
  const digits = two(date.month);
  const length = daysInMonth(date.year, date.month);
  const leap = daysInMonth(date.year, 2) === 29;
  const [numeric, long] = [numericDate(date), longDate(date)];
  return random.pick([
    `${numeric} is ${long}.`,
    `${long} is written ${numeric}.`,
    `${long} is ${numeric} in numbers.`,
    `In MM/DD/YYYY, ${long} is ${numeric}.`,
    `${long} means ${numeric}.`,
    `In ${numeric} the month is ${digits}, the day is ${two(date.day)}, and the year is ${date.year}.`,
    `${numeric} is a day in ${name} of ${date.year}.`,
    `${name} is month ${digits}.`,
    `Month ${date.month} is ${name}.`,
    `${name} is written ${digits}.`,
    `${name} has ${date.month === 2 ? "28 or 29" : length} days.`,
    `After ${name} comes ${months[date.month % 12]}.`,
    `Before ${name} comes ${months[(date.month + 10) % 12]}.`,
    `${date.year} is ${leap ? "a leap year" : "not a leap year"}, so February has ${leap ? 29 : 28} days.`,
    `The year after ${date.year} is ${date.year + 1}.`,
    `The year before ${date.year} was ${date.year - 1}.`,
    studentForm(
      `Write ${long} in MM/DD/YYYY.`,
      `The month is ${digits} and the day is ${two(date.day)}.`,
      numeric,
    ),
    studentForm(`Which month is ${numeric} in?`, `The month is ${digits}, which is ${name}.`, name),
    studentForm(
      `How many days does ${name} ${date.year} have?`,
      `${name} ${date.year} has ${length} days.`,
      String(length),
    ),
    studentForm(
      `What is the last day of ${name} ${date.year}?`,
      `${name} ${date.year} has ${length} days.`,
      `${digits}/${length}/${date.year}`,
    ),
  ]);
}

export function writeDateSteps(random: RandomStream): string {
  if (chance(random, 0.3)) return several(random, 3, 8, () => bareStep(random));
  return several(random, 1, 4, () => (chance(random, 0.3) ? backToToday(random) : todayStory(random)));
}

export function writeDateReading(random: RandomStream): string {
  return several(random, 2, 8, () => readingStory(random));
}
