/** Date understanding: one known date and one to three relative steps; which choice is the date asked for? */
import type { RandomStream } from "../../util/random.ts";
import {
  amountText,
  type CalendarDate,
  canShift,
  longDate,
  numericDate,
  reversed,
  type Shift,
  shifted,
} from "./calendar.ts";
import { explainDates } from "./dates-teacher.ts";
import { capitalized } from "./phrases.ts";
import type { BuiltinProblem, BuiltinTask } from "./types.ts";
import { letters, names } from "./words.ts";

/** One relative step from the date before it. */
export interface DateStep {
  shift: Shift;
  /** What the date reached is called: "today", "Alice's party" or "the date asked for". */
  label: string;
  date: CalendarDate;
}

export interface DateProblem {
  known: CalendarDate;
  /** The known date as the question writes it. */
  knownText: string;
  /** The sentence that gives the known date, without its full stop: "Yesterday was 03/05/2010". */
  given: string;
  /** The sentence about an event, without its full stop; empty if there is none. */
  event: string;
  /** What is asked: "the date one week after Alice's party". */
  asked: string;
  steps: DateStep[];
  choices: string[];
}

const events = ["party", "trip", "concert", "meeting", "game", "exam", "wedding", "visit"] as const;

function drawShift(random: RandomStream): Shift {
  const direction = random.below(5) < 3 ? 1 : -1;
  const draw = random.next();
  if (draw < 0.25) return { unit: "day", count: 1, direction };
  if (draw < 0.5) return { unit: "day", count: random.between(2, 15), direction };
  if (draw < 0.75) return { unit: "week", count: random.between(1, 3), direction };
  if (draw < 0.9) return { unit: "month", count: random.between(1, 3), direction };
  return { unit: "year", count: random.between(1, 2), direction };
}

/** How the known date stands to today, given the shift that leads from it to today. */
function givenWords(toToday: Shift, random: RandomStream): string {
  const { unit, count, direction } = toToday;
  if (unit === "day" && count === 1) return direction === 1 ? "Yesterday was" : "Tomorrow is";
  if (unit === "day" && count === 2)
    return direction === 1 ? "The day before yesterday was" : "The day after tomorrow is";
  const amount = amountText(toToday);
  return direction === 1
    ? random.pick([`${capitalized(amount)} ago it was`, `${capitalized(amount)} ago the date was`])
    : random.pick([`In ${amount} it will be`, `${capitalized(amount)} from today it will be`]);
}

/** "tomorrow", "one week from today", "10 days ago". */
function fromToday(shift: Shift, random: RandomStream): string {
  if (shift.unit === "day" && shift.count === 1) return shift.direction === 1 ? "tomorrow" : "yesterday";
  const amount = amountText(shift);
  return shift.direction === 1 ? random.pick([`${amount} from today`, `in ${amount}`]) : `${amount} ago`;
}

function fromEvent(shift: Shift, event: string): string {
  const side = shift.direction === 1 ? "after" : "before";
  return shift.unit === "day" && shift.count === 1
    ? `on the day ${side} ${event}`
    : `${amountText(shift)} ${side} ${event}`;
}

function draw(random: RandomStream, difficulty: number): DateProblem | undefined {
  const stepCount = difficulty === 1 ? random.pick([1, 2, 2]) : difficulty === 2 ? random.between(2, 3) : 3;
  const plan = random.pick(
    stepCount === 1
      ? [["today"], ["asked"]]
      : stepCount === 2
        ? [
            ["today", "asked"],
            ["event", "asked"],
            ["today", "event"],
          ]
        : [["today", "event", "asked"]],
  );
  const known = {
    year: random.between(1970, 2029),
    month: random.between(1, 12),
    day: random.between(1, 28),
  };
  const knownText = random.below(2) === 0 ? numericDate(known) : longDate(known);
  const problem: DateProblem = { known, knownText, given: "", event: "", asked: "", steps: [], choices: [] };
  problem.given = random.pick([`Today is ${knownText}`, `It is ${knownText} today`]);
  problem.asked = "the date today";
  const eventName = `${random.pick(names)}'s ${random.pick(events)}`;
  let date: CalendarDate = known;
  for (const kind of plan) {
    const shift = drawShift(random);
    if (!canShift(date, shift)) return undefined;
    date = shifted(date, shift);
    if (kind === "today") {
      problem.given = `${givenWords(shift, random)} ${knownText}`;
      problem.steps.push({ shift, label: "today", date });
    } else if (kind === "event") {
      problem.event = `${eventName} ${shift.direction === 1 ? "is" : "was"} ${fromToday(shift, random)}`;
      problem.asked = `the date of ${eventName}`;
      problem.steps.push({ shift, label: eventName, date });
    } else {
      const when = problem.event === "" ? fromToday(shift, random) : fromEvent(shift, eventName);
      problem.asked = `the date ${when}`;
      problem.steps.push({ shift, label: "the date asked for", date });
    }
  }
  problem.choices = drawChoices(problem, random);
  return problem;
}

/**
 * Six different dates around a centre, as slips would give them. The right one is any of the six: were it always the one that the
 * others are slips of, it could be found without reading the question.
 */
function drawChoices({ steps }: DateProblem, random: RandomStream): string[] {
  const right = steps.at(-1)!.date;
  for (;;) {
    const slips = ([1, -1] as const).flatMap((direction): Shift[] => [
      { unit: "day", count: 1, direction },
      { unit: "day", count: random.between(2, 12), direction },
      { unit: "week", count: 1, direction },
      { unit: random.pick(["month", "year"] as const), count: 1, direction },
    ]);
    const pattern = [undefined, ...random.shuffle(slips).slice(0, letters.length - 1)];
    const own = random.pick(pattern);
    const centre =
      own === undefined ? right : canShift(right, reversed(own)) && shifted(right, reversed(own));
    if (centre === false || pattern.some((slip) => slip !== undefined && !canShift(centre, slip))) continue;
    const choices = pattern.map((slip) => numericDate(slip === undefined ? centre : shifted(centre, slip)));
    if (new Set(choices).size === letters.length) return random.shuffle(choices);
  }
}

function questionOf(problem: DateProblem): string {
  const event = problem.event === "" ? "" : `${problem.event}. `;
  const choices = problem.choices.map((choice, i) => `(${letters[i]}) ${choice}`).join(", ");
  return (
    `${problem.given}. ${event}What is ${problem.asked} in MM/DD/YYYY? ` +
    `Which choice is true? Answer choices: ${choices}.`
  );
}

export const dateUnderstanding: BuiltinTask = {
  name: "date_understanding",
  title: "Date understanding",
  description:
    "One known date and one to three relative steps; the answer is the choice with the date asked for.",
  answerKind: "date_understanding",
  chance: 1 / 6,
  problem(random, { difficulty }): BuiltinProblem {
    let problem = draw(random, difficulty);
    while (problem === undefined) problem = draw(random, difficulty);
    const drawn = problem;
    return {
      question: questionOf(drawn),
      answer: letters[drawn.choices.indexOf(numericDate(drawn.steps.at(-1)!.date))]!,
      explain: (wording) => explainDates(drawn, wording),
    };
  },
};
