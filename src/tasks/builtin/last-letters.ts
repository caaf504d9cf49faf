/** Last letter concatenation: the last letters of two to four words, joined into one string. */
import type { RandomStream } from "../../util/random.ts";
import { commonDecks, countWord, Deck, listed, ordinalWord } from "./phrases.ts";
import { pseudoWord } from "./pseudo-words.ts";
import type { BuiltinProblem, BuiltinTask, Explanation, ExplanationBlock } from "./types.ts";
import { names } from "./words.ts";

function drawWords(random: RandomStream, difficulty: number): string[] {
  const count = difficulty === 1 ? random.between(2, 3) : difficulty === 2 ? random.between(3, 4) : 4;
  const words = new Set<string>();
  while (words.size < count) words.add(random.below(2) === 0 ? random.pick(names) : pseudoWord(random));
  return [...words];
}

const quoted = (text: string): string => `"${text}"`;

function questionOf(words: readonly string[], random: RandomStream): string {
  const all = quoted(words.join(" "));
  return random.pick([
    `Take the last letters of the words in ${all} and concatenate them.`,
    `Take the last letter of each word in ${all} and concatenate them.`,
    `What do you get if you concatenate the last letters of the words in ${all}?`,
    `Take the last letters of ${all} and put them together.`,
    `Join the last letters of the words in ${all}, in order.`,
    `Concatenate the last letter of each word in ${all}.`,
  ]);
}

/** "A l i c e": a small reader sees the letters only this way. */
const spelled = (word: string): string => [...word].join(" ");

/** One way of stating a last letter, kept for a whole rationale. */
const letterForms: readonly ((word: string, letter: string) => string)[] = [
  (word, letter) => `The last letter of ${quoted(word)} is ${quoted(letter)}`,
  (word, letter) => `${quoted(word)} ends with ${quoted(letter)}`,
  (word, letter) => `${quoted(word)} has ${quoted(letter)} as its last letter`,
  (word, letter) => `The word ${quoted(word)} ends in ${quoted(letter)}`,
  (word, letter) => `In ${quoted(word)} the last letter is ${quoted(letter)}`,
  (word, letter) => `At the end of ${quoted(word)} there is ${quoted(letter)}`,
  (word, letter) => `${quoted(word)} - last letter ${quoted(letter)}`,
  (word, letter) => `${quoted(word)} is spelled ${spelled(word)}, so it ends with ${quoted(letter)}`,
  (word, letter) => `Spelling ${quoted(word)} gives ${spelled(word)}, and it ends in ${quoted(letter)}`,
  (word, letter) => `${quoted(word)} is ${spelled(word)}, with ${quoted(letter)} at the end`,
  (word, letter) =>
    `The letters of ${quoted(word)} are ${spelled(word)}, and the last one is ${quoted(letter)}`,
  (word, letter) => `We spell ${quoted(word)} as ${spelled(word)}, and the last letter is ${quoted(letter)}`,
];

const growthForms: readonly ((soFar: string) => string)[] = [
  (soFar) => `, so we have ${quoted(soFar)}`,
  (soFar) => `, so the string is ${quoted(soFar)}`,
  (soFar) => `, which gives ${quoted(soFar)}`,
  (soFar) => `, so now it is ${quoted(soFar)}`,
  (soFar) => `, and the string becomes ${quoted(soFar)}`,
  (soFar) => `, and so far this is ${quoted(soFar)}`,
  (soFar) => `, which makes ${quoted(soFar)}`,
  (soFar) => `, and we get ${quoted(soFar)}`,
];

function explain(words: readonly string[], random: RandomStream): Explanation {
  const common = commonDecks(random);
  const found = words.map((word) => word.at(-1)!);
  const joined = found.join("");
  const count = countWord(words.length);
  const sayLetter = random.pick(letterForms);
  const sayGrowth = random.pick(growthForms);
  // The string grows with each letter, or the letters are joined in one step of their own, or both.
  const growing = random.below(2) === 0;
  const joining = !growing || words.length === 2 || random.below(3) === 0;

  const restatements = [
    random.pick([
      `We are given ${count} words: ${listed(words.map(quoted))}.`,
      `The words are ${listed(words.map(quoted))}.`,
      `There are ${count} words in the question.`,
      `The question gives us the words ${listed(words.map(quoted))}.`,
      `We have to look at ${count} words, and the first one is ${quoted(words[0]!)}.`,
    ]),
    random.pick([
      "We need the last letter of each of them.",
      "From each word we take only the last letter.",
      "Only the letter at the end of each word matters.",
      "The task is to take the last letter of every word.",
      "All the other letters can be left out.",
    ]),
    random.pick([
      "To concatenate means to write the letters one after the other.",
      "Then the letters are put together in the same order.",
      "At the end we join the letters without any spaces.",
      "The letters have to stay in the order of the words.",
      "In the end we get one short string.",
    ]),
    random.pick([
      `The answer will have ${count} letters.`,
      `As there are ${count} words, we will find ${count} letters.`,
      `So we look for a string of ${count} letters.`,
      "The answer has one letter for each word.",
    ]),
  ];

  const nextTransitions = new Deck(
    [
      "Now let us look at the next word.",
      "Let us go to the next word.",
      "The next word is waiting.",
      "We go on with the next word.",
      "One more word comes now.",
      "Let us read the next word.",
      "We do the same with the word after it.",
      "Now comes another word.",
    ],
    random,
  );
  const letterChecks = new Deck(
    [
      "No letter comes after it.",
      "This is the letter at the very end.",
      "The letters before it do not matter.",
      "We only need this one letter of the word.",
      "This word is done.",
      "The rest of the word can be left out.",
      "It is a small letter.",
      "We write it down.",
    ],
    random,
  );
  const blocks: ExplanationBlock[] = words.map((word, i) => {
    const letter = found[i]!;
    const soFar = found.slice(0, i + 1).join("");
    return {
      transitions: [
        ...(i > 0
          ? nextTransitions.deal(1)
          : [
              ...common.beginnings.deal(1),
              random.pick([
                "We go through the words from left to right.",
                "Let us take the words one by one.",
                "A good way is to read each word up to its end.",
                "Let us go word by word.",
                "We can find the letters first and think about the order as we go.",
              ]),
              random.pick([
                "Let us begin with the first word.",
                "We start on the left.",
                "First word first.",
              ]),
            ]),
        random.pick([
          `The ${ordinalWord(i)} word is ${quoted(word)}.`,
          `Let us look at ${quoted(word)}.`,
          `Now we read ${quoted(word)}.`,
          `We take the word ${quoted(word)}.`,
          `Here we have ${quoted(word)}.`,
          `What is at the end of ${quoted(word)}?`,
          `Word number ${countWord(i + 1)} is ${quoted(word)}.`,
          `This time we need the end of ${quoted(word)}.`,
        ]),
        ...(i > 0 ? common.transitions.deal(1) : []),
      ],
      reasoning: `${sayLetter(word, letter)}${growing ? sayGrowth(soFar) : ""}.`,
      checks: [
        random.pick([
          `Indeed, ${quoted(word)} ends with ${quoted(letter)}.`,
          `If we read ${quoted(word)} again, we see ${quoted(letter)} at its end.`,
          `So ${quoted(letter)} is the letter that we take from ${quoted(word)}.`,
          `The ${ordinalWord(i)} letter of the answer is ${quoted(letter)}.`,
          `We keep ${quoted(letter)} in mind.`,
          `So ${quoted(word)} gives us ${quoted(letter)}.`,
        ]),
        ...letterChecks.deal(2),
        ...common.checks.deal(1),
      ],
    };
  });
  if (joining) {
    const listedLetters = found.map(quoted).join(", ");
    blocks.push({
      transitions: [
        random.pick([
          "Now we have to put the letters together.",
          "All the letters are there, so we can join them.",
          "The next thing to do is to join the letters.",
          "That was the last word, so now we join the letters.",
          "Let us now concatenate the letters.",
        ]),
        ...common.transitions.deal(1),
      ],
      reasoning: random.pick([
        `Putting ${listedLetters} together gives ${quoted(joined)}.`,
        `Joining ${listedLetters} makes ${quoted(joined)}.`,
        `If we join ${listedLetters}, we get ${quoted(joined)}.`,
        `The letters ${listedLetters} in order make ${quoted(joined)}.`,
        `Together, ${listed(found.map(quoted))} become ${quoted(joined)}.`,
        `We concatenate ${listedLetters} and get ${quoted(joined)}.`,
        `So ${listed(found.map(quoted))} are joined to ${quoted(joined)}.`,
        `Written one after the other, ${listedLetters} give ${quoted(joined)}.`,
      ]),
      checks: [
        random.pick([
          "The order is the same as in the question.",
          `The string has ${count} letters, one for each word.`,
          "No letter is missing.",
          "There are no spaces in it.",
        ]),
        ...common.checks.deal(1),
      ],
    });
  }

  const summaries = [
    ...common.summaries.deal(1),
    random.pick([
      "There are no more words.",
      `All ${count} words are done now.`,
      "We have read every word.",
      "That was the end of the list of words.",
    ]),
    random.pick([
      `To sum up, the letters are ${listed(found.map(quoted))}.`,
      `The letters we found are ${listed(found.map(quoted))}.`,
      `In order, we have ${listed(found.map(quoted))}.`,
      `So the words gave us ${listed(found.map(quoted))}.`,
      `Once more, ${words.map((word, i) => `${quoted(word)} gave ${quoted(found[i]!)}`).join(", ")}.`,
    ]),
    random.pick([
      `We started with ${quoted(words[0]!)} and ended with ${quoted(words.at(-1)!)}.`,
      `These are ${count} letters for ${count} words.`,
      `The string begins with ${quoted(found[0]!)} and ends with ${quoted(found.at(-1)!)}.`,
      "The letters stand in the order of the words.",
      "Nothing else has to be added to the string.",
    ]),
  ];
  const answer = random.pick([
    `So the answer is ${quoted(joined)}.`,
    `Therefore, the answer is ${quoted(joined)}.`,
    `The last letters together are ${quoted(joined)}.`,
    `So the final string is ${quoted(joined)}.`,
    `Thus we get ${quoted(joined)} as the answer.`,
    `The result is ${quoted(joined)}.`,
    `In the end, the last letters make ${quoted(joined)}.`,
    `So our answer is the string ${quoted(joined)}.`,
    `This means that the answer is ${quoted(joined)}.`,
  ]);
  return { restatements, blocks, summaries, answer };
}

export const lastLetterConcatenation: BuiltinTask = {
  name: "last_letter_concatenation",
  title: "Last letter concatenation",
  description: "The answer is the string of the last letters of two to four names or invented words.",
  answerKind: "last_letter_concatenation",
  chance: 0,
  problem(random, { difficulty }): BuiltinProblem {
    const words = drawWords(random, difficulty);
    return {
      question: questionOf(words, random),
      answer: words.map((word) => word.at(-1)!).join(""),
      explain: (wording) => explain(words, wording),
    };
  },
};
