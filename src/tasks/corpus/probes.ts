/** Single-step questions that measure the base student: the answer must be the greedy continuation, byte for byte. */
import type { RandomStream } from "../../util/random.ts";
import { numericDate, shifted } from "../builtin/calendar.ts";
import { colors, names } from "../builtin/words.ts";
import { drawSum, type Operator } from "./arithmetic.ts";
import { otherSide, type Side } from "./coin.ts";
import { anyWord } from "./spelling.ts";
import { letterAt, lettered, listOf, sample } from "./text.ts";
import { drawSwap } from "./tracking.ts";
import { plainWords, rooms } from "./vocabulary.ts";

/** A prompt and the exact text that must follow it; the answer begins with the space that follows the prompt. */
export interface Probe {
  kind: string;
  prompt: string;
  answer: string;
}

const writers: Record<string, (random: RandomStream) => Omit<Probe, "kind">> = {
  /** Question, rationale mark, new state up to one person's thing. */
  swap(random) {
    const swap = drawSwap(random, sample(random, names, 3));
    const { holders, before, after, pair } = swap;
    const who = random.below(3);
    const state = listOf(holders.map((name, i) => `${name} has the ${before[i]}`));
    const said = holders.slice(0, who).map((name, i) => `${name} has the ${after[i]}, `);
    const joint = who === 2 ? "and " : "";
    return {
      prompt: `${state}. ${holders[pair[0]]} and ${holders[pair[1]]} swap. ### Now ${said.join("")}${joint}${holders[who]} has the`,
      answer: ` ${after[who]}`,
    };
  },
  recall(random) {
    const people = sample(random, names, random.between(4, 8));
    const places = sample(random, rooms, people.length);
    const k = random.below(people.length);
    const facts = people.map((name, i) => `${name} is in the ${places[i]}.`).join(" ");
    return { prompt: `${facts} Where is ${people[k]}? ${people[k]} is in the`, answer: ` ${places[k]}` };
  },
  choice(random) {
    const options = sample(random, colors, random.between(3, 5)).map((color) => `${color} ball`);
    const k = random.below(options.length);
    return {
      prompt: `Answer choices: ${lettered(options)}. Which choice is the ${options[k]}? ### The ${options[k]} is choice`,
      answer: ` (${letterAt(k)}).`,
    };
  },
  copy(random) {
    const words = Array.from({ length: random.between(8, 30) }, () => random.pick(plainWords));
    const text = words.join(" ");
    const cut = random.between(2, words.length - 2);
    return {
      prompt: `${text}\n${words.slice(0, cut).join(" ")}`,
      answer: ` ${words.slice(cut, cut + 2).join(" ")}`,
    };
  },
  latest(random) {
    const people = sample(random, names, 3);
    const places = sample(random, rooms, 5);
    const at = new Map<string, string>();
    const moves: string[] = [];
    for (let i = 0; i < 8; i++) {
      const name = i < 3 ? people[i]! : random.pick(people);
      const place = random.pick(places.filter((other) => other !== at.get(name)));
      at.set(name, place);
      moves.push(`${name} went to the ${place}.`);
    }
    const name = random.pick(people);
    return { prompt: `${moves.join(" ")} Where is ${name}? ${name} is in the`, answer: ` ${at.get(name)}.` };
  },
  lastLetter(random) {
    const word = anyWord(random);
    return { prompt: `The last letter of "${word}" is`, answer: ` "${word.at(-1)}".` };
  },
  join(random) {
    const parts = Array.from({ length: random.between(2, 4) }, () =>
      String.fromCharCode(97 + random.below(26)),
    );
    return { prompt: `${parts.map((part) => `"${part}"`).join(" + ")} =`, answer: ` "${parts.join("")}"` };
  },
  coin(random) {
    const name = random.pick(names);
    const start: Side = random.pick(["heads", "tails"]);
    const flips = random.below(2) === 0;
    const event = flips ? `${name} flips the coin.` : `${name} does not flip the coin.`;
    const lead = flips ? "The coin is now" : "The coin is still";
    return {
      prompt: `A coin is ${start} up. ${event} ${lead}`,
      answer: ` ${flips ? otherSide(start) : start} up.`,
    };
  },
  date(random) {
    const today = {
      year: random.between(1990, 2025),
      month: random.between(1, 12),
      day: random.between(1, 28),
    };
    const forward = random.below(2) === 0;
    const then = shifted(today, { unit: "day", count: 1, direction: forward ? 1 : -1 });
    return {
      prompt: `Today is ${numericDate(today)}. ${forward ? "Tomorrow is" : "Yesterday was"}`,
      answer: ` ${numericDate(then)}.`,
    };
  },
  add: (random) => equation(random, "+"),
  subtract: (random) => equation(random, "-"),
  multiply: (random) => equation(random, "*"),
};

function equation(random: RandomStream, operator: Operator): Omit<Probe, "kind"> {
  const { a, b, c } = drawSum(random, operator);
  return { prompt: `What is ${a} ${operator} ${b}? ### ${a} ${operator} ${b} =`, answer: ` ${c}.` };
}

/** Names of the probe kinds, in the order in which they take turns. */
export const probeKinds: readonly string[] = Object.keys(writers);

/** `count` probes; the kinds take turns. */
export function singleStepProbes(random: RandomStream, count: number): Probe[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = probeKinds[i % probeKinds.length]!;
    return { kind, ...writers[kind]!(random) };
  });
}
