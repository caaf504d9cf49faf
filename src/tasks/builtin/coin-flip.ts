/** Coin flip: a coin starts heads up, some people flip it and some do not; is it still heads up? */
import type { RandomStream } from "../../util/random.ts";
import { commonDecks, countWord, Deck, listed } from "./phrases.ts";
import type { BuiltinProblem, BuiltinTask, Explanation, ExplanationBlock } from "./types.ts";
import { names } from "./words.ts";

interface Toss {
  people: string[];
  flips: boolean[];
}

type Side = "heads" | "tails";
const sideAfter = (flipCount: number): Side => (flipCount % 2 === 0 ? "heads" : "tails");

function drawToss(random: RandomStream, difficulty: number): Toss {
  const count = difficulty === 1 ? random.between(2, 4) : difficulty === 2 ? random.between(3, 5) : 5;
  const people = random.shuffle(names).slice(0, count);
  return { people, flips: people.map(() => random.below(2) === 0) };
}

function questionOf({ people, flips }: Toss, random: RandomStream): string {
  const [flip, keep] = random.pick([
    ["flips the coin", "does not flip the coin"],
    ["flips the coin", "does not flip the coin"],
    ["turns the coin over", "does not turn the coin over"],
    ["flips it", "does not flip it"],
  ] as const);
  const opening = random.pick([
    "A coin is heads up.",
    "A coin is heads up at the start.",
    "There is a coin on the table, heads up.",
    "A coin lies heads up.",
  ]);
  const told = people.map((person, i) => `${person} ${flips[i] ? flip : keep}.`).join(" ");
  return `${opening} ${told} Is the coin still heads up?`;
}

/** The state clause of one rationale, the same after each person. */
const sideForms: readonly ((side: Side) => string)[] = [
  (side) => `the coin is ${side} up`,
  (side) => `it is ${side} up`,
  (side) => `the coin is now ${side} up`,
  (side) => `it is now ${side} up`,
  (side) => `the coin shows ${side}`,
  (side) => `it shows ${side}`,
  (side) => `${side} is on top`,
  (side) => `the side on top is ${side}`,
];

function explain({ people, flips }: Toss, random: RandomStream): Explanation {
  const common = commonDecks(random);
  const say = random.pick(sideForms);
  const flippers = people.filter((_, i) => flips[i]);
  const final = sideAfter(flippers.length);

  const restatements = [
    random.pick([
      "The question is about a coin that some people may flip.",
      "We have one coin, and it is passed from one person to the next.",
      "There is one coin in this question.",
      "A coin goes around, and each person may turn it or leave it.",
      "This is a question about one coin.",
    ]),
    random.pick([
      `There are ${countWord(people.length)} people here: ${listed(people)}.`,
      `${listed(people)} get the coin, one after the other.`,
      `The people are ${listed(people)}.`,
      `First comes ${people[0]}, and last comes ${people.at(-1)}.`,
      `The coin goes to ${countWord(people.length)} people, from ${people[0]} to ${people.at(-1)}.`,
    ]),
    random.pick([
      "Some of them may flip the coin, and some may not.",
      "For each person we are told if the coin is flipped or not.",
      "Each of them does one thing with the coin.",
      "The question says what each person does.",
    ]),
    random.pick([
      "We want to know if the coin is heads up at the end.",
      "The question is whether the coin is still heads up.",
      "We need to find which side is up after everyone is done.",
      "In the end we must say yes or no.",
      "The answer is yes only if the coin ends with heads up.",
    ]),
    random.pick([
      "A flip turns heads into tails, and tails into heads.",
      "Each flip changes the side that is up.",
      "If nobody touches the coin, the side that is up stays the same.",
      "Remember that two flips bring the coin back.",
    ]),
  ];

  const startChecks = new Deck(
    [
      "This is given in the question.",
      "Nobody has touched the coin yet.",
      "The coin has to be heads up again at the end for a yes.",
      "So heads is where we begin.",
      "No flip has been made so far.",
    ],
    random,
  );
  const blocks: ExplanationBlock[] = [
    {
      transitions: [
        ...common.beginnings.deal(1),
        random.pick([
          "We can follow the coin from person to person.",
          "Let us write down the side that is up after each person.",
          "A good way is to go through the people in order.",
          "We keep track of the side of the coin all the time.",
        ]),
        random.pick([
          "Let us begin with the coin as it is at the start.",
          "First, we look at how the coin starts.",
          "We begin before anyone has the coin.",
          "Here is the start.",
          "Let us see which side is up first.",
        ]),
      ],
      reasoning: random.pick([
        "The coin starts heads up.",
        "At the start, the coin is heads up.",
        "In the beginning the coin is heads up.",
        "At first it is heads up.",
        "Start: heads up.",
        "To begin with, heads is up.",
        "We start with heads up.",
        "Before anyone flips, the coin is heads up.",
      ]),
      checks: [...startChecks.deal(2), ...common.checks.deal(1)],
    },
  ];

  const nextTransitions = new Deck(
    [
      "Now let us look at the next person.",
      "The coin goes on to the next person.",
      "Let us see what the next person does.",
      "Someone else has the coin now.",
      "We pass the coin on.",
      "Next in line is another person.",
      "We go on to the next person.",
      "The next person comes now.",
    ],
    random,
  );
  const flipChecks = new Deck(
    [
      "A flip always changes the side.",
      "That is what a flip does.",
      "Here the side had to change.",
      "The coin was turned over, so the other side is up.",
      "So this person did change the coin.",
    ],
    random,
  );
  const keepChecks = new Deck(
    [
      "Without a flip the side stays as it is.",
      "Nothing was done to the coin here.",
      "The coin was left alone this time.",
      "This person did not change the coin.",
      "No flip means no change.",
    ],
    random,
  );
  const flipLeads = random.shuffle(flipWords);
  const keepLeads = random.shuffle(keepWords);
  let flipCount = 0;
  for (const [i, person] of people.entries()) {
    const before = sideAfter(flipCount);
    if (flips[i]) flipCount += 1;
    const after = sideAfter(flipCount);
    const lead = flips[i] ? flipLeads[i]! : keepLeads[i]!;
    blocks.push({
      transitions: [
        ...(i > 0
          ? nextTransitions.deal(1)
          : [
              random.pick([
                "Now comes the first person.",
                "Let us give the coin to the first person.",
                "Then the first person gets the coin.",
                "We can start with the people now.",
              ]),
            ]),
        random.pick([
          `Now it is the turn of ${person}.`,
          `${person} has the coin now.`,
          `Let us look at ${person}.`,
          `The next one is ${person}.`,
          `What does ${person} do with the coin?`,
          `Here comes ${person}.`,
          `The question tells us what ${person} does.`,
          `Let us see what ${person} does.`,
        ]),
        ...(i > 0 ? common.transitions.deal(1) : []),
      ],
      reasoning: `${lead(person)}${say(after)}.`,
      checks: [
        ...(flips[i] ? flipChecks : keepChecks).deal(1),
        random.pick(
          flips[i]
            ? [
                `It was ${before} up before ${person}, and now it is ${after} up.`,
                `So ${person} turned ${before} into ${after}.`,
                `With ${before} before, the other side is ${after}.`,
                `Since ${person} flips, ${before} becomes ${after}, as we said.`,
              ]
            : [
                `It was ${before} up before ${person}, and that has not changed.`,
                `So ${person} left it at ${before}.`,
                `With ${before} before and no flip, we still have ${after}.`,
                `Since ${person} does not flip, ${after} stays up, as we said.`,
              ],
        ),
        random.pick([
          `So after ${person} we have ${after} up.`,
          `We keep in mind that ${after} is up after ${person}.`,
          `After ${person}, the side that is up is ${after}.`,
          `Once more, ${person} hands on the coin with ${after} up.`,
        ]),
        ...common.checks.deal(1),
      ],
    });
  }

  const summaries = [
    ...common.summaries.deal(1),
    random.pick([
      "That was the last person.",
      "Nobody else has the coin after this.",
      `All ${countWord(people.length)} people are done now.`,
      "We have gone through all of the people.",
      "Everyone has had the coin now.",
    ]),
    random.pick([
      flippers.length === 0
        ? "Nobody flipped the coin at all."
        : `The coin was flipped by ${listed(flippers)}.`,
      `To sum up, there ${flippers.length === 1 ? "was one flip" : `were ${countWord(flippers.length)} flips`} in all.`,
      `In all, we counted ${countWord(flippers.length)} ${flippers.length === 1 ? "flip" : "flips"}.`,
    ]),
    random.pick([
      `The coin went from heads at the start to ${final} at the end.`,
      `It started with heads up, and we ended with ${final} up.`,
      `The last side we found was ${final}.`,
      `After ${people.at(-1)} the coin has ${final} up.`,
      `So ${final} is what we see at the end.`,
    ]),
    random.pick([
      "The question was whether it is still heads up.",
      "We were asked if heads is up.",
      "Now we compare this with the start.",
      "Remember that the coin started heads up.",
    ]),
  ];
  const answer = random.pick(
    final === "heads"
      ? [
          "So at the end the coin is still heads up, and the answer is yes.",
          "Therefore, the coin is still heads up, so the answer is yes.",
          "So yes, the coin is still heads up.",
          "The coin is heads up at the end, so we answer yes.",
          "Thus the answer is yes, it is still heads up.",
          "In the end heads is up, so the answer is yes.",
          "This means that the coin is heads up, and the answer is yes.",
          "Yes, at the end the coin is heads up.",
        ]
      : [
          "So at the end the coin is tails up, and the answer is no.",
          "Therefore, the coin is not heads up, so the answer is no.",
          "So no, the coin is not heads up any more.",
          "The coin is tails up at the end, so we answer no.",
          "Thus the answer is no, it is not heads up.",
          "In the end tails is up, so the answer is no.",
          "This means that the coin is tails up, and the answer is no.",
          "No, at the end the coin is tails up.",
        ],
  );
  return { restatements, blocks, summaries, answer };
}

const flipWords: readonly ((person: string) => string)[] = [
  (person) => `${person} flips the coin, so `,
  (person) => `${person} flips, so `,
  (person) => `After ${person} flips the coin, `,
  (person) => `${person} turns the coin over, and `,
  (person) => `When ${person} flips it, the side changes, so `,
  (person) => `${person} flips it, which means that `,
  (person) => `Then ${person} flips the coin: `,
  (person) => `Because ${person} flips the coin, `,
];

const keepWords: readonly ((person: string) => string)[] = [
  (person) => `${person} does not flip the coin, so `,
  (person) => `${person} does not flip, so `,
  (person) => `After ${person}, who does not flip it, `,
  (person) => `${person} leaves the coin as it is, and `,
  (person) => `When ${person} gets it, nothing changes, so `,
  (person) => `${person} does not flip it, which means that `,
  (person) => `Then ${person} does not flip the coin: `,
  (person) => `Because ${person} does not flip the coin, `,
];

export const coinFlip: BuiltinTask = {
  name: "coin_flip",
  title: "Coin flip",
  description:
    "A coin starts heads up and some people flip it; the answer says whether it is still heads up.",
  answerKind: "coin_flip",
  chance: 1 / 2,
  problem(random, { difficulty }): BuiltinProblem {
    const toss = drawToss(random, difficulty);
    const flipCount = toss.flips.filter(Boolean).length;
    return {
      question: questionOf(toss, random),
      answer: sideAfter(flipCount) === "heads" ? "yes" : "no",
      explain: (wording) => explain(toss, wording),
    };
  },
};
