/** How the teacher words a date problem: the known date in numbers, then the date after each relative step. */
import type { RandomStream } from "../../util/random.ts";
import {
  amountText,
  type CalendarDate,
  daysInMonth,
  monthName,
  numericDate,
  type Shift,
} from "./calendar.ts";
import type { DateProblem, DateStep } from "./dates.ts";
import { capitalized, commonDecks, countWord, Deck, ordinalWord } from "./phrases.ts";
import type { Explanation, ExplanationBlock } from "./types.ts";
import { letters } from "./words.ts";

/** "after" or "before". */
const sideOf = (shift: Shift): string => (shift.direction === 1 ? "after" : "before");
const wayOf = (shift: Shift): string => (shift.direction === 1 ? "forward" : "back");

/** Clauses that reach a date; each is made a sentence by a capital letter, or goes on after "As March has 31 days,". */
const stepForms: readonly ((from: string, to: string, shift: Shift, label: string) => string)[] = [
  (from, to, shift, label) => `${label} is ${amountText(shift)} ${sideOf(shift)} ${from}, which is ${to}`,
  (from, to, shift, label) => `we go ${amountText(shift)} ${wayOf(shift)} from ${from}, so ${label} is ${to}`,
  (from, to, shift) => `${amountText(shift)} ${sideOf(shift)} ${from} is ${to}`,
  (from, to, shift, label) =>
    `${from} ${shift.direction === 1 ? "plus" : "minus"} ${amountText(shift)} is ${to}, and that is ${label}`,
  (from, to, shift, label) =>
    shift.direction === 1
      ? `adding ${amountText(shift)} to ${from} gives ${to} for ${label}`
      : `taking ${amountText(shift)} from ${from} gives ${to} for ${label}`,
  (from, to, shift, label) => `counting ${amountText(shift)} ${wayOf(shift)} from ${from}, ${label} is ${to}`,
  (from, to, shift, label) => `since ${label} is ${amountText(shift)} ${sideOf(shift)} ${from}, it is ${to}`,
  (from, to, shift) => `starting at ${from} and going ${wayOf(shift)} ${amountText(shift)}, we reach ${to}`,
  (from, to, shift, label) =>
    `to get to ${label} we move ${amountText(shift)} ${wayOf(shift)} from ${from} to ${to}`,
];

/** The length of the month that a step in days runs through the end of; empty where it stays inside one. */
function monthLength(from: CalendarDate, to: CalendarDate, shift: Shift): string {
  if (shift.unit === "month" || shift.unit === "year" || from.month === to.month) return "";
  const crossed = shift.direction === 1 ? from : to;
  return `as ${monthName(crossed)} ${crossed.year} has ${daysInMonth(crossed.year, crossed.month)} days, `;
}

export function explainDates(problem: DateProblem, random: RandomStream): Explanation {
  const { known, knownText, given, event, asked, steps } = problem;
  const common = commonDecks(random);
  const knownNumeric = numericDate(known);
  const final = numericDate(steps.at(-1)!.date);
  const choice = `(${letters[problem.choices.indexOf(final)]})`;

  const restatements = [
    random.pick([
      `The question says: ${given}.`,
      `We know one date, and it is ${knownText}.`,
      `The only full date in the story is ${knownText}.`,
      `We are given the date ${knownText}.`,
      `From the question we have this: ${given}.`,
    ]),
    random.pick(
      event === ""
        ? [
            "Every other date has to be counted from it.",
            "The other dates are told in days, weeks, months, or years from there.",
            "All the rest follows from this date.",
          ]
        : [
            `We also know this: ${event}.`,
            `The question adds one thing: ${event}.`,
            `There is one more fact, which is that ${event}.`,
          ],
    ),
    random.pick([
      `We want to find ${asked}.`,
      `The question asks for ${asked}.`,
      `We need to know ${asked}.`,
      `So what is ${asked}?`,
      `Our goal is to find ${asked}.`,
    ]),
    random.pick([
      "The answer must be in MM/DD/YYYY, so the month comes first.",
      "In MM/DD/YYYY the month comes first, then the day, then the year.",
      "We write every date as month, day, and year.",
      "There are six choices, and only one of them is true.",
      "All six choices are written with the month first.",
    ]),
  ];

  const startReasoning =
    knownText === knownNumeric
      ? random.pick([
          `The date we know is ${knownNumeric}.`,
          `We start with the date ${knownNumeric}.`,
          `${given}, so we start from ${knownNumeric}.`,
          `The given date is ${knownNumeric}.`,
          `Our first date is ${knownNumeric}.`,
          `To start with, we know the date ${knownNumeric}.`,
          `The date in the question is ${knownNumeric}.`,
          `It all starts at ${knownNumeric}.`,
        ])
      : random.pick([
          `${knownText} is ${knownNumeric} in numbers.`,
          `The date ${knownText} is written ${knownNumeric}.`,
          `${given}, which is ${knownNumeric}.`,
          `In MM/DD/YYYY, ${knownText} is ${knownNumeric}.`,
          `We write ${knownText} as ${knownNumeric}.`,
          `In numbers, the date ${knownText} is ${knownNumeric}.`,
          `To start with, ${knownText} is the same as ${knownNumeric}.`,
          `The given date, ${knownText}, is ${knownNumeric}.`,
        ]);
  const startTransitions = new Deck(
    [
      "Let us begin with the date that we know.",
      "First, we write down the date from the question.",
      "Here is the date to start from.",
      "We begin with what is given.",
    ],
    random,
  );
  const startChecks = new Deck(
    [
      `The month is ${monthName(known)}, so this is right.`,
      `This is a day in ${monthName(known)} of ${known.year}.`,
      "This date is given, so we do not have to work it out.",
      "From here we can count.",
      "Now the date is in the form that we need.",
    ],
    random,
  );
  const blocks: ExplanationBlock[] = [
    {
      transitions: [
        ...common.beginnings.deal(1),
        random.pick([
          steps.length === 1
            ? "We need only one step to get there."
            : `We need ${countWord(steps.length)} steps to get there.`,
          "A good way is to go from one date to the next.",
          "We can count from the date that we know.",
          "Let us write down each date on the way.",
        ]),
        ...startTransitions.deal(1),
      ],
      reasoning: startReasoning,
      checks: [...startChecks.deal(2), ...common.checks.deal(1)],
    },
  ];
  const forms = random.shuffle(stepForms);
  for (const [i, step] of steps.entries()) {
    const from = i === 0 ? known : steps[i - 1]!.date;
    const isLast = i === steps.length - 1;
    blocks.push({
      transitions: [...common.transitions.deal(1), aboutStep(step, i, isLast, random)],
      reasoning: `${capitalized(
        monthLength(from, step.date, step.shift) +
          forms[i]!(numericDate(from), numericDate(step.date), step.shift, step.label),
      )}.`,
      checks: [...stepChecks(from, step, random), ...common.checks.deal(2)],
    });
  }

  const path = [known, ...steps.map((step) => step.date)].map(numericDate);
  const summaries = [
    ...common.summaries.deal(1),
    random.pick([
      `To sum up, the dates are ${path.join(", then ")}.`,
      `So we went from ${path.join(" to ")}.`,
      `Our dates were ${path.join(", and then ")}.`,
      `We started at ${path[0]} and ended at ${final}.`,
      `In short, ${path[0]} led us to ${final}.`,
    ]),
    random.pick([
      `The question was about ${asked}.`,
      `We were asked for ${asked}.`,
      `Remember that we want ${asked}.`,
      `This is what we need for ${asked}.`,
    ]),
    random.pick([
      `Now we look for ${final} in the choices.`,
      "All that is left is to find this date in the choices.",
      "We compare this with the six choices.",
      "The date is already in the right form.",
      `One of the choices must be ${final}.`,
    ]),
  ];
  const answer = random.pick([
    `So the date is ${final}, which is choice ${choice}.`,
    `Therefore, the answer is ${choice}, that is ${final}.`,
    `So ${asked} is ${final}, and this is choice ${choice}.`,
    `The date that we need is ${final}, so the answer is ${choice}.`,
    `Thus we choose ${choice}, because the date is ${final}.`,
    `This means that ${asked} is ${final}, so ${choice} is true.`,
    `The right choice is ${choice}, with the date ${final}.`,
    `In the end we get ${final}, which is choice ${choice}.`,
  ]);
  return { restatements, blocks, summaries, answer };
}

/** A transition that names the relative step, as the question gives it. */
function aboutStep({ shift, label }: DateStep, index: number, isLast: boolean, random: RandomStream): string {
  const amount = amountText(shift);
  return random.pick([
    `Now we have to go ${amount} ${wayOf(shift)}.`,
    `The ${ordinalWord(index)} step is to find ${label}.`,
    `From here it is ${amount} to ${label}.`,
    `Next, let us find ${label}.`,
    `This time we count ${amount}.`,
    `We have to be careful to go ${wayOf(shift)} here.`,
    `Let us work out ${label} now.`,
    isLast ? `There is just one more date to find.` : `After that there is still more to do.`,
  ]);
}

function stepChecks(from: CalendarDate, { date, shift }: DateStep, random: RandomStream): string[] {
  const [fromText, toText] = [numericDate(from), numericDate(date)];
  const back = shift.direction === 1 ? "back" : "forward";
  const month =
    from.month === date.month
      ? [
          "The month stays the same here.",
          `We are still in ${monthName(date)}.`,
          "Only a part of the date changes.",
        ]
      : [
          `The month changes from ${monthName(from)} to ${monthName(date)}.`,
          `We are in ${monthName(date)} now.`,
          "The month is not the same any more.",
        ];
  const year =
    from.year === date.year
      ? [`The year is still ${date.year}.`, "The year does not change.", "It is the same year."]
      : [`The year is ${date.year} now.`, "The year is a different one now.", "Here the year changes too."];
  return [
    random.pick([
      `Going ${amountText(shift)} ${back} from ${toText} brings us to ${fromText} again.`,
      `If we go ${back} from ${toText}, we get ${fromText} again.`,
      `Indeed, ${toText} is ${amountText(shift)} ${sideOf(shift)} ${fromText}.`,
      `${toText} comes ${sideOf(shift)} ${fromText}, as it should.`,
      `So ${fromText} and ${toText} are ${amountText(shift)} apart.`,
      `We keep ${toText} in mind.`,
    ]),
    random.pick(month),
    random.pick(year),
  ];
}
