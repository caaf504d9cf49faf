/** Facts stated once and asked for later, in both directions, near and far; and choices named by letters. */
import type { RandomStream } from "../../util/random.ts";
import { colors, countedThings, heldThings, months, names } from "../builtin/words.ts";
import {
  capitalized,
  chance,
  document,
  letterAt,
  lettered,
  listOf,
  sample,
  studentForm,
  withArticle,
} from "./text.ts";
import { animals, asides, cities, fruits, jobs, rooms, smallThings } from "./vocabulary.ts";

/** One relation between people and values, with its wordings. */
export interface Relation {
  values(random: RandomStream, count: number): string[];
  state(name: string, value: string): string;
  who(value: string): string;
  what(name: string): string;
}

const combinations = colors.flatMap((color) => heldThings.map((thing) => `${color} ${thing}`));
const numbers = Array.from({ length: 199 }, (_, i) => String(i + 2));

/** A relation over a fixed list of values. */
function over(values: readonly string[], words: Omit<Relation, "values">): Relation {
  return { values: (random, count) => sample(random, values, count), ...words };
}

const relations: readonly Relation[] = [
  over(combinations, {
    state: (name, value) => `${name} has the ${value}`,
    who: (value) => `Who has the ${value}?`,
    what: (name) => `What does ${name} have?`,
  }),
  over(combinations, {
    state: (name, value) => `${name} is holding ${withArticle(value)}`,
    who: (value) => `Who is holding the ${value}?`,
    what: (name) => `What is ${name} holding?`,
  }),
  over(cities, {
    state: (name, value) => `${name} lives in ${value}`,
    who: (value) => `Who lives in ${value}?`,
    what: (name) => `Where does ${name} live?`,
  }),
  over(rooms, {
    state: (name, value) => `${name} is in the ${value}`,
    who: (value) => `Who is in the ${value}?`,
    what: (name) => `Where is ${name}?`,
  }),
  over(numbers, {
    state: (name, value) => `${name} has the number ${value}`,
    who: (value) => `Who has the number ${value}?`,
    what: (name) => `Which number does ${name} have?`,
  }),
  over(fruits, {
    state: (name, value) => `${name} likes ${value}`,
    who: (value) => `Who likes ${value}?`,
    what: (name) => `What does ${name} like?`,
  }),
  over(animals, {
    state: (name, value) => `${name} owns ${withArticle(value)}`,
    who: (value) => `Who owns the ${value}?`,
    what: (name) => `Which animal does ${name} own?`,
  }),
  over(jobs, {
    state: (name, value) => `${name} works as ${withArticle(value)}`,
    who: (value) => `Who works as ${withArticle(value)}?`,
    what: (name) => `What is the job of ${name}?`,
  }),
  over(smallThings, {
    state: (name, value) => `${name} found ${withArticle(value)}`,
    who: (value) => `Who found the ${value}?`,
    what: (name) => `What did ${name} find?`,
  }),
  over(months, {
    state: (name, value) => `${name} was born in ${value}`,
    who: (value) => `Who was born in ${value}?`,
    what: (name) => `In which month was ${name} born?`,
  }),
  over(months, {
    state: (name, value) => `${name}'s birthday is in ${value}`,
    who: (value) => `Whose birthday is in ${value}?`,
    what: (name) => `When is ${name}'s birthday?`,
  }),
  {
    values: (random, count) =>
      sample(random, numbers, count).map((number) => `${number} ${random.pick(countedThings)}`),
    state: (name, value) => `${name} has ${value}`,
    who: (value) => `Who has ${value}?`,
    what: (name) => `What does ${name} have?`,
  },
];

/** People, a value each and the sentence pattern. */
export interface Facts {
  relation: Relation;
  people: string[];
  values: string[];
}

/** Draws facts. At most as many people as the relation has values. */
export function drawFacts(random: RandomStream, wanted: number): Facts {
  const relation = random.pick(relations);
  const values = relation.values(random, wanted);
  return { relation, values, people: sample(random, names, values.length) };
}

/** Every fact asked for once, in any order and in one wording: plainly said, or as a question from either side. */
export function askedFacts(random: RandomStream, { relation, people, values }: Facts): string[] {
  const form = random.below(4);
  return random.shuffle(people.map((_, i) => i)).map((k) => {
    const clause = `${relation.state(people[k]!, values[k]!)}.`;
    if (form === 0) return clause;
    return `${form === 1 || (form === 2 && chance(random, 0.5)) ? relation.what(people[k]!) : relation.who(values[k]!)} ${clause}`;
  });
}

function factText(random: RandomStream, clauses: readonly string[]): string {
  if (chance(random, 0.5)) return `${listOf(clauses)}.`;
  return clauses
    .map((clause) => `${clause}.${chance(random, 0.08) ? ` ${random.pick(asides)}` : ""}`)
    .join(" ");
}

function recallDocument(random: RandomStream, count: number, questions: number): string {
  const { relation, people, values } = drawFacts(random, count);
  const clauses = people.map((name, i) => relation.state(name, values[i]!));
  const facts = factText(random, clauses);
  const order = sample(
    random,
    people.map((_, i) => i),
    questions,
  );
  if (chance(random, 0.5)) {
    const k = order[0]!;
    const forward = chance(random, 0.5);
    const question = `${facts} ${forward ? relation.what(people[k]!) : relation.who(values[k]!)}`;
    return studentForm(question, `${capitalized(clauses[k]!)}.`, forward ? values[k]! : people[k]!);
  }
  const layout = random.below(3);
  const answers = order.map((k) => {
    const forward = chance(random, 0.5);
    const question = forward ? relation.what(people[k]!) : relation.who(values[k]!);
    const short = forward ? values[k]! : people[k]!;
    if (layout === 0) return `${question} ${clauses[k]}.`;
    return layout === 1 ? `${question} ${capitalized(short)}.` : `Question: ${question} Answer: ${short}`;
  });
  return `${facts}${layout === 2 ? "\n" : " "}${answers.join(layout === 2 ? "\n" : " ")}`;
}

/** Two to six facts, one to four questions. */
export function writeRecall(random: RandomStream): string {
  const stories = random.between(1, 3);
  return document(
    Array.from({ length: stories }, () => recallDocument(random, random.between(2, 6), random.between(1, 4))),
  );
}

/** A long list of facts, asked for from far away. */
export function writeLongRecall(random: RandomStream): string {
  return recallDocument(random, random.between(8, 24), random.between(3, 8));
}

/** Options of one sort, all different. */
export function drawOptions(random: RandomStream, count: number): { options: string[]; the: string } {
  const sort = random.below(6);
  if (sort <= 1) {
    const thing = random.pick(heldThings);
    return { options: sample(random, colors, count).map((color) => `${color} ${thing}`), the: "the " };
  }
  if (sort === 2) return { options: sample(random, numbers, count), the: "" };
  if (sort === 3) return { options: sample(random, names, count), the: "" };
  if (sort === 4) {
    const dates = Array.from({ length: 40 }, () => {
      const two = (value: number): string => String(value).padStart(2, "0");
      return `${two(random.between(1, 12))}/${two(random.between(1, 28))}/${random.between(1930, 2030)}`;
    });
    return { options: sample(random, [...new Set(dates)], count), the: "" };
  }
  return { options: sample(random, smallThings, count), the: "the " };
}

/** One question from option to letter or back. */
export function choiceQuestions(
  random: RandomStream,
  options: readonly string[],
  i: number,
  the: string,
): string {
  return random.pick([
    `Which choice is ${the}${options[i]}? It is choice (${letterAt(i)}).`,
    `What is choice (${letterAt(i)})? It is ${the}${options[i]}.`,
    `Choice ${letterAt(i)} is ${the}${options[i]}.`,
    `The choices are ${listOf(options.map((each, at) => `${each} for (${letterAt(at)})`))}.`,
    `${capitalized(the + options[i]!)} is choice ${letterAt(i)}.`,
    `${capitalized(the + options[i]!)} is (${letterAt(i)}).`,
  ]);
}

/** One list of choices with questions from letter to option and back. */
function choiceStory(random: RandomStream): string {
  const { options, the } = drawOptions(random, random.pick([3, 3, 3, 4, 5, 6]));
  const list = lettered(options);
  const k = random.below(options.length);
  const option = options[k]!;
  const letter = letterAt(k);
  const style = random.below(5);
  if (style === 0)
    return studentForm(
      `Answer choices: ${list}. ${random.pick([`Which choice is ${the}${option}?`, `Which letter is ${the}${option}?`])}`,
      random.pick([
        `${capitalized(the + option)} is choice (${letter}).`,
        `Choice (${letter}) is ${the}${option}.`,
        `${capitalized(the + option)} is (${letter}).`,
      ]),
      letter,
    );
  if (style === 1)
    return studentForm(
      `Answer choices: ${list}. What is choice (${letter})?`,
      `Choice (${letter}) is ${the}${option}.`,
      option,
    );
  if (style === 2) {
    const name = random.pick(names);
    return studentForm(
      `${name} ${random.pick(["chose", "picked", "wants", "needs"])} ${the}${option}. Which choice is true? Answer choices: ${list}.`,
      random.pick([
        `${name} took ${the}${option}, which is choice (${letter}).`.replace("took", "has"),
        `We look for ${the}${option}. It is choice (${letter}).`,
        `${capitalized(the + option)} is (${letter}). So the answer is (${letter}).`,
      ]),
      chance(random, 0.6) ? letter : `(${letter})`,
    );
  }
  const questions = sample(
    random,
    options.map((_, i) => i),
    random.between(1, 3),
  ).map((i) => choiceQuestions(random, options, i, the));
  return `${random.pick(["Answer choices", "Choices", "The choices are", "Which choice is true? Answer choices"])}: ${list}. ${questions.join(" ")}`;
}

export function writeChoices(random: RandomStream): string {
  return document(Array.from({ length: random.between(1, 4) }, () => choiceStory(random)));
}
