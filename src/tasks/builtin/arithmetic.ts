/** Arithmetic stories: two to four operations on a number of things; how many at the end? */
import type { RandomStream } from "../../util/random.ts";
import { explainStory } from "./arithmetic-teacher.ts";
import type { BuiltinProblem, BuiltinTask } from "./types.ts";
import { countedThings, names } from "./words.ts";

export type Operator = "+" | "-" | "*" | "/";

export interface Operation {
  left: number;
  operator: Operator;
  right: number;
  result: number;
  /** Why the operation is done, as a clause that starts with a name: "Bob finds 5 apples". */
  clause: string;
  /** What the result counts: "apples", "dollars", "apples in each bag". */
  unit: string;
}

export interface Story {
  person: string;
  things: string;
  start: number;
  /** The sentences of the question, without the one that asks. */
  told: string[];
  /** What is asked: "how many apples Bob has now". */
  asked: string;
  /** The asking sentence. */
  question: string;
  operations: Operation[];
}

/** No result reaches this. */
const resultLimit = 200;

const compute: Record<Operator, (left: number, right: number) => number> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};

function operation(left: number, operator: Operator, right: number, clause: string, unit: string): Operation {
  return { left, operator, right, result: compute[operator](left, right), clause, unit };
}

function draw(random: RandomStream, difficulty: number): Story {
  const count = difficulty === 1 ? random.between(2, 3) : difficulty === 2 ? random.between(3, 4) : 4;
  const [person, friend] = random.shuffle(names) as [string, string];
  const things = random.pick(countedThings);
  const start = random.between(5, 60);
  const story: Story = {
    person,
    things,
    start,
    told: [
      random.pick([
        `${person} has ${start} ${things}.`,
        `${person} has ${start} ${things} at first.`,
        `${person} starts with ${start} ${things}.`,
      ]),
    ],
    asked: `how many ${things} ${person} has now`,
    question: `How many ${things} does ${person} have now?`,
    operations: [],
  };
  const ending = random.below(2) === 0 ? 1 : 0;
  while (story.operations.length < count - ending) {
    const left = count - ending - story.operations.length;
    const have = story.operations.at(-1)?.result ?? start;
    if (left >= 2 && have < 120 && random.below(3) === 0) addBoxes(story, have, random);
    else addChange(story, have, friend, random);
  }
  if (ending === 1) addEnding(story, friend, random);
  return story;
}

/** One addition or subtraction. */
function addChange(story: Story, have: number, friend: string, random: RandomStream): void {
  const { person, things } = story;
  const gains = have < 12 || (have < 140 && random.below(2) === 0);
  const amount = gains
    ? random.between(2, Math.min(60, resultLimit - 10 - have))
    : random.between(2, have - 4);
  const clause = gains
    ? random.pick([
        `${person} buys ${amount} more ${things}`,
        `${person} finds ${amount} ${things}`,
        `${friend} gives ${person} ${amount} ${things}`,
        `${person} gets ${amount} more ${things}`,
        `${person} gets ${amount} ${things} from ${friend}`,
      ])
    : random.pick([
        `${person} gives ${amount} ${things} to ${friend}`,
        `${person} loses ${amount} ${things}`,
        `${person} sells ${amount} ${things}`,
        `${friend} takes ${amount} of the ${things}`,
        `${person} gives away ${amount} ${things}`,
      ]);
  story.told.push(`${random.pick(["Then ", "Later, ", ""])}${clause}.`);
  story.operations.push(operation(have, gains ? "+" : "-", amount, clause, things));
}

/** A multiplication and the addition of its result. */
function addBoxes(story: Story, have: number, random: RandomStream): void {
  const { person, things } = story;
  const boxes = random.between(2, 6);
  const inEach = random.between(2, Math.min(12, Math.floor((resultLimit - 10 - have) / boxes)));
  const container = random.pick(["boxes", "bags", "packs", "baskets"]);
  const total = boxes * inEach;
  const clause = `${person} buys ${boxes} ${container} with ${inEach} ${things} in each`;
  story.told.push(`${random.pick(["Then ", "Later, ", ""])}${clause}.`);
  story.operations.push(
    operation(boxes, "*", inEach, clause, `${things} in the ${container}`),
    operation(have, "+", total, `${person} adds these ${total} ${things} to the ${have}`, things),
  );
}

/** A last operation that changes what is asked. */
function addEnding(story: Story, friend: string, random: RandomStream): void {
  const { person, things } = story;
  const have = story.operations.at(-1)!.result;
  const divisors = [2, 3, 4, 5, 6, 7, 8, 9, 10].filter((d) => have % d === 0 && have / d >= 2);
  const highestPrice = Math.min(5, Math.floor((resultLimit - 1) / have));
  const endings: (() => void)[] = [
    () => {
      const more = random.between(2, Math.min(50, resultLimit - 1 - have));
      const clause = `${friend} has ${more} more ${things} than ${person}`;
      story.told.push(`${clause}.`);
      story.asked = `how many ${things} ${friend} has`;
      story.question = `How many ${things} does ${friend} have?`;
      story.operations.push(operation(have, "+", more, clause, things));
    },
    () => {
      const other = random.between(2, Math.min(50, resultLimit - 1 - have));
      const clause = `${friend} has ${other} ${things}`;
      story.told.push(`${clause}.`);
      story.asked = `how many ${things} ${person} and ${friend} have together`;
      story.question = `How many ${things} do ${person} and ${friend} have together?`;
      story.operations.push(operation(have, "+", other, clause, things));
    },
  ];
  if (divisors.length > 0) {
    endings.push(() => {
      const parts = random.pick(divisors);
      const clause = `${person} puts all the ${things} into ${parts} bags, the same number in each`;
      story.told.push(`Then ${clause}.`);
      story.asked = `how many ${things} are in each bag`;
      story.question = `How many ${things} are in each bag?`;
      story.operations.push(operation(have, "/", parts, clause, `${things} in each bag`));
    });
    endings.push(() => {
      const parts = random.pick(divisors);
      const clause = `${person} shares all the ${things} equally among ${parts} friends`;
      story.told.push(`Then ${clause}.`);
      story.asked = `how many ${things} each friend gets`;
      story.question = `How many ${things} does each friend get?`;
      story.operations.push(operation(have, "/", parts, clause, `${things} for each friend`));
    });
  }
  if (highestPrice >= 2) {
    endings.push(() => {
      const price = random.between(2, highestPrice);
      const clause = `${person} sells all the ${things} for ${price} dollars each`;
      story.told.push(`Then ${clause}.`);
      story.asked = `how many dollars ${person} gets`;
      story.question = `How many dollars does ${person} get?`;
      story.operations.push(operation(have, "*", price, clause, "dollars"));
    });
  }
  random.pick(endings)();
}

export const arithmeticStories: BuiltinTask = {
  name: "arithmetic_stories",
  title: "Arithmetic stories",
  description: "A story with two to four operations on whole numbers below 200; the answer is a number.",
  answerKind: "number",
  chance: 0,
  problem(random, { difficulty }): BuiltinProblem {
    const story = draw(random, difficulty);
    return {
      question: `${story.told.join(" ")} ${story.question}`,
      answer: String(story.operations.at(-1)!.result),
      explain: (wording) => explainStory(story, wording),
    };
  },
};
