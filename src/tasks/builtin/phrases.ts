/** Sentences that fit every task, and small helpers for wording. They state no value, so they can always be dropped. */
import type { RandomStream } from "../../util/random.ts";

const beginnings = [
  "Let us think about this step by step.",
  "This is not hard if we keep things in order.",
  "Let us take this one step at a time.",
  "Let us read the question once more and then go on.",
  "It is best to go slowly here.",
  "To solve this, we go through it in order.",
  "Let us work this out carefully.",
  "We should be careful not to miss anything.",
  "We can solve this by going from start to end.",
  "There is no need to hurry, so we go one step at a time.",
] as const;

const transitions = [
  "Now let us look at the next step.",
  "Let us move on.",
  "Next, we go one step further.",
  "With this in mind, we can continue.",
  "Now we can go on to the next part.",
  "Let us see what comes next.",
  "That takes care of this part, so we go on.",
  "We keep this in mind for the next step.",
  "So far so good, and we can go on.",
  "The next part builds on this.",
  "Let us now read the next part of the question.",
  "We are not done yet.",
] as const;

const checks = [
  "This matches what we expected.",
  "That looks right.",
  "This makes sense.",
  "We can read it again, and it is the same.",
  "There is nothing wrong with this step.",
  "This is what the question tells us.",
  "Going over it once more gives the same result.",
  "This step is easy to see.",
  "So this part is clear.",
  "We have used everything that this part says.",
  "There is no other way to read this.",
  "A second look shows the same thing.",
] as const;

const summaries = [
  "We have now gone through every step.",
  "That was the last step.",
  "Now we have all that we need.",
  "Let us put this together.",
  "Now we can answer the question.",
  "There is nothing left to work out.",
  "To sum up, we went through it in order and checked each step.",
  "We only have to read off the answer.",
  "All the parts of the question have been used.",
  "This brings us to the end.",
] as const;

/** Deals sentences without repeating one inside a rationale. */
export class Deck {
  private readonly cards: string[];

  constructor(cards: readonly string[], random: RandomStream) {
    this.cards = random.shuffle(cards);
  }

  /** Up to `count` sentences not dealt before; fewer where the deck runs out. */
  deal(count: number): string[] {
    return this.cards.splice(0, count);
  }
}

/** Fresh decks of the sentences that fit every task. */
export function commonDecks(random: RandomStream) {
  return {
    beginnings: new Deck(beginnings, random),
    transitions: new Deck(transitions, random),
    checks: new Deck(checks, random),
    summaries: new Deck(summaries, random),
  };
}

const countWords = ["no", "one", "two", "three", "four", "five", "six"] as const;

/** A small count in words: digits are kept for values that a step derives. */
export function countWord(count: number): string {
  const word = countWords[count];
  if (word === undefined) throw new RangeError(`no word for the count ${count}`);
  return word;
}

const ordinalWords = ["first", "second", "third", "fourth", "fifth", "sixth"] as const;

/** "first" for index 0, and so on. */
export function ordinalWord(index: number): string {
  const word = ordinalWords[index];
  if (word === undefined) throw new RangeError(`no word for the index ${index}`);
  return word;
}

/** "a, b, and c"; "a and b" for two. */
export function listed(items: readonly string[]): string {
  if (items.length <= 2) return items.join(" and ");
  return `${items.slice(0, -1).join(", ")}, and ${items.at(-1)}`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
