/**
 * Connected sentences: how one talks while working something out (beginnings, transitions, checks, endings) around
 * a single fact, yes/no questions, and everyday little stories with common words.
 */
import type { RandomStream } from "../../util/random.ts";
import { colors, countedThings, heldThings, months, names } from "../builtin/words.ts";
import { generalRemark } from "./remarks.ts";
import { capitalized, chance, listOf, sample, several, studentForm, withArticle } from "./text.ts";
import {
  adjectives,
  animals,
  cities,
  containers,
  fruits,
  jobs,
  rooms,
  smallThings,
  weather,
} from "./vocabulary.ts";

const beginnings = [
  "Let us look at what is given.",
  "Let us begin with the start.",
  "We take it slowly.",
  "First, we write down what we know.",
  "To answer this, we read the question again.",
  "We go through this in order, one step at a time.",
  "Let us think about it carefully.",
  "Here is what the question says.",
  "It helps to start from the first thing we are told.",
  "Before anything else, let us get the facts right.",
] as const;

const transitions = [
  "Let us look at the next one.",
  "Now we go on to the next part.",
  "Next, we look at the rest of the question.",
  "With this done, we can move on.",
  "That was the first part, and now comes the other.",
  "We keep this in mind.",
  "Let us continue from here.",
  "So far this is easy.",
  "There is one more thing to look at.",
  "The next step builds on this one.",
] as const;

const checks = [
  "This agrees with what we found.",
  "That looks right.",
  "We can check this by reading it again.",
  "Indeed, it is just as the text says.",
  "There is no other way to see it.",
  "Nothing else has changed.",
  "A second look gives the same result.",
  "This makes sense, because it is what we were told.",
  "We have not forgotten anyone.",
  "Everything is still there, and nothing was lost.",
  "It matches what we expected.",
  "So this part is clear and complete.",
] as const;

const endings = [
  "Now we have all that we need.",
  "That was the last step.",
  "There is nothing left to work out.",
  "To sum up, we have found what was asked.",
  "This brings us to the end.",
  "We only have to read off the answer.",
  "All of the question has been used.",
  "Therefore we can answer the question.",
  "In the end, only this one thing matters.",
  "Finally, we put it all together.",
] as const;

/** A fact, ways to restate it, and a question with its answer. */
interface Fact {
  fact: string;
  again: string;
  question: string;
  answer: string;
}

function drawFact(random: RandomStream): Fact {
  const [one, two] = sample(random, names, 2) as [string, string];
  const thing = `${random.pick(colors)} ${random.pick(heldThings)}`;
  const count = random.between(2, 200);
  const unit = random.pick(countedThings);
  const room = random.pick(rooms);
  const month = random.pick(months);
  const city = random.pick(cities);
  return random.pick([
    {
      fact: `${one} has the ${thing}.`,
      again: `The ${thing} is with ${one}.`,
      question: `Who has the ${thing}?`,
      answer: one,
    },
    {
      fact: `${one} has ${count} ${unit}.`,
      again: `The number of ${unit} that ${one} has is ${count}.`,
      question: `How many ${unit} does ${one} have?`,
      answer: String(count),
    },
    {
      fact: `${one} and ${two} are in the ${room}.`,
      again: `The people in the ${room} are ${one} and ${two}.`,
      question: `Who is in the ${room} with ${two}?`,
      answer: one,
    },
    {
      fact: `${one} met ${two} in ${month}.`,
      again: `The month in which ${one} met ${two} is ${month}.`,
      question: `When did ${one} meet ${two}?`,
      answer: month,
    },
    {
      fact: `${one} comes from ${city}.`,
      again: `The home of ${one} is ${city}.`,
      question: `Where does ${one} come from?`,
      answer: city,
    },
  ]);
}

function phrases(random: RandomStream, list: readonly string[], most: number): string[] {
  return sample(random, list, random.between(0, most));
}

/** A fact wrapped in talk; the answer is found by reading past the talk. */
export function writeReasoningTalk(random: RandomStream): string {
  return several(random, 1, 2, () => {
    const { fact, again, question, answer } = drawFact(random);
    const other = drawFact(random);
    const given = random.shuffle(other.question === question ? [fact] : [fact, other.fact]).join(" ");
    const gap = chance(random, 0.25) ? "\n" : " ";
    const talk = [
      ...phrases(random, beginnings, 2),
      ...(chance(random, 0.6) ? [`The question asks: ${question}`] : []),
      ...phrases(random, transitions, 1),
      ...(chance(random, 0.3) ? [generalRemark(random)] : []),
      fact,
      ...phrases(random, checks, 2),
      ...(chance(random, 0.4) ? [again] : []),
      ...phrases(random, endings, 1),
      random.pick([
        `So the answer is ${answer}.`,
        `The answer is ${answer}.`,
        `Therefore, the answer is ${answer}.`,
      ]),
    ].join(gap);
    return chance(random, 0.6)
      ? studentForm(`${given} ${question}`, talk, answer)
      : `${given} ${question} ${talk}`;
  });
}

/** Statements that are right or wrong about given facts. */
export function writeYesNo(random: RandomStream): string {
  return several(random, 1, 4, () => {
    const people = sample(random, names, random.between(2, 5));
    const things = sample(random, colors, people.length).map(
      (color) => `${color} ${random.pick(heldThings)}`,
    );
    const facts = `${listOf(people.map((name, i) => `${name} has the ${things[i]}`))}.`;
    const k = random.below(people.length);
    const truth = chance(random, 0.5);
    const claimed = truth ? k : (k + 1 + random.below(people.length - 1)) % people.length;
    const question = random.pick([
      `Does ${people[k]} have the ${things[claimed]}?`,
      `Is it true that ${people[k]} has the ${things[claimed]}?`,
      `Is the ${things[claimed]} with ${people[k]}?`,
    ]);
    const reason = `${people[k]} has the ${things[k]}.`;
    if (chance(random, 0.5)) return studentForm(`${facts} ${question}`, reason, truth ? "yes" : "no");
    return `${facts} ${question} ${truth ? "Yes" : "No"}, ${people[k]} has the ${things[k]}${truth ? "" : `, not the ${things[claimed]}`}.`;
  });
}

const heroes = [
  ["the girl", "she", "her"],
  ["the boy", "he", "his"],
  ["the old man", "he", "his"],
  ["the old woman", "she", "her"],
  ["the children", "they", "their"],
  ["the king", "he", "his"],
  ["the queen", "she", "her"],
  ["my brother", "he", "his"],
  ["my sister", "she", "her"],
  ["our neighbors", "they", "their"],
] as const;

/** What people and animals can be. */
const tempers = [
  "old",
  "young",
  "quiet",
  "strong",
  "friendly",
  "clever",
  "hungry",
  "tired",
  "careful",
  "happy",
  "big",
  "little",
] as const;

/** One little everyday story of four to ten sentences about one hero. */
export function writeEveryday(random: RandomStream): string {
  const [hero, pronoun, own] = random.pick(heroes);
  const job = random.pick(jobs);
  const They = capitalized(pronoun);
  const were = pronoun === "they" ? "were" : "was";
  const friend = random.pick(names);
  const [room, place] = sample(random, rooms, 2) as [string, string];
  const [thing, second] = sample(random, smallThings, 2) as [string, string];
  const animal = random.pick(animals);
  const adjective = (): string => random.pick(adjectives);
  const day = random.pick(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]);
  const time = random.pick(["morning", "afternoon", "evening"]);
  const opening = random.pick([
    `One ${time} ${hero} went to the ${place} because ${pronoun} needed ${withArticle(`${adjective()} ${thing}`)}.`,
    `On ${day} ${time} ${hero} ${were} in the ${room} and looked for the ${thing}.`,
    `Every ${day} ${hero} walked from the ${room} to the ${place} with ${own} ${animal}.`,
    `Once upon a time ${hero} lived near the ${place} with ${withArticle(`${random.pick(tempers)} ${animal}`)}.`,
    `In ${random.pick(months)} ${hero} came back from ${random.pick(cities)} and told us a story.`,
  ]);
  const middle = [
    random.pick(weather),
    `${They} saw ${withArticle(`${random.pick(tempers)} ${animal}`)} that ${random.pick(["slept", "sat", "waited", "played"])} under a tree.`,
    `${friend} asked, "Have you seen my ${thing}?"`,
    `"I think it is in the ${random.pick(containers)}," said ${friend}.`,
    `${They} opened the ${adjective()} ${random.pick(containers)}, but there was only ${withArticle(second)} in it.`,
    `After that ${pronoun} bought some ${sample(random, fruits, 2).join(" and ")}, which did not cost much.`,
    `The ${job} said that the ${place} would open at ${random.between(2, 11)} o'clock.`,
    `If it rains, we will stay at home and read about ${withArticle(animal)} and ${withArticle(job)}.`,
    `${They} could not find the way, so ${pronoun} asked ${withArticle(`${random.pick(tempers)} ${job}`)}.`,
    `The ${animal} was ${sample(random, tempers, 2).join(" and ")}, and it liked to eat ${random.pick(fruits)}.`,
    `"What a ${random.pick(["day", "house", "garden", "song"])}!" ${pronoun} said and laughed.`,
    `There were ${random.between(3, 60)} people in the ${room}, and most of them knew each other.`,
    `While ${pronoun} ${were} waiting, ${friend} wrote a letter to ${random.pick(names)}.`,
    `${They} put the ${thing} on the table, next to the ${second}.`,
    `Nobody had ever been there before, not even the ${job}.`,
    `It takes about ${random.between(2, 50)} minutes to get there from here.`,
  ];
  const closing = random.pick([
    `At last ${pronoun} found the ${thing} and went home.`,
    `In the end everyone was happy.`,
    `That is how ${friend} became ${withArticle(job)}.`,
    `Then it got dark, and ${pronoun} went back to the ${room}.`,
    `"See you tomorrow," said ${friend}.`,
  ]);
  return [opening, ...sample(random, middle, random.between(2, 8)), closing].join(" ");
}
