/**
 * Drills: one context, then many single steps that it decides. The context carries no loss, so nearly every token that does can
 * be known; documents of the corpus spend most of their loss on names and things that nobody could foresee.
 */
import type { RandomStream } from "../../util/random.ts";
import { colors, heldThings, names } from "../builtin/words.ts";
import { otherSide, type Side } from "./coin.ts";
import { askedFacts, choiceQuestions, drawFacts, drawOptions, type Facts } from "./recall.ts";
import { generalRemark } from "./remarks.ts";
import { anyWord, joining } from "./spelling.ts";
import { chance, letterAt, lettered, listOf, sample } from "./text.ts";
import { drawnSwap, drawSwap, groupSize } from "./tracking.ts";
import { rooms, smallThings } from "./vocabulary.ts";

/** A text that is given and the text that follows it. The second begins with the space or line break between them. */
export interface Drill {
  context: string;
  target: string;
}

const spaced = (parts: readonly string[]): string => parts.map((part) => ` ${part}`).join("");

/** Who has what, who is where: all of it asked for, in any order. */
function recallDrill(random: RandomStream): Drill {
  const facts = drawFacts(random, random.pick([2, 3, 3, 4, 4, 5, 6, 8, 10]));
  if (chance(random, 0.5)) return pairs(random, facts);
  return {
    context: facts.people.map((name, i) => `${facts.relation.state(name, facts.values[i]!)}.`).join(" "),
    target: spaced(askedFacts(random, facts)),
  };
}

/** The same with few words between a name and its value, none to four: the easy beginning of finding what belongs together. */
function pairs(random: RandomStream, { people, values }: Facts): Drill {
  const joint = random.pick([
    ...[" ", ": ", " = ", " has ", " has the ", " likes the ", " is at the ", " now has the "],
    ...[
      " is in the ",
      " is in the ",
      " is holding the ",
      " is holding a ",
      " has found a ",
      " now is in the ",
    ],
  ]);
  const end = random.pick([", ", "; ", ". "]);
  const told = people.map((name, i) => `${name}${joint}${values[i]}`);
  return { context: told.join(end), target: end + random.shuffle(told).join(end) };
}

/** What somebody does and its denial. The words of the coin are among them, without a coin's sides. */
const acts: readonly (readonly [string, string])[] = [
  ["flips the coin", "does not flip the coin"],
  ["turns the coin over", "does not turn the coin over"],
  ["flips it", "does not flip it"],
  ["opens the window", "does not open the window"],
  ["likes the soup", "does not like the soup"],
  ["goes home", "does not go home"],
  ["presses the button", "does not press the button"],
  ["has a key", "does not have a key"],
  ["sings", "does not sing"],
];

/** Who did it and who did not; first, next and last person. */
function actsDrill(random: RandomStream): Drill {
  const people = sample(random, names, random.pick([2, 3, 3, 4, 4, 5, 6]));
  const [does, doesNot] = random.pick(acts);
  const yes = people.map(() => chance(random, 0.5));
  const clauses = people.map((name, i) => `${name} ${yes[i] ? does : doesNot}`);
  const inOrder = chance(random, 0.5);
  const order = inOrder ? people.map((_, i) => i) : random.shuffle(people.map((_, i) => i));
  const form = random.below(5);
  const asked = order.map((k) => {
    const name = people[k]!;
    if (form === 0) return `${clauses[k]}.`;
    if (form === 1) return `${name}: ${yes[k] ? "yes" : "no"}.`;
    if (form === 2) return `We see that ${clauses[k]}.`;
    if (form === 3)
      return `After ${name}, who ${yes[k] ? does : doesNot}, ${people[k + 1] ?? "nobody"} is next.`;
    return `What about ${name}? ${clauses[k]}.`;
  });
  const who = people.filter((_, i) => yes[i]);
  const end = random.pick([
    `The people are ${listOf(people)}.`,
    `First comes ${people[0]}, and last comes ${people.at(-1)}.`,
    who.length === 0 ? "Nobody." : `It is ${listOf(who)}.`,
  ]);
  return {
    context: `${clauses.join(". ")}.`,
    target: spaced(chance(random, 0.3) ? [end, ...asked] : asked),
  };
}

/**
 * Everyone in turn, with talk in between: whose turn it is next has to be found by the one who came last, and the end by the last
 * of the list. Worked solutions go through a question in this way; here nothing is solved.
 */
function walkDrill(random: RandomStream): Drill {
  const people = sample(random, names, random.pick([2, 2, 3, 3, 4, 4, 5, 6]));
  const [does, doesNot] = random.pick(acts);
  const things = chance(random, 0.4) ? sample(random, smallThings, people.length) : undefined;
  const clause = people.map((name, i) => {
    if (things !== undefined) return `${name} has the ${things[i]}`;
    return `${name} ${chance(random, 0.5) ? does : doesNot}`;
  });
  const numbered = chance(random, 0.4);
  const gap = chance(random, 0.5) ? " " : "\n";
  const talk = (): string =>
    chance(random, 0.5)
      ? [...Array(random.between(1, 2))].map(() => generalRemark(random)).join(" ") + gap
      : "";
  const lead = random.pick(["", "", "Then ", "Now ", "Here we see that ", "After this, "]);
  const told = clause.map((text, i) => {
    const check = chance(random, 0.25) ? ` ${people[i]} is done.` : "";
    return `${talk()}${numbered ? `${i + 1}. ` : ""}${lead}${text}.${check}`;
  });
  const end = random.pick([
    "That was the last one.",
    "Nobody else comes now.",
    "All of them are done.",
    "So that is all.",
  ]);
  return {
    context: `${clause.join(". ")}.`,
    target: `${gap}${told.join(gap)}${gap}${chance(random, 0.3) ? `${generalRemark(random)} ` : ""}${end}`,
  };
}

/** People walk about; where is each of them now? */
function latestDrill(random: RandomStream): Drill {
  const people = sample(random, names, random.between(2, 4));
  const places = sample(random, rooms, random.between(3, 5));
  const at = new Map<string, string>();
  const steps = random.between(people.length, 10);
  const verb = random.pick(["went to", "walked to", "moved to"]);
  const told = Array.from({ length: steps }, (_, i) => {
    const name = people[i] ?? random.pick(people);
    const place = random.pick(places.filter((other) => other !== at.get(name)));
    at.set(name, place);
    return `${name} ${verb} the ${place}.`;
  });
  const asks = chance(random, 0.5);
  return {
    context: told.join(" "),
    target: spaced(
      random
        .shuffle(people)
        .map((name) => `${asks ? `Where is ${name}? ` : ""}${name} is in the ${at.get(name)}.`),
    ),
  };
}

/** Something with two states that people change or leave: each step is told, then the state after it. */
function toggleDrill(random: RandomStream): Drill {
  const [subject, one, other, change, leave] = random.pick([
    ["the lamp", "on", "off", "presses the switch", "does not press the switch"],
    ["the door", "open", "closed", "turns the handle", "does not turn the handle"],
    ["the card", "face up", "face down", "turns it over", "does not turn it over"],
    ["the sign", "red", "green", "flips it", "does not flip it"],
    ["the sign", "white", "black", "turns it", "leaves it"],
  ] as const);
  const joint = random.pick([", so now", ", and then", ", so", ":"]);
  let state: string = chance(random, 0.5) ? one : other;
  const start = `${subject[0]!.toUpperCase()}${subject.slice(1)} is ${state}.`;
  const steps = sample(random, names, random.between(3, 9)).map((name) => {
    const changes = chance(random, 0.5);
    if (changes) state = state === one ? other : one;
    return `${name} ${changes ? change : leave}${joint} ${subject} is ${state}.`;
  });
  return { context: start, target: spaced(steps) };
}

/** Sides and flips in few words: the easy beginning of the coin. */
function shortCoins(random: RandomStream): Drill {
  const form = random.pick<(side: Side, changes: boolean, end: Side) => string>([
    (side, changes, end) => `${side}, ${changes ? "flip" : "no flip"}: ${end}.`,
    (side, changes, end) => `${side} up, ${changes ? "flips" : "does not flip"}, ${end} up.`,
    (side, changes, end) => `It is ${side}. ${changes ? "A flip" : "No flip"}, so it is ${end}.`,
  ]);
  const lines = Array.from({ length: random.between(6, 12) }, () => {
    const side: Side = chance(random, 0.5) ? "heads" : "tails";
    const changes = chance(random, 0.5);
    return form(side, changes, changes ? otherSide(side) : side);
  });
  return { context: lines[0]!, target: spaced(lines.slice(1)) };
}

/** Coins that know nothing of each other: a side, one person, the side after it. */
function coinDrill(random: RandomStream): Drill {
  if (chance(random, 0.4)) return shortCoins(random);
  const say = random.pick<(side: Side) => string>([
    (side) => `the coin is ${side} up`,
    (side) => `it is ${side} up`,
    (side) => `it is now ${side} up`,
    (side) => `the coin shows ${side}`,
    (side) => `${side} is on top`,
    (side) => `the side on top is ${side}`,
  ]);
  const [does, doesNot] = random.pick(acts.slice(0, 3));
  const joint = random.pick([", so", ", and", ":", ", which means that"]);
  const line = (name: string): string => {
    const side: Side = chance(random, 0.5) ? "heads" : "tails";
    const changes = chance(random, 0.5);
    return `A coin is ${side} up. ${name} ${changes ? does : doesNot}${joint} ${say(changes ? otherSide(side) : side)}.`;
  };
  const [first, ...rest] = sample(random, names, random.between(4, 9)).map(line);
  return { context: first!, target: rest.map((text) => `\n${text}`).join("") };
}

/** One state and one swap; the state after it, in one or two wordings. */
function swapDrill(random: RandomStream): Drill {
  return drawnSwap(random, drawSwap(random, sample(random, names, groupSize(random))));
}

/** Options and their letters, both ways. */
function choiceDrill(random: RandomStream): Drill {
  if (chance(random, 0.7)) return shortChoices(random);
  const { options, the } = drawOptions(random, random.pick([3, 3, 4, 5, 6]));
  return {
    context: `${random.pick(choiceLeads)}${lettered(options)}.`,
    target: spaced(random.shuffle(options.map((_, i) => choiceQuestions(random, options, i, the)))),
  };
}

const choiceLeads = [
  "Answer choices: ",
  "The choices are: ",
  "Which choice is true? Answer choices: ",
] as const;

/**
 * Options of one or two words and their letters, with few words between the two: the easy beginning of finding the letter that
 * stands before an option. All options are asked for, in one wording.
 */
function shortChoices(random: RandomStream): Drill {
  const count = random.pick([2, 3, 3, 3, 4, 5]);
  const thing = chance(random, 0.4) ? ` ${random.pick(heldThings)}` : "";
  const options = sample(random, chance(random, 0.7) ? colors : smallThings, count).map(
    (word) => word + thing,
  );
  const [before, joint] = random.pick([
    ["", " ("],
    ["", " ("],
    ["", ": ("],
    ["", ", so ("],
    ["", " is ("],
    ["", " is choice ("],
    ["the ", " is choice ("],
    ["the ", ", which is choice ("],
    ["the ", ", so the answer is ("],
    ["the ", ", and choice ("],
  ] as const);
  const order = random.shuffle(options.map((_, i) => i));
  const asked = [...order, ...random.shuffle(order), ...random.shuffle(order)];
  return {
    context: `${chance(random, 0.5) ? "" : random.pick(choiceLeads)}${lettered(options)}.`,
    target: spaced(asked.map((i) => `${before}${options[i]}${joint}${letterAt(i)}).`)),
  };
}

/** Words, then the end of each. */
function endingDrill(random: RandomStream): Drill {
  const words = Array.from({ length: random.between(2, 6) }, () => anyWord(random));
  const say = random.pick<(word: string, last: string) => string>([
    (word, last) => `The last letter of "${word}" is "${last}".`,
    (word, last) => `"${word}" ends in "${last}".`,
    (word, last) => `The word "${word}" ends with the letter "${last}".`,
    (word, last) => `"${word}" is spelled ${[...word].join(" ")}, so it ends in "${last}".`,
    (word, last) => `In "${word}" the last letter is "${last}".`,
    (word, last) => `At the end of "${word}" there is "${last}".`,
  ]);
  return {
    context: `The words are "${words.join(" ")}".`,
    target: spaced(words.map((word) => say(word, word.at(-1)!))),
  };
}

/** Letters put together, many times. */
function joiningDrill(random: RandomStream): Drill {
  const [first, ...rest] = Array.from({ length: random.between(5, 10) }, () => joining(random));
  return { context: first!, target: rest.map((text) => `\n${text}`).join("") };
}

/** Which thing is where in a list: what comes before, after, first, last. */
function orderDrill(random: RandomStream): Drill {
  const pool: readonly string[] = random.pick([names, smallThings, colors, heldThings]);
  const items = sample(random, pool, random.between(3, 6));
  const questions = items.slice(1).map((item, i) => {
    const before = items[i]!;
    return random.pick([
      `After ${before} comes ${item}.`,
      `Before ${item} comes ${before}.`,
      `Next after ${before}: ${item}.`,
    ]);
  });
  const ends = [`The first one is ${items[0]}.`, `The last one is ${items.at(-1)}.`];
  return {
    context: `In this order: ${listOf(items)}.`,
    target: spaced(random.shuffle([...questions, ...ends])),
  };
}

const drills: readonly { weight: number; write(random: RandomStream): Drill }[] = [
  { weight: 6, write: recallDrill },
  { weight: 3, write: actsDrill },
  { weight: 8, write: walkDrill },
  { weight: 3, write: latestDrill },
  { weight: 2, write: toggleDrill },
  { weight: 6, write: coinDrill },
  { weight: 12, write: swapDrill },
  { weight: 14, write: choiceDrill },
  { weight: 1, write: endingDrill },
  { weight: 2, write: joiningDrill },
  { weight: 2, write: orderDrill },
];
const totalWeight = drills.reduce((sum, drill) => sum + drill.weight, 0);

/** One drill of a kind drawn by weight; a pure function of the stream's state. */
export function corpusDrill(random: RandomStream): Drill {
  let draw = random.next() * totalWeight;
  for (const drill of drills) {
    draw -= drill.weight;
    if (draw < 0) return drill.write(random);
  }
  return drills.at(-1)!.write(random);
}
