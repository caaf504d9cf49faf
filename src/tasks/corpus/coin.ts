/** One coin, one person: flipped or not from a stated side. Every mini-story has its own coin and one event. */
import type { RandomStream } from "../../util/random.ts";
import { names } from "../builtin/words.ts";
import { chance, document, sample, studentForm } from "./text.ts";

export type Side = "heads" | "tails";

export function otherSide(side: Side): Side {
  return side === "heads" ? "tails" : "heads";
}

const sideForms: readonly ((side: Side) => string)[] = [
  (side) => `the coin is ${side} up`,
  (side) => `the coin is ${side} up`,
  (side) => `it is ${side} up`,
  (side) => `the coin is now ${side} up`,
  (side) => `now it is ${side} up`,
  (side) => `the coin shows ${side}`,
  (side) => `it shows ${side}`,
  (side) => `${side} is up`,
  (side) => `${side} is on top`,
  (side) => `the side on top is ${side}`,
];

const flipLeads: readonly ((name: string) => string)[] = [
  (name) => `${name} flips the coin, so `,
  (name) => `${name} flips, so `,
  (name) => `${name} flips it, and `,
  (name) => `After ${name} flips the coin, `,
  (name) => `When ${name} turns the coin over, the side changes, so `,
  (name) => `${name} flips it, which means that `,
  (name) => `Because ${name} flips the coin, `,
  (name) => `Then ${name} flips the coin: `,
];

const keepLeads: readonly ((name: string) => string)[] = [
  (name) => `${name} does not flip the coin, so `,
  (name) => `${name} does not flip, so `,
  (name) => `${name} leaves the coin as it is, and `,
  (name) => `After ${name}, who does not flip it, `,
  (name) => `When ${name} does not flip the coin, nothing changes, so `,
  (name) => `${name} does not flip it, which means that `,
  (name) => `Because ${name} does not flip the coin, `,
  (name) => `Then ${name} does not flip the coin: `,
];

function coinStory(random: RandomStream, name: string): string {
  const start: Side = chance(random, 0.6) ? "heads" : "tails";
  const flips = chance(random, 0.5);
  const end = flips ? otherSide(start) : start;
  const say = random.pick(sideForms);
  const state = random.pick([
    `A coin is ${start} up.`,
    `A coin is ${start} up at the start.`,
    `The coin is ${start} up.`,
    `The coin shows ${start}.`,
    `A coin lies ${start} up.`,
    `There is a coin on the table, ${start} up.`,
    `At first, ${say(start)}.`,
    `Start: ${start} up.`,
  ]);
  const event = flips
    ? random.pick([
        `${name} flips the coin.`,
        `${name} flips it.`,
        `${name} flips the coin over.`,
        `${name} turns the coin over.`,
      ])
    : random.pick([
        `${name} does not flip the coin.`,
        `${name} does not flip it.`,
        `${name} leaves the coin as it is.`,
        `${name} does not turn the coin over.`,
      ]);
  const lead = random.pick(flips ? flipLeads : keepLeads)(name);
  const result = chance(random, 0.6)
    ? `${lead}${say(end)}.`
    : random.pick(
        flips
          ? [
              `Now the coin is ${end} up.`,
              `The coin is now ${end} up.`,
              `So the coin goes from ${start} to ${end}.`,
              `The flip turns ${start} into ${end}.`,
              `It was ${start} up, and now it is ${end} up.`,
              `The side changes from ${start} to ${end}.`,
            ]
          : [
              `The coin is still ${end} up.`,
              `So the coin stays ${end} up.`,
              `Nothing changes, and the coin is ${end} up.`,
              `It was ${start} up, and it is still ${end} up.`,
              `Without a flip, ${end} stays on top.`,
              `The side that is up is still ${end}.`,
            ],
      );
  switch (random.below(5)) {
    case 0:
      return `${state} ${event} ${result}`;
    case 1:
      return studentForm(`${state} ${event} Which side is up?`, result, end);
    case 2: {
      const asked: Side = chance(random, 0.75) ? start : otherSide(start);
      const question = random.pick([
        `Is the coin still ${start} up?`,
        `Is the coin ${asked} up now?`,
        `Is the coin ${asked} up?`,
      ]);
      const yes = question.includes(` ${end} up`);
      return studentForm(`${state} ${event} ${question}`, result, yes ? "yes" : "no");
    }
    case 3:
      return `${state} ${event} Is the coin still ${start} up? ${flips ? "No" : "Yes"}. ${result}`;
    default:
      return `${state} ${event} ${result} The coin ${flips ? "changed" : "did not change"}.`;
  }
}

/** Even and odd numbers, and what a person does or does not do: the words around the coin. */
function parityStory(random: RandomStream): string {
  const n = random.between(0, 20);
  const even = n % 2 === 0;
  return random.pick([
    `${n} is ${even ? "even" : "odd"}.`,
    `Is ${n} even? ${even ? "Yes" : "No"}. ${n} is ${even ? "even" : "odd"}.`,
    `Is ${n} odd? ${even ? "No" : "Yes"}. ${n} is ${even ? "even" : "odd"}.`,
    studentForm(`Is ${n} an even number?`, `${n} is ${even ? "even" : "odd"}.`, even ? "yes" : "no"),
    "The other side of heads is tails.",
    "The other side of tails is heads.",
    "If a coin is not heads up, it is tails up.",
    "If a coin is not tails up, it is heads up.",
  ]);
}

export function writeCoin(random: RandomStream): string {
  const people = sample(random, names, random.between(1, 6));
  return document(
    people.map((name) => (chance(random, 0.15) ? parityStory(random) : coinStory(random, name))),
  );
}
