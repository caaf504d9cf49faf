/** How the teacher words an arithmetic story: every operation as an equation with its result. */

import type { RandomStream } from "../../util/random.ts";
import type { Operation, Operator, Story } from "./arithmetic.ts";
import { commonDecks, countWord, Deck, ordinalWord } from "./phrases.ts";
import type { Explanation, ExplanationBlock } from "./types.ts";

const equation = ({ left, operator, right, result }: Operation): string =>
  `${left} ${operator} ${right} = ${result}`;

/** "We add 5 to 20" and the like. */
const doing: Record<Operator, (left: number, right: number) => string> = {
  "+": (left, right) => `We add ${right} to ${left}`,
  "-": (left, right) => `We take ${right} away from ${left}`,
  "*": (left, right) => `We multiply ${left} by ${right}`,
  "/": (left, right) => `We divide ${left} by ${right}`,
};

type EquationForm = (operation: Operation) => string;

/** Clear on their own, as they tell what happens. */
const tellingForms: readonly EquationForm[] = [
  (operation) => `${operation.clause}, so ${equation(operation)}.`,
  (operation) => `${operation.clause}: ${equation(operation)}.`,
  (operation) => `Since ${operation.clause}, we have ${equation(operation)}.`,
  (operation) => `Because ${operation.clause}, we get ${equation(operation)}.`,
  (operation) => `${operation.clause}, which gives ${equation(operation)}.`,
  (operation) => `As ${operation.clause}, we work out ${equation(operation)}.`,
];

const doingForms: readonly EquationForm[] = [
  (operation) => `${doing[operation.operator](operation.left, operation.right)}, so ${equation(operation)}.`,
  (operation) => `${doing[operation.operator](operation.left, operation.right)}: ${equation(operation)}.`,
  (operation) =>
    `${doing[operation.operator](operation.left, operation.right)} to get ${equation(operation)}.`,
];

/** For an operation in the middle of the story. */
const goingOnForms: readonly EquationForm[] = [
  (operation) => `This makes ${equation(operation)} ${operation.unit}.`,
  (operation) => `There are now ${equation(operation)} ${operation.unit}.`,
  (operation) => `Now we have ${equation(operation)} ${operation.unit}.`,
];

const backwards: Record<Operator, (operation: Operation) => string> = {
  "+": ({ left, right, result }) => `${result} - ${right} = ${left}`,
  "-": ({ left, right, result }) => `${result} + ${right} = ${left}`,
  "*": ({ left, right, result }) => `${result} / ${right} = ${left}`,
  "/": ({ left, right, result }) => `${result} * ${right} = ${left}`,
};

const operatorNames: Record<Operator, string> = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
};

const directionChecks: Record<Operator, readonly string[]> = {
  "+": ["The number went up, as it should.", "We have more than before.", "Adding makes the number larger."],
  "-": ["The number went down, as it should.", "We have less than before.", "Taking away makes it smaller."],
  "*": ["Multiplying makes the number larger.", "This is a total.", "It is the same number many times."],
  "/": ["Dividing makes the number smaller.", "There is nothing left over.", "Each part has the same size."],
};

export function explainStory(story: Story, random: RandomStream): Explanation {
  const { person, things, start, asked, operations } = story;
  const common = commonDecks(random);
  const last = operations.at(-1)!;

  const restatements = [
    random.pick([
      `The story is about ${person} and some ${things}.`,
      `This is a story about ${things}.`,
      `${person} is the one with the ${things}.`,
      `We have a story with ${person} in it, and it is about ${things}.`,
      `In this question we count ${things}.`,
    ]),
    random.pick([
      `At first there are ${start} ${things}.`,
      `The first number in the story is ${start}.`,
      `The question says that ${person} has ${start} ${things} at the start.`,
      `We know that it all begins with ${start} ${things}.`,
    ]),
    random.pick([
      "Then a few things happen, one after the other.",
      "After that the number changes.",
      "The rest of the story changes this number.",
      "Some things happen before the question is asked.",
    ]),
    random.pick([
      `We want to know ${asked}.`,
      `The question is ${asked}.`,
      `We need to find out ${asked}.`,
      `In the end we must say ${asked}.`,
      `What we look for is ${asked}.`,
    ]),
    random.pick([
      `We need ${countWord(operations.length)} small sums for this.`,
      `This takes ${countWord(operations.length)} steps.`,
      "We can write one equation for each step.",
      "Each step gives us a new number.",
    ]),
  ];

  const introduction = [
    ...common.beginnings.deal(1),
    random.pick([
      "We go through the story from the beginning.",
      "Let us follow the numbers in the story.",
      "A good way is to keep the number up to date all the time.",
      "Let us do the steps in the order of the story.",
    ]),
  ];
  const blocks: ExplanationBlock[] = [];
  // Short stories have room for the start as a step of its own.
  const startsApart = operations.length === 2 || random.below(2) === 0;
  if (startsApart) {
    blocks.push({
      transitions: [
        ...introduction,
        random.pick(["Let us begin with the start.", "Here is the first number.", "First, the start."]),
      ],
      reasoning: random.pick([
        `${person} starts with ${start} ${things}.`,
        `At the start, ${person} has ${start} ${things}.`,
        `We start with ${start} ${things}.`,
        `At first ${person} has ${start}.`,
        `Start: ${start} ${things}.`,
        `To begin with, there are ${start} ${things}.`,
        `In the beginning there are ${start} ${things}.`,
        `The story starts at ${start} ${things}.`,
      ]),
      checks: [
        random.pick([
          "This number is given.",
          "Nothing has happened yet.",
          "We can read this in the question.",
        ]),
        ...common.checks.deal(1),
      ],
    });
  }
  const nextTransitions = new Deck(
    [
      "Now let us look at what happens next.",
      "The story goes on.",
      "Let us read on.",
      "We take this number to the next step.",
      "Then something else happens.",
      "Next, the number changes again.",
      "We keep going with the new number.",
    ],
    random,
  );
  const firstEvent = random.pick([
    "Now let us see what happens first.",
    "Then the story begins.",
    "Now the number changes for the first time.",
    "Let us go to the first thing that happens.",
  ]);
  for (const [i, operation] of operations.entries()) {
    const { operator, result, unit, clause } = operation;
    const opens = i === 0 && !startsApart;
    const ends = i === operations.length - 1;
    const forms = opens
      ? tellingForms
      : [...tellingForms, ...doingForms, ...(ends || i === 0 ? [] : goingOnForms)];
    // The clause of the sum after a multiplication holds a value derived just before, which is known by then.
    blocks.push({
      transitions: [
        ...(opens ? introduction : i > 0 ? nextTransitions.deal(1) : [firstEvent]),
        random.pick([
          `The ${ordinalWord(i)} step is this: ${clause}.`,
          `Here we have to ${operatorNames[operator]}.`,
          `What happens when ${clause}?`,
          `For step ${countWord(i + 1)} we ${operatorNames[operator]}.`,
          `We know that ${clause}.`,
          `Here ${clause}.`,
          `Now we ${operatorNames[operator]}.`,
          `In this step, ${clause}.`,
        ]),
        ...(i > 0 ? common.transitions.deal(1) : []),
      ],
      reasoning: random.pick(forms)(operation),
      checks: [
        random.pick(directionChecks[operator]),
        random.pick([
          `We can check it, because ${backwards[operator](operation)}.`,
          `Indeed, ${backwards[operator](operation)}.`,
          `Going back, ${backwards[operator](operation)}.`,
          `Once more, ${equation(operation)}.`,
          `Let us do it again: ${equation(operation)}.`,
        ]),
        random.pick([
          `So we have ${result} ${unit}.`,
          `We keep the number ${result} in mind.`,
          `The new number is ${result}.`,
          ends ? `So ${result} is the last number.` : `So ${result} is what we go on with.`,
          `This gives us ${result} ${unit}, as said.`,
        ]),
        ...common.checks.deal(1),
      ],
    });
  }

  const results = operations.map((operation) => operation.result);
  const summaries = [
    ...common.summaries.deal(1),
    random.pick([
      "Nothing else happens in the story.",
      "That was the end of the story.",
      `All ${countWord(operations.length)} steps are done now.`,
      "No more sums are needed.",
    ]),
    random.pick([
      `To sum up, the numbers were ${[start, ...results].join(", then ")}.`,
      `So from ${start} we came to ${last.result}.`,
      `The results on the way were ${results.join(" and ")}.`,
      `In short, the last number that we found is ${last.result}.`,
      `In the last step we got ${equation(last)}.`,
    ]),
    random.pick([
      `The question was ${asked}.`,
      `We were asked ${asked}.`,
      `Remember that we want to know ${asked}.`,
      `This is just ${asked}.`,
    ]),
    random.pick([
      `The last result counts ${last.unit}.`,
      "This number is the one that the question asks for.",
      "The last number answers the question.",
      "We only have to say the last number.",
    ]),
  ];
  const answer = random.pick([
    `So the answer is ${last.result}.`,
    `Therefore, the answer is ${last.result}.`,
    `So in the end we have ${last.result} ${last.unit}.`,
    `Thus the answer is ${last.result} ${last.unit}.`,
    `In the end there are ${last.result} ${last.unit}, so the answer is ${last.result}.`,
    `The result is ${last.result} ${last.unit}.`,
    `This means that the answer is ${last.result}.`,
    `The number we were asked for is ${last.result}.`,
    `So our answer is ${last.result} ${last.unit}.`,
  ]);
  return { restatements, blocks, summaries, answer };
}
