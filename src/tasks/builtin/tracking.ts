/** Tracking shuffled objects: three people swap what they hold; who has what at the end? */
import type { RandomStream } from "../../util/random.ts";
import { listed } from "./phrases.ts";
import { explainGame } from "./tracking-teacher.ts";
import type { BuiltinProblem, BuiltinTask } from "./types.ts";
import { colors, heldThings, letters, names, plural } from "./words.ts";

export interface Game {
  people: string[];
  thing: string;
  /** Colors by person, before the first swap and after each. */
  states: string[][];
  /** Indices into `people`. */
  swaps: [number, number][];
  target: number;
  choices: string[];
}

const swapPairs: [number, number][] = [
  [0, 1],
  [0, 2],
  [1, 2],
];

function drawGame(random: RandomStream, difficulty: number): Game {
  const people = random.shuffle(names).slice(0, 3);
  const held = random.shuffle(colors).slice(0, 3);
  const swapCount = difficulty === 1 ? random.between(2, 3) : difficulty === 2 ? random.between(3, 4) : 4;
  const states: string[][] = [held];
  const swaps: [number, number][] = [];
  for (let i = 0; i < swapCount; i++) {
    // Any pair, also the last one again: were that left out, two swaps would never end where they began, and four would half the time.
    const [first, second] = random.shuffle(random.pick(swapPairs)) as [number, number];
    const state = [...states.at(-1)!];
    [state[first], state[second]] = [state[second]!, state[first]!];
    swaps.push([first, second]);
    states.push(state);
  }
  const thing = random.pick(heldThings);
  return { people, thing, states, swaps, target: random.below(3), choices: random.shuffle(held) };
}

const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;

function questionOf(game: Game, random: RandomStream): string {
  const { people, thing, states, swaps } = game;
  const things = plural(thing);
  const start = listed(
    people.map((person, i) => `${person} has ${withArticle(`${states[0]![i]} ${thing}`)}`),
  );
  const opening = swaps.length > 3 ? "" : random.pick(["", `${listed(people)} are playing a game. `]);
  const swapWords = random.pick([
    (a: string, b: string) => `${a} and ${b} swap ${things}`,
    (a: string, b: string) => `${a} and ${b} trade ${things}`,
    (a: string, b: string) => `${a} swaps ${things} with ${b}`,
  ]);
  const told = swaps.map(([a, b], i) => {
    const lead = i === 0 ? "First" : i > 1 && i === swaps.length - 1 ? "Finally" : "Then";
    return `${lead}, ${swapWords(people[a]!, people[b]!)}.`;
  });
  const target = people[game.target]!;
  const asked = random.pick([
    `At the end, which ${thing} does ${target} have?`,
    `Which ${thing} does ${target} have at the end?`,
    `At the end, what does ${target} have?`,
  ]);
  const choices = game.choices.map((color, i) => `(${letters[i]}) ${color} ${thing}`).join(", ");
  return `${opening}${start}. ${told.join(" ")} ${asked} Which choice is true? Answer choices: ${choices}.`;
}

export const trackingShuffledObjects: BuiltinTask = {
  name: "tracking_shuffled_objects",
  title: "Tracking shuffled objects",
  description: "Three people swap what they hold; the answer is the choice that one of them has at the end.",
  answerKind: "tracking_shuffled_objects",
  chance: 1 / 3,
  problem(random, { difficulty }): BuiltinProblem {
    const game = drawGame(random, difficulty);
    const answer = letters[game.choices.indexOf(game.states.at(-1)![game.target]!)]!;
    return {
      question: questionOf(game, random),
      answer,
      explain: (wording) => explainGame(game, wording),
    };
  },
};
