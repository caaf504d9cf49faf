/**
 * State over many sentences in worlds that are not built in: people walk between rooms, things move between
 * containers, lamps go on and off. The latest statement wins.
 */
import type { RandomStream } from "../../util/random.ts";
import { colors, names } from "../builtin/words.ts";
import { chance, listOf, sample, studentForm } from "./text.ts";
import { asides, containers, rooms, smallThings } from "./vocabulary.ts";

/** One question with its one-sentence reason and its short answer. */
interface Question {
  question: string;
  reason: string;
  answer: string;
}

/** The story and its questions, half of the time in the student's format. */
function put(random: RandomStream, story: string, questions: readonly Question[]): string {
  if (chance(random, 0.5)) {
    const { question, reason, answer } = questions[0]!;
    return studentForm(`${story} ${question}`, reason, answer);
  }
  return `${story} ${questions.map(({ question, reason }) => `${question} ${reason}`).join(" ")}`;
}

function lengthOfStory(random: RandomStream): number {
  return random.pick([3, 4, 5, 6, 8, 10, 14, 20, 30]);
}

/** People walk from room to room. */
export function writeWalks(random: RandomStream): string {
  const people = sample(random, names, random.between(2, 5));
  const places = sample(random, rooms, random.between(3, 7));
  const at = new Map<string, string>();
  const before = new Map<string, string>();
  const sentences: string[] = [];
  const steps = lengthOfStory(random);
  for (let i = 0; i < steps; i++) {
    const name = i < people.length ? people[i]! : random.pick(people);
    const place = random.pick(places.filter((other) => other !== at.get(name)));
    const old = at.get(name);
    if (old !== undefined) before.set(name, old);
    at.set(name, place);
    sentences.push(
      random.pick([
        `${name} went to the ${place}.`,
        `${name} walked to the ${place}.`,
        `${name} moved to the ${place}.`,
        `${name} is in the ${place} now.`,
        old === undefined
          ? `${name} came to the ${place}.`
          : `${name} left the ${old} and went to the ${place}.`,
      ]),
    );
    if (chance(random, 0.1)) sentences.push(random.pick(asides));
  }
  const known = random.shuffle([...at.keys()]);
  const questions = known.slice(0, random.between(1, 4)).map((name): Question => {
    const place = at.get(name)!;
    const old = before.get(name);
    if (old !== undefined && chance(random, 0.25))
      return {
        question: `Where was ${name} before the ${place}?`,
        reason: `${name} was in the ${old} before.`,
        answer: old,
      };
    return {
      question: `Where is ${name}?`,
      reason: random.pick([`${name} is in the ${place}.`, `${name} last went to the ${place}.`]),
      answer: place,
    };
  });
  return put(random, sentences.join(" "), questions);
}

/** Things go from container to container. */
export function writeContainers(random: RandomStream): string {
  const things = sample(random, smallThings, random.between(2, 5));
  const shades = sample(random, colors, 6);
  const boxes = sample(random, containers, random.between(3, 5)).map((box, i) =>
    chance(random, 0.5) ? `${shades[i]} ${box}` : box,
  );
  const inside = new Map<string, string>();
  const sentences: string[] = [];
  const steps = lengthOfStory(random);
  for (let i = 0; i < steps; i++) {
    const thing = i < things.length ? things[i]! : random.pick(things);
    const old = inside.get(thing);
    const box = random.pick(boxes.filter((other) => other !== old));
    const name = random.pick(names);
    inside.set(thing, box);
    sentences.push(
      old === undefined
        ? random.pick([`The ${thing} is in the ${box}.`, `${name} puts the ${thing} into the ${box}.`])
        : random.pick([
            `${name} moves the ${thing} to the ${box}.`,
            `${name} takes the ${thing} out of the ${old} and puts it into the ${box}.`,
            `Now the ${thing} is in the ${box}.`,
          ]),
    );
  }
  const questions = random
    .shuffle([...inside.keys()])
    .slice(0, random.between(1, 3))
    .map((thing): Question => {
      const box = inside.get(thing)!;
      if (chance(random, 0.3)) {
        const content = [...inside.keys()]
          .filter((other) => inside.get(other) === box)
          .map((other) => `the ${other}`);
        return {
          question: `What is in the ${box}?`,
          reason: `The ${box} has ${listOf(content)} in it.`,
          answer: listOf(content),
        };
      }
      return {
        question: `Where is the ${thing}?`,
        reason: random.pick([
          `The ${thing} is in the ${box}.`,
          `The last place of the ${thing} is the ${box}.`,
        ]),
        answer: box,
      };
    });
  return put(random, sentences.join(" "), questions);
}

/** Lamps, doors and numbers on a board that are set again and again. */
export function writeSettings(random: RandomStream): string {
  const board = chance(random, 0.5);
  const keys = board
    ? sample(random, names, random.between(2, 4))
    : sample(random, rooms, random.between(2, 4));
  const values = new Map<string, string>();
  const sentences: string[] = [];
  const steps = lengthOfStory(random);
  for (let i = 0; i < steps; i++) {
    const key = i < keys.length ? keys[i]! : random.pick(keys);
    if (board) {
      const value = chance(random, 0.5) ? String(random.between(2, 99)) : random.pick(colors);
      values.set(key, value);
      sentences.push(
        random.pick([`${key} says ${value}.`, `Then ${key} says ${value}.`, `${key} calls out ${value}.`]),
      );
    } else {
      const value = chance(random, 0.5) ? "open" : "closed";
      values.set(key, value);
      sentences.push(
        random.pick([
          `The door of the ${key} is ${value}.`,
          `${random.pick(names)} leaves the door of the ${key} ${value}.`,
        ]),
      );
    }
  }
  const questions = random
    .shuffle([...values.keys()])
    .slice(0, random.between(1, 3))
    .map((key): Question => {
      const value = values.get(key)!;
      if (board)
        return {
          question: `What did ${key} say last?`,
          reason: `${key} said ${value} last.`,
          answer: value,
        };
      return {
        question: `Is the door of the ${key} open or closed?`,
        reason: `The door of the ${key} is ${value}.`,
        answer: value,
      };
    });
  return put(random, sentences.join(" "), questions);
}
