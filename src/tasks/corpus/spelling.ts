/** Letters of single words, and the joining of letters that are given; never both in one document. */
import type { RandomStream } from "../../util/random.ts";
import { pseudoWord as speakableWord } from "../builtin/pseudo-words.ts";
import { names } from "../builtin/words.ts";
import { chance, listOf, sample, several, studentForm } from "./text.ts";
import { plainWords, pseudoWord } from "./vocabulary.ts";

/** A name, a plain word or a made-up word, with or without a capital. */
export function anyWord(random: RandomStream): string {
  const sort = random.below(10);
  if (sort < 4) return random.pick(names);
  if (sort < 5) return random.pick(plainWords);
  if (sort < 7) return speakableWord(random);
  const word = pseudoWord(random);
  return sort < 9 ? word.charAt(0).toUpperCase() + word.slice(1) : word;
}

/** One statement about one word. */
function spellingStory(random: RandomStream): string {
  const word = anyWord(random);
  const characters = [...word];
  const last = characters.at(-1)!;
  const first = characters[0]!;
  const spelled = characters.join(" ");
  switch (random.below(16)) {
    case 0:
      return `${word} is spelled ${spelled}. The last letter is "${last}".`;
    case 1:
      return `"${word}" is spelled ${spelled}. The first letter is "${first}" and the last letter is "${last}".`;
    case 2:
      return studentForm(
        `What is the last letter of "${word}"?`,
        `The last letter of "${word}" is "${last}".`,
        last,
      );
    case 3:
      return studentForm(`Spell "${word}".`, `The word has ${characters.length} letters.`, spelled);
    case 4:
      return studentForm(
        `What is the first letter of "${word}"?`,
        `"${word}" begins with "${first}".`,
        first,
      );
    case 5:
      return studentForm(
        `What is the last letter of ${word}?`,
        `${word} is spelled ${spelled}, so it ends in "${last}".`,
        last,
      );
    case 6:
      return studentForm(`Which word is spelled ${spelled}?`, "We put the letters together.", word);
    case 7:
      return `"${word}" ends in "${last}".`;
    case 8:
      return `The word "${word}" ends with the letter "${last}".`;
    case 9: {
      const k = random.below(Math.min(characters.length, 4));
      const rank = ["first", "second", "third", "fourth"][k]!;
      return `The ${rank} letter of "${word}" is "${characters[k]}".`;
    }
    case 10:
      return random.pick([
        `"${word}" has "${last}" as its last letter.`,
        `In "${word}" the last letter is "${last}".`,
        `At the end of "${word}" there is "${last}".`,
        `"${word}" - last letter "${last}"`,
        `We spell "${word}" as ${spelled}, and the last letter is "${last}".`,
        `"${word}" is spelled ${spelled}, so it ends with "${last}".`,
      ]);
    case 11:
      return studentForm(`Take the last letter of "${word}".`, `"${word}" ends in "${last}".`, last);
    default:
      return `The last letter of "${word}" is "${last}".`;
  }
}

export function writeSpelling(random: RandomStream): string {
  return several(random, 2, 9, () => spellingStory(random));
}

/** Words of a list, one a line, each with its position: which word is the second one. */
function wordPlace(random: RandomStream): string {
  const words = Array.from({ length: random.between(2, 5) }, () => anyWord(random));
  const k = random.below(words.length);
  const rank = ["first", "second", "third", "fourth", "fifth"][k]!;
  return random.pick([
    studentForm(
      `The words are "${words.join(" ")}". Which is the ${rank} word?`,
      `The ${rank} word is "${words[k]}".`,
      words[k]!,
    ),
    `The words in "${words.join(" ")}" are ${listOf(words.map((word) => `"${word}"`))}.`,
    `"${words.join(" ")}" has ${words.length} words. The ${rank} word is "${words[k]}".`,
  ]);
}

/** Two to five given letters become one string. */
export function joining(random: RandomStream): string {
  const parts = Array.from({ length: random.between(2, 5) }, () =>
    String.fromCharCode(97 + random.below(26)),
  );
  const whole = parts.join("");
  const quoted = parts.map((part) => `"${part}"`);
  return random.pick([
    `${quoted.join(" + ")} -> "${whole}"`,
    `${quoted.join(" + ")} = "${whole}"`,
    `Joining ${listOf(quoted)} gives "${whole}".`,
    `The letters ${listOf(quoted)} together make "${whole}".`,
    `With "${parts.slice(0, -1).join("")}" so far, the letter ${quoted.at(-1)} gives "${whole}".`,
    `"${parts.slice(0, -1).join("")}" and then ${quoted.at(-1)}: so now it is "${whole}".`,
    `We concatenate ${quoted.join(", ")} and get "${whole}".`,
    `Put ${listOf(quoted)} together: "${whole}".`,
    `${quoted.join(", ")} joined in this order is "${whole}".`,
    `The letters ${parts.join(" ")} give ${whole}.`,
    `The string "${whole}" has ${parts.length} letters: ${listOf(quoted)}.`,
    studentForm(`Join the letters ${listOf(quoted)}.`, `We write ${parts.join(" ")} without spaces.`, whole),
    studentForm(`Concatenate ${listOf(quoted)}.`, `Concatenating the letters gives "${whole}".`, whole),
    studentForm(
      `Add the letter ${quoted.at(-1)} to "${whole.slice(0, -1)}".`,
      `"${whole.slice(0, -1)}" + ${quoted.at(-1)} = "${whole}".`,
      whole,
    ),
  ]);
}

export function writeJoining(random: RandomStream): string {
  return several(random, 2, 8, () => joining(random));
}

export function writeWordPlaces(random: RandomStream): string {
  return several(random, 1, 4, () => wordPlace(random));
}

/** The alphabet and pieces of it. */
export function writeAlphabet(random: RandomStream): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz";
  return several(random, 2, 6, () => {
    const k = random.below(25);
    const run = [...alphabet.slice(k, k + random.between(3, 10))];
    const mixed = sample(random, [...alphabet], 5);
    return random.pick([
      `${run.join(" ")} are letters in order.`,
      `After "${alphabet[k]}" comes "${alphabet[k + 1]}".`,
      `Before "${alphabet[k + 1]}" comes "${alphabet[k]}".`,
      `The letters ${listOf(mixed)} in order are ${listOf([...mixed].sort())}.`,
      `"${alphabet[k]!.toUpperCase()}" is the capital of "${alphabet[k]}".`,
      ...(chance(random, 0.2) ? [`The alphabet: ${[...alphabet].join(" ")}.`] : []),
    ]);
  });
}
