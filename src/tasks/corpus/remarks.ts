/**
 * General remarks on games, coins, words, dates and sums: the function words of an explanation without any value
 * that is worked out. They give the base student the vocabulary of a teacher, not a teacher's solutions.
 */
import type { RandomStream } from "../../util/random.ts";
import { names } from "../builtin/words.ts";
import { chance, sample } from "./text.ts";

const general = [
  "Remember what we want to know before you begin.",
  "If something is missing, we should look for it again.",
  "There is no hurry, and it is best to go one step further only when the last one is clear.",
  "Some steps are easy and some are hard, but none should be left out.",
  "Once everything has been checked, we can give our final answer.",
  "Thus we know where we started and where we ended.",
  "This must be the one, since there is not any other.",
  "Let us follow the text and see what it tells us.",
  "Only one of these answers is right, and the others are wrong.",
  "To solve a question means to find what it asks for.",
  "Going back over the steps, we miss nothing.",
  "Take care, and do not go too far.",
  "Every part is used, and the parts fit together.",
  "It does not matter which way we choose, for both bring us to the same place.",
  "Looking at it once more, we find nothing wrong.",
  "As was said before, this is fine.",
  "We have not come to the end yet.",
  "For now we can leave it as it is and go further.",
  "Does this make sense? Yes, it does.",
  "The goal is to say whether it is true.",
  "Another way to see it is to read from the end to the start.",
  "The best way is to write each thing down as it happens.",
  "When we compare the two, they are not very different.",
  "All of the steps have been done, so the work is over.",
  "That is the only fact we still need, and it follows from the text.",
  "What else is there to do? Almost nothing.",
  "These are all the things that we were told, and we pick the one that we need.",
  "Together, the steps led us to the end, and the time that has passed was not long.",
  "When all of it is gone over, we can also say why.",
] as const;

const games = [
  "In a game each player has exactly one thing.",
  "The players take turns, and a person who is not in a swap just watches.",
  "Swap after swap, the list is written again.",
  "During a swap two people give away what they held and get what the other person had.",
  "No two players have the same color, so the colors tell the things apart.",
  "After a swap the two have traded places in the list.",
  "We keep track of the colors, as each color appears once in every list.",
  "A swap never makes a thing go away; it only changes who has it.",
  "Whoever took no part no longer has to be looked at, because that person keeps the same one.",
  "Each set of lists has as many colors as there are players.",
] as const;

const coins = [
  "A coin has two sides, heads and tails.",
  "If a person flips a coin, the other side is up.",
  "If nobody touches the coin, it stays the way it is.",
  "Someone may flip a coin, or may pass it on without a flip.",
  "A coin that was turned over shows its other side.",
  "A coin that has not been flipped or touched is left alone.",
  "The coin goes around from one person to another.",
  "We want to know whether heads is up at the end.",
] as const;

const words = [
  "A word is made of letters, and the final letter stands at the very end.",
  "Spelling a word means saying its letters one after the other.",
  "To concatenate is to join pieces without a space.",
  "Written together, letters become a string.",
  "Putting letters in order is not hard if no letter is missing.",
  "From a word we may take the first letter or the last one.",
  "The task is to read words from left to right.",
  "Word by word, the letters stand in a line.",
  "A letter that is added comes after the others.",
] as const;

const dates = [
  "A date has a month, a day, and a year.",
  "In the form MM/DD/YYYY the month comes first.",
  "Dates can be counted forward or back.",
  "Adding days to a date may lead to another month.",
  "Our calendar has twelve months, and only February is short.",
  "A week has seven days, and a year has twelve months.",
  "Two dates that are some days apart are not the same day.",
  "The day after the last day of a month is the first day of the next one.",
  "Also the year must be right, as it was already given.",
] as const;

const sums = [
  "To add is to put numbers together, and to subtract is to take one away.",
  "Multiplying means adding the same number many times.",
  "Dividing means making parts of the same size.",
  "An equation has the same value on both sides.",
  "If something is taken away, the number is smaller.",
  "If someone buys a few more, the number goes up.",
  "Small sums are easy, and larger ones take a little longer.",
  "The results can be checked by going back.",
  "When things happen one after the other, the number changes each time something happens.",
  "Nothing is left over when each part counts the same.",
  "A story adds numbers and asks for one number at the end.",
  "What happened first is told first, and the rest of the story follows.",
] as const;

const topics = [games, coins, words, dates, sums] as const;

/** One remark that fits any question. */
export function generalRemark(random: RandomStream): string {
  return random.pick(general);
}

/** Remarks on one topic among general ones, sometimes as a talk between two people. */
export function writeRemarks(random: RandomStream): string {
  const topic = random.pick(topics);
  const said = random.shuffle([
    ...sample(random, topic, random.between(2, 6)),
    ...sample(random, general, random.between(1, 6)),
  ]);
  if (chance(random, 0.7)) return said.join(chance(random, 0.25) ? "\n" : " ");
  const [one, two] = sample(random, names, 2) as [string, string];
  return said.map((text, i) => `${i % 2 === 0 ? one : two}: ${text}`).join("\n");
}
