/** Copying: repeated random spans (pure induction), restated sentences, copies with one thing replaced. */
import type { RandomStream } from "../../util/random.ts";
import { colors, heldThings, months, names } from "../builtin/words.ts";
import { chance, listOf, sample, studentForm } from "./text.ts";
import { cities, plainWords, pseudoWord, rooms, smallThings } from "./vocabulary.ts";

/** A sequence of `length` random items of one sort; items may come back. */
function sequence(random: RandomStream, length: number): string[] {
  const sort = random.below(9);
  const item = (): string => {
    switch (sort) {
      case 0:
        return random.pick(names);
      case 1:
        return random.pick(colors);
      case 2:
        return String(random.below(chance(random, 0.5) ? 10 : 200));
      case 3:
        return String.fromCharCode(97 + random.below(26));
      case 4:
        return pseudoWord(random);
      case 5:
        return `${random.pick(colors)} ${random.pick(heldThings)}`;
      case 6:
        return random.pick([
          random.pick(names),
          random.pick(colors),
          String(random.below(100)),
          random.pick(months),
        ]);
      default:
        return random.pick(plainWords);
    }
  };
  return Array.from({ length }, item);
}

/** A long random span, again and again, without a cue: only looking back predicts the second round. */
export function writeInduction(random: RandomStream): string {
  const length = random.pick([5, 8, 12, 20, 30, 45, 60, 80]);
  const span = sequence(random, length);
  const joint = random.pick([" ", " ", ", ", "\n", "; "]);
  const parts = [...span];
  const rounds = length <= 20 ? random.between(1, 3) : 1;
  for (let i = 0; i < rounds; i++) {
    if (chance(random, 0.3)) parts.push(...sequence(random, random.between(1, 6)));
    // A part of the span from any place, so that the way back has any length.
    const from = chance(random, 0.5) ? 0 : random.below(Math.floor(length / 2));
    parts.push(...span.slice(from));
  }
  return parts.join(joint);
}

/** Plain statements to restate. */
function statement(random: RandomStream): string {
  const [one, two] = sample(random, names, 2) as [string, string];
  const thing = `${random.pick(colors)} ${random.pick(heldThings)}`;
  return random.pick([
    () => `${one} has the ${thing}.`,
    () => `${one} gave the ${random.pick(smallThings)} to ${two}.`,
    () => `${one} is in the ${random.pick(rooms)}, and ${two} is in the ${random.pick(rooms)}.`,
    () => `The ${thing} is next to the ${random.pick(smallThings)}.`,
    () => `${one} met ${two} in ${random.pick(cities)} in ${random.pick(months)}.`,
    () => `${one} has ${random.between(2, 200)} points and ${two} has ${random.between(2, 200)} points.`,
    () => `"${pseudoWord(random)}" and "${pseudoWord(random)}" are two words.`,
    () => `${listOf(sample(random, names, 3))} sit at one table.`,
    () => `The words are ${listOf(sequence(random, 4))}.`,
  ])();
}

/** A text given once and then restated word for word. */
export function writeRestatement(random: RandomStream): string {
  const text = Array.from({ length: random.pick([1, 2, 3, 4, 6, 8]) }, () => statement(random)).join(" ");
  switch (random.below(6)) {
    case 0:
      return `Restate: ${text} ### ${text}`;
    case 1:
      return `${text} Say it again: ${text}`;
    case 2:
      return `${text}\nThe text once more:\n${text}`;
    case 3:
      return `We are told the following. ${text} Let us repeat what we are told. ${text}`;
    case 4: {
      const sentences = text.split(/(?<=\.) /);
      const k = random.below(sentences.length);
      const rank = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"][k]!;
      return studentForm(
        `${text} Which sentence is the ${rank} one?`,
        `We count to the ${rank} one.`,
        sentences[k]!,
      );
    }
    default:
      return `Copy: ${text}\nCopy: ${text}`;
  }
}

/** Lists that are repeated, looked up by place, or copied with one item replaced. */
export function writeListCopy(random: RandomStream): string {
  const items = [...new Set(sequence(random, random.between(4, 16)))];
  while (items.length < 3) items.push(pseudoWord(random));
  const text = items.join(", ");
  const k = random.below(items.length);
  const item = items[k]!;
  switch (random.below(7)) {
    case 0:
      return studentForm(`Repeat: ${text}`, "Here it is.", text);
    case 1: {
      const other = chance(random, 0.5) ? random.pick(plainWords) : random.pick(names);
      const changed = items.map((old) => (old === item ? other : old)).join(", ");
      return studentForm(
        `List: ${text}. Write ${other} instead of ${item}.`,
        `${item} becomes ${other}.`,
        changed,
      );
    }
    case 2: {
      const follower = items[(k + 1) % items.length]!;
      if (k + 1 === items.length)
        return `The list is ${text}. The last one is ${item}. The first one is ${follower}.`;
      return studentForm(
        `The list is ${text}. What comes right after ${item}?`,
        `In the list, ${item} is followed by ${follower}.`,
        follower,
      );
    }
    case 3: {
      const at = Math.min(k, 5);
      const rank = ["first", "second", "third", "fourth", "fifth", "sixth"][at]!;
      return studentForm(
        `The list is ${text}. Which one is the ${rank}?`,
        `The ${rank} one is ${items[at]}.`,
        items[at]!,
      );
    }
    case 4:
      return `The list is ${text}. It has ${items.length} items. In lines:\n${items.map((each, i) => `${i + 1}. ${each}`).join("\n")}\nThe list in one line is ${text}.`;
    case 5: {
      const without = items.filter((each) => each !== item).join(", ");
      return studentForm(`List: ${text}. Leave out ${item}.`, `We drop ${item} and keep the rest.`, without);
    }
    default:
      return `Repeat: ${text}\n${text}\nRepeat: ${text}\n${text}`;
  }
}

/** Events in order, asked for by their rank or neighbour; nothing is carried from one event to the next. */
export function writeOrder(random: RandomStream): string {
  const people = sample(random, names, random.between(3, 6));
  const verb = random.pick([
    "greet each other",
    "shake hands",
    "sing a song",
    "dance",
    "talk",
    "play chess",
    "take a walk",
  ]);
  const count = random.between(2, 5);
  const pairs = Array.from({ length: count }, () => sample(random, people, 2) as [string, string]);
  const words = ["no", "one", "two", "three", "four", "five", "six"];
  const leads = ["First", "Then", "Next", "After that", "Finally"];
  const events = pairs.map(([one, two], i) => {
    const word = i === 0 ? "First" : i === count - 1 ? "Finally" : leads[random.between(1, 3)];
    return `${word}, ${one} and ${two} ${verb}.`;
  });
  const k = random.below(count);
  const rank = ["first", "second", "third", "fourth", "fifth"][k]!;
  const [one, two] = pairs[k]!;
  const text = `${listOf(people)} meet at a party. ${events.join(" ")}`;
  switch (random.below(5)) {
    case 0:
      return studentForm(
        `${text} Who are the ${rank} two?`,
        `The ${rank} two are ${one} and ${two}.`,
        `${one} and ${two}`,
      );
    case 1:
      return `${text} In short: ${pairs.map((pair, i) => `(${i + 1}) ${pair[0]} and ${pair[1]}`).join(", ")}. There are ${count} events.`;
    case 2:
      return `${text} The question is about ${listOf(people)}. There are ${words[people.length]} people, and they ${verb} ${count === 1 ? "once" : `${words[count]} times`}. The pairs are, in order, ${pairs.map((pair) => pair.join(" and ")).join(", then ")}.`;
    case 3: {
      const last = pairs.at(-1)!;
      return `${text} First come ${pairs[0]!.join(" and ")}. Last come ${last.join(" and ")}. After that, nobody else does anything.`;
    }
    default:
      return `${text} The ${rank} time, ${one} and ${two} ${verb}. ${k + 1 < count ? `Right after that, ${pairs[k + 1]![0]} and ${pairs[k + 1]![1]} ${verb}.` : "That is the last event."}`;
  }
}
