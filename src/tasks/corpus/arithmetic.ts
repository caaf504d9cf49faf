/** Numbers: drills of single operations, one-sentence stories with one operation, comparing and counting. */
import type { RandomStream } from "../../util/random.ts";
import { countedThings, names } from "../builtin/words.ts";
import { chance, sample, several, studentForm } from "./text.ts";

export type Operator = "+" | "-" | "x" | "/";

/** a op b = c, all whole numbers. */
export interface Sum {
  a: number;
  b: number;
  operator: Operator;
  c: number;
}

/** Operands weighted so that sums and differences to 200 and products to 12 x 12 and 20 x 10 are well covered. */
export function drawSum(random: RandomStream, operator: Operator): Sum {
  switch (operator) {
    case "+": {
      const top = random.pick([10, 20, 50, 100, 100, 150]);
      const a = random.between(0, top);
      const b = random.between(0, random.pick([10, 20, top, Math.max(0, 200 - a)]));
      return { a, b, operator, c: a + b };
    }
    case "-": {
      const a = random.between(0, random.pick([10, 20, 50, 100, 100, 200]));
      const b = random.between(0, chance(random, 0.5) ? a : Math.min(a, 20));
      return { a, b, operator, c: a - b };
    }
    case "x": {
      const wide = chance(random, 0.3);
      const a = random.between(wide ? 0 : 1, wide ? 20 : 12);
      const b = random.between(wide ? 0 : 1, wide ? 10 : 12);
      return chance(random, 0.5) ? { a, b, operator, c: a * b } : { a: b, b: a, operator, c: a * b };
    }
    case "/": {
      const b = random.between(1, 12);
      const c = random.between(0, 12);
      return { a: b * c, b, operator, c };
    }
    default:
      return operator satisfies never;
  }
}

const operators: readonly Operator[] = ["+", "+", "+", "-", "-", "-", "x", "x", "/"];

function spokenSum({ a, b, operator, c }: Sum, random: RandomStream): string {
  const words = { "+": "plus", "-": "minus", x: "times", "/": "divided by" }[operator];
  switch (random.below(5)) {
    case 0:
      return `${a} ${words} ${b} is ${c}.`;
    case 1:
      return `What is ${a} ${operator} ${b}? ${c}.`;
    case 2:
      return studentForm(`What is ${a} ${operator} ${b}?`, `${a} ${operator} ${b} = ${c}.`, String(c));
    case 3:
      return `${a} ${words} ${b} equals ${c}.`;
    default:
      return `${a} ${operator} ${b} = ${c}.`;
  }
}

/** Many unrelated equations. */
export function writeDrill(random: RandomStream): string {
  const count = random.between(6, 30);
  const only = chance(random, 0.5) ? random.pick(operators) : undefined;
  if (chance(random, 0.75)) {
    const joint = random.pick(["\n", ", ", "; ", ". "]);
    const sign = chance(random, 0.15) ? "*" : "x";
    return Array.from({ length: count }, () => {
      const { a, b, operator, c } = drawSum(random, only ?? random.pick(operators));
      return `${a} ${operator === "x" ? sign : operator} ${b} = ${c}`;
    }).join(joint);
  }
  return Array.from({ length: Math.ceil(count / 2) }, () =>
    spokenSum(drawSum(random, only ?? random.pick(operators)), random),
  ).join("\n");
}

const gains = ["buys", "finds", "gets", "wins", "collects", "receives"] as const;
const losses = ["gives away", "loses", "sells", "uses", "throws away", "gives a friend"] as const;

/** A situation of one operation with its question. */
interface Story {
  sum: Sum;
  text: string;
  question: string;
  unit: string;
}

/** A number that reads well before a plural: not 0 and not 1. */
function plain({ a, b, c }: Sum): boolean {
  return a > 1 && b > 1 && c > 1;
}

function drawStory(random: RandomStream): Story {
  const operator = random.pick(operators);
  let sum = drawSum(random, operator);
  while (!plain(sum)) sum = drawSum(random, operator);
  const { a, b } = sum;
  const [name, friend] = sample(random, names, 2) as [string, string];
  const [unit, second] = sample(random, countedThings, 2) as [string, string];
  const stories: [string, string][] = {
    "+": (): [string, string][] => [
      [
        `${name} has ${a} ${unit} and ${random.pick(gains)} ${b} more.`,
        `How many ${unit} does ${name} have now?`,
      ],
      [`${name} has ${a} ${unit} and ${friend} has ${b} ${unit}.`, `How many ${unit} do they have together?`],
      [`${friend} gives ${b} ${unit} to ${name}, who had ${a}.`, `How many ${unit} does ${name} have now?`],
      [`A box has ${a} ${unit} and ${b} ${second}.`, "How many things are in the box in total?"],
      [
        `${name} had ${a} ${unit}. Then ${name} ${random.pick(gains)} ${b} ${unit}.`,
        `How many ${unit} does ${name} have?`,
      ],
      [`${name} has ${b} more ${unit} than ${friend}, who has ${a}.`, `How many ${unit} does ${name} have?`],
    ],
    "-": (): [string, string][] => [
      [
        `${name} has ${a} ${unit} and ${random.pick(losses)} ${b} of them.`.replace(
          "gives a friend",
          "gives a friend",
        ),
        `How many ${unit} are left?`,
      ],
      [
        `${name} had ${a} ${unit}. ${name} gave ${b} ${unit} to ${friend}.`,
        `How many ${unit} does ${name} have left?`,
      ],
      [
        `There are ${a} ${unit} on the table. ${name} takes ${b} of them.`,
        `How many ${unit} are still on the table?`,
      ],
      [
        `${name} has ${a} ${unit} and ${friend} has ${b}.`,
        `How many more ${unit} does ${name} have than ${friend}?`,
      ],
      [`${name} needs ${a} ${unit} and has ${b}.`, `How many more ${unit} does ${name} need?`],
      [`${name} had ${a} ${unit}, but ${b} ${unit} were broken.`, `How many good ${unit} are there?`],
    ],
    x: (): [string, string][] => [
      [`${name} has ${a} boxes with ${b} ${unit} each.`, `How many ${unit} does ${name} have?`],
      [`There are ${a} bags, and every bag holds ${b} ${unit}.`, `How many ${unit} are there in total?`],
      [`${name} buys ${a} packs of ${b} ${unit}.`, `How many ${unit} does ${name} buy?`],
      [`Each of ${a} children has ${b} ${unit}.`, `How many ${unit} do they have in all?`],
      [`${name} collects ${b} ${unit} a day for ${a} days.`, `How many ${unit} does ${name} collect?`],
    ],
    "/": (): [string, string][] => [
      [`${name} shares ${a} ${unit} equally among ${b} friends.`, `How many ${unit} does each friend get?`],
      [`${a} ${unit} are put into ${b} equal groups.`, `How many ${unit} are in each group?`],
      [
        `${name} packs ${a} ${unit} into ${b} boxes, the same number in each.`,
        `How many ${unit} are in one box?`,
      ],
    ],
  }[operator]();
  const [text, question] = random.pick(stories);
  return { sum, text, question, unit };
}

function storyText(random: RandomStream): string {
  const { sum, text, question, unit } = drawStory(random);
  const { a, b, operator, c } = sum;
  const equation = `${a} ${operator} ${b} = ${c}`;
  const result = random.pick([
    `${equation}.`,
    `We compute ${equation}.`,
    `That is ${equation} ${unit}.`,
    `So there are ${equation} of them.`.replace("of them", unit),
    `The result is ${equation}.`,
    `${equation}, so the answer is ${c}.`,
  ]);
  if (chance(random, 0.55)) return studentForm(`${text} ${question}`, result, String(c));
  if (chance(random, 0.3)) return `${text} ${question} ${equation}.`;
  return `${text} ${question} ${result}`;
}

export function writeSumStories(random: RandomStream): string {
  return several(random, 1, 5, () => storyText(random));
}

/** Which is more, what comes next, how many are listed. */
function numberSense(random: RandomStream): string {
  const a = random.between(0, 200);
  const b = random.between(0, 200);
  const bigger = Math.max(a, b);
  const smaller = Math.min(a, b);
  const from = random.between(0, 180);
  const by = random.pick([1, 1, 2, 5, 10]);
  const run = Array.from({ length: random.between(4, 14) }, (_, i) => from + by * i);
  const things = sample(random, names, random.between(2, 9));
  const parts = [
    `${a} comes right before ${a + 1}.`,
    `After ${a} comes ${a + 1}.`,
    `${run.join(", ")}.`,
    `Counting by ${by}: ${run.join(" ")}.`,
    `Counting down: ${[...run].reverse().join(", ")}.`,
    `${things.join(", ")}: these are ${things.length} names.`,
    studentForm(
      `How many names are in the list ${things.join(", ")}?`,
      `We count ${things.map((_, i) => i + 1).join(", ")}.`,
      String(things.length),
    ),
  ];
  if (a !== b)
    parts.push(
      `${bigger} is more than ${smaller}.`,
      `${smaller} is less than ${bigger}.`,
      studentForm(`Which is larger, ${a} or ${b}?`, `${bigger} is larger than ${smaller}.`, String(bigger)),
      studentForm(
        `Is ${a} more than ${b}?`,
        `${a} is ${a > b ? "more" : "less"} than ${b}.`,
        a > b ? "yes" : "no",
      ),
    );
  return random.pick(parts);
}

export function writeNumberSense(random: RandomStream): string {
  return several(random, 2, 6, () => numberSense(random));
}
