/** Invented, pronounceable names, so that last letters cannot be learned by heart from a list of names. */
import type { RandomStream } from "../../util/random.ts";

const onsets = ["b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "r", "s"];
const moreOnsets = ["st", "t", "tr", "v", "w", "z"];
const vowels = ["a", "e", "i", "o", "u"];
const endings = [
  "b",
  "c",
  "d",
  "f",
  "g",
  "h",
  "k",
  "l",
  "m",
  "n",
  "p",
  "r",
  "s",
  "t",
  "v",
  "w",
  "x",
  "y",
  "z",
];

/** Two or three syllables, first letter upper case, 4 to 9 letters, e.g. "Brumok". */
export function pseudoWord(random: RandomStream): string {
  const syllables = random.below(4) === 0 ? 3 : 2;
  let word = "";
  for (let i = 0; i < syllables; i++) word += random.pick([...onsets, ...moreOnsets]) + random.pick(vowels);
  // A vowel at the end is common in real names already, so most invented ones end in a consonant.
  if (random.below(4) !== 0) word += random.pick(endings);
  return word.charAt(0).toUpperCase() + word.slice(1);
}
