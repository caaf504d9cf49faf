/** How the teacher words a tracking game: the full list of who has what at the start and after every swap. */
import type { RandomStream } from "../../util/random.ts";
import { commonDecks, countWord, Deck, listed, ordinalWord } from "./phrases.ts";
import type { Game } from "./tracking.ts";
import type { Explanation, ExplanationBlock } from "./types.ts";
import { letters, plural } from "./words.ts";

/** One way of writing who has what, kept for a whole rationale. */
type StateWords = (people: readonly string[], held: readonly string[]) => string;
type StateForm = (thing: string) => StateWords;

const shortStateForms: readonly StateForm[] = [
  () => (people, held) => listed(people.map((person, i) => `${person} has ${held[i]}`)),
  () => (people, held) => listed(people.map((person, i) => `${person} holds ${held[i]}`)),
  () => (people, held) => people.map((person, i) => `${person} has ${held[i]}`).join(", "),
  () => (people, held) => people.map((person, i) => `${person} - ${held[i]}`).join(", "),
  () => (people, held) => people.map((person, i) => `${person} = ${held[i]}`).join(", "),
  () => (people, held) => people.map((person, i) => `${person} ${held[i]}`).join(", "),
];

/** Kept for games of two swaps, which leave room for more words. */
const longStateForms: readonly StateForm[] = [
  () => (people, held) => listed(people.map((person, i) => `${person} has the ${held[i]} one`)),
  (thing) => (people, held) =>
    `${people[0]} has the ${held[0]} ${thing}, ${people[1]} ${held[1]}, and ${people[2]} ${held[2]}`,
  (thing) => (people, held) => listed(people.map((person, i) => `${person} has the ${held[i]} ${thing}`)),
];

/** The start of a swap's reasoning; always names who swaps, so that the step can be followed on its own. */
type SwapLead = (x: string, y: string, fromX: string, fromY: string) => string;

const shortSwapLeads: readonly SwapLead[] = [
  (x, y) => `${x} and ${y} swap: `,
  (x, y) => `${x} and ${y} swap, so now `,
  (x, y) => `After ${x} and ${y} swap, `,
  (x, y) => `Once ${x} and ${y} swap, `,
  (x, y) => `With ${x} and ${y} swapped, `,
  (x, y) => `${x} swaps with ${y}: `,
  (x, y) => `${x} swaps with ${y}, and now `,
  (x, y) => `When ${x} and ${y} swap, `,
];

const longSwapLeads: readonly SwapLead[] = [
  (x, y) => `When ${x} and ${y} swap, we get this: `,
  (x, y) => `Because ${x} and ${y} swap, we now have this: `,
  (x, y, fromX, fromY) => `${x} gives ${fromX} to ${y} and gets ${fromY}, so `,
  (x, y, fromX, fromY) => `${x} trades ${fromX} for ${fromY} with ${y}: `,
];

export function explainGame(game: Game, random: RandomStream): Explanation {
  const { people, thing, states, swaps } = game;
  const things = plural(thing);
  const target = people[game.target]!;
  const final = states.at(-1)!;
  const finalColor = final[game.target]!;
  const startColor = states[0]![game.target]!;
  const choice = `(${letters[game.choices.indexOf(finalColor)]})`;
  const common = commonDecks(random);
  const short = swaps.length > 2;
  const say = random.pick(short ? shortStateForms : [...shortStateForms, ...longStateForms])(thing);
  const pairNames = ([a, b]: readonly [number, number]) => `${people[a]} and ${people[b]}`;

  const restatements = [
    random.pick([
      `There are three people here: ${listed(people)}.`,
      `The question is about ${listed(people)}.`,
      `We have three people, and they are ${listed(people)}.`,
      `${listed(people)} are the three players.`,
      `Three people play this game: ${listed(people)}.`,
    ]),
    random.pick([
      `Each of them holds one ${thing}.`,
      `Everyone has one ${thing} at the start.`,
      `Each player starts with one ${thing} of a different color.`,
      `There are three ${things}, and each has its own color.`,
      `The three ${things} are ${listed(game.choices)}.`,
    ]),
    random.pick([
      `They swap ${things} ${countWord(swaps.length)} times.`,
      `There are ${countWord(swaps.length)} swaps in this game.`,
      `We are told about ${countWord(swaps.length)} swaps, one after the other.`,
      `The game goes on for ${countWord(swaps.length)} swaps.`,
      `During the game there are ${countWord(swaps.length)} swaps of ${things}.`,
    ]),
    random.pick([
      `The swaps are between ${swaps.map(pairNames).join(", then ")}.`,
      `The pairs that swap are, in order, ${swaps.map(pairNames).join(", then ")}.`,
      `The ${things} move first between ${swaps.map(pairNames).join(", then between ")}.`,
      `The question lists these swaps: ${swaps.map(pairNames).join(", then ")}.`,
    ]),
    random.pick([
      `We want to know which ${thing} ${target} has at the end.`,
      `The question asks which ${thing} ${target} has after all the swaps.`,
      `We need to find the ${thing} of ${target} at the end of the game.`,
      `What we have to find is the ${thing} that ${target} ends up with.`,
      `In the end, only the ${thing} of ${target} matters.`,
    ]),
    random.pick([
      `The choices are ${listed(game.choices.map((color, i) => `${color} for (${letters[i]})`))}.`,
      `We have to pick one of ${game.choices.map((color, i) => `(${letters[i]}) ${color}`).join(", ")}.`,
      `There are three answer choices, and one of them is true.`,
      `We choose from ${listed(game.choices)}.`,
    ]),
  ];

  const startLead = random.pick([
    "At the start, ",
    "In the beginning, ",
    "At first, ",
    "Before any swap, ",
    "To begin, ",
    "Start: ",
    "We start like this: ",
    "The game starts with this: ",
  ]);
  const startTransitions = new Deck(
    [
      `Let us first write down who has which ${thing}.`,
      "We begin with the start of the game.",
      "First, let us see what everyone has.",
      `Here is how the ${things} are held before the first swap.`,
      "Let us set up the game.",
      "We first look at the start.",
    ],
    random,
  );
  const startChecks = new Deck(
    [
      `These are the three ${things} from the question.`,
      "This is the start that we are given.",
      "Nobody has swapped anything yet.",
      `So ${target} starts with the ${startColor} ${thing}.`,
      `No two people have the same color.`,
      `Remember that ${target} is the one we care about.`,
      `Here ${people[0]} has ${states[0]![0]} and ${people[2]} has ${states[0]![2]}, as the question says.`,
    ],
    random,
  );
  const blocks: ExplanationBlock[] = [
    {
      transitions: [
        ...common.beginnings.deal(1),
        random.pick([
          `We can solve this by following the ${things} from swap to swap.`,
          `Let us keep a list of who has what.`,
          `A good way is to write down who has which ${thing} after each swap.`,
          `To find out, we track all three ${things}.`,
          `We will write the colors for all three people each time.`,
        ]),
        ...startTransitions.deal(1),
      ],
      reasoning: `${startLead}${say(people, states[0]!)}.`,
      checks: [...startChecks.deal(3), ...common.checks.deal(1)],
    },
  ];

  const swapTransitions = new Deck(
    [
      "Now let us look at the next swap.",
      "Let us go to the next swap.",
      "Then there is another swap.",
      "We take this list and make the next swap.",
      "Now we change only what the next swap changes.",
      `The ${things} are about to move again.`,
      "The game goes on with the next swap.",
      "Next in the list of swaps is this one.",
      "We are ready for the next swap.",
    ],
    random,
  );
  const swapChecks = new Deck(
    [
      `All three ${things} are still there.`,
      `Each person still has exactly one ${thing}.`,
      `No ${thing} was lost in this swap.`,
      "Only two people took part, so only two colors moved.",
      "Each color still appears just once.",
      "This swap is done.",
      `Nobody has two ${things}, so this is fine.`,
      "That is what this swap should do.",
      "The list of colors is still complete.",
    ],
    random,
  );
  const leads = random.shuffle(short ? shortSwapLeads : [...shortSwapLeads, ...longSwapLeads]);
  for (const [i, [a, b]] of swaps.entries()) {
    const [x, y] = [people[a]!, people[b]!];
    const before = states[i]!;
    const after = states[i + 1]!;
    const third = 3 - a - b;
    const idle = people[third]!;
    blocks.push({
      transitions: [
        ...(i > 0
          ? swapTransitions.deal(1)
          : [
              random.pick([
                "Now comes the first swap.",
                "Let us make the first swap.",
                "Then the swaps begin.",
                "Now we can start with the swaps.",
                `The ${things} start to move now.`,
              ]),
            ]),
        random.pick([
          `The ${ordinalWord(i)} swap is between ${x} and ${y}.`,
          `In the ${ordinalWord(i)} swap, ${x} and ${y} are the ones who move.`,
          `This time it is ${x} and ${y} who swap.`,
          `Here ${x} and ${y} swap their ${things}.`,
          `It is now the turn of ${x} and ${y}.`,
          `Swap number ${countWord(i + 1)} has ${x} and ${y} in it.`,
          `For the ${ordinalWord(i)} swap we look at ${x} and ${y}.`,
          `The question says that ${x} and ${y} swap here.`,
        ]),
        ...(i > 0 ? common.transitions.deal(1) : []),
      ],
      reasoning: `${leads[i]!(x, y, before[a]!, before[b]!)}${say(people, after)}.`,
      checks: [
        random.pick([
          `${idle} did not take part, so ${idle} still has ${after[third]}.`,
          `${idle} keeps the ${after[third]} ${thing}, as ${idle} was not in this swap.`,
          `Nothing changes for ${idle} here.`,
          `${idle} just watches this swap.`,
          `For ${idle} it is the same as before.`,
          `Since ${idle} is not part of it, ${idle} still has the ${after[third]} ${thing}.`,
        ]),
        random.pick([
          `So ${x} has ${after[a]} now, which was with ${y} before.`,
          `Looking at it again, ${x} has ${after[a]} and ${y} has ${after[b]}.`,
          `So ${x} and ${y} have traded places in our list.`,
          `Indeed, ${x} had ${before[a]} before and has ${after[a]} now.`,
          `${y} had ${before[b]} before, so it is right that ${x} has it now.`,
          `We see that ${y} now has the ${after[b]} ${thing} that ${x} had.`,
          `${x} no longer has ${before[a]}, because ${y} has it.`,
        ]),
        ...swapChecks.deal(1),
        ...common.checks.deal(1),
      ],
    });
  }

  const summaries = [
    ...common.summaries.deal(1),
    random.pick([
      "That was the last of the swaps.",
      `All ${countWord(swaps.length)} swaps are done now.`,
      "There are no more swaps after this.",
      `We have gone through all ${countWord(swaps.length)} swaps.`,
      "The game is over now.",
    ]),
    random.pick([
      `To sum up, ${listed(people.map((person, i) => `${person} ended with ${final[i]}`))}.`,
      `In the end the colors are ${final.join(", ")} for ${people.join(", ")}.`,
      `So the final list is ${people.map((person, i) => `${final[i]} for ${person}`).join(", ")}.`,
      `After everything, ${people[0]} has ${final[0]}, ${people[1]} has ${final[1]}, and ${people[2]} has ${final[2]}.`,
    ]),
    random.pick([
      `The question asks only about ${target}.`,
      `We were asked about ${target}.`,
      `For the answer we need just ${target}.`,
      `Now we look at ${target} in the last list.`,
      `Remember that we want the ${thing} of ${target}.`,
    ]),
    random.pick([
      startColor === finalColor
        ? `So ${target} ended with the same color as at the start.`
        : `So ${target} went from ${startColor} to ${finalColor}.`,
      `In our last list we find ${target} with ${finalColor}.`,
      `The last list shows ${finalColor} next to ${target}.`,
      `${target} started with ${startColor} and ended with ${finalColor}.`,
    ]),
    random.pick([
      `Now we look for the ${finalColor} ${thing} in the choices.`,
      `One of the three choices must say ${finalColor}.`,
      "We compare this with the choices.",
      "All that is left is to find the right choice.",
      `The choice with the ${finalColor} ${thing} is the one we need.`,
    ]),
  ];
  const answer = random.pick([
    `So at the end ${target} has the ${finalColor} ${thing}, which is choice ${choice}.`,
    `Therefore, ${target} has the ${finalColor} ${thing}, so the answer is ${choice}.`,
    `So the answer is ${choice}, the ${finalColor} ${thing}.`,
    `At the end of the game ${target} has the ${finalColor} ${thing}, and that is ${choice}.`,
    `${target} ends up with the ${finalColor} ${thing}, which is choice ${choice}.`,
    `Thus ${target} holds the ${finalColor} ${thing}, and choice ${choice} is true.`,
    `The ${thing} of ${target} is ${finalColor}, so we choose ${choice}.`,
    `This means that ${target} has the ${finalColor} ${thing}, so ${choice} is right.`,
    `Finally, ${target} has the ${finalColor} ${thing}, so the true choice is ${choice}.`,
  ]);
  return { restatements, blocks, summaries, answer };
}
