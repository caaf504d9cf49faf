/** Numbers: drills of single operations, one-sentence stories with one operation, comparing and counting. */
import type { RandomStream } from "../../util/random.ts";
import { countedThings, names } from "../builtin/words.ts";
import { chance, sample, several, studentForm } from "./text.ts";

export type Operator = "+" | "-" | "*" | "/";

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
      const top = random.pick([10, 20, 50, 100, 100, 150, 180]);
      const a = random.between(0, top);
      const b = random.between(0, random.pick([10, 20, top, Math.max(0, 200 - a)]));
      return { a, b, operator, c: a + b };
    }
    case "-": {
      const a = random.between(0, random.pick([20, 50, 100, 100, 200, 200]));
      const b = random.between(0, chance(random, 0.5) ? a : Math.min(a, 20));
      return { a, b, operator, c: a - b };
    }
    case "*": {
      const [a, b] = drawFactors(random);
      return chance(random, 0.5) ? { a, b, operator, c: a * b } : { a: b, b: a, operator, c: a * b };
    }
    case "/": {
      const [c, b] = drawFactors(random);
      return b === 0 ? { a: 0, b: 2, operator, c: 0 } : { a: b * c, b, operator, c };
    }
    default:
      return operator satisfies never;
  }
}

/** The multiplication table to 12, tens and teens by small numbers, and products below 200 of a small number. */
function drawFactors(random: RandomStream): [number, number] {
  const draw = random.next();
  if (draw < 0.6) return [random.between(1, 12), random.between(1, 12)];
  if (draw < 0.75) return [random.between(0, 20), random.between(0, 10)];
  const small = random.between(2, 10);
  return [random.between(2, Math.floor(199 / small)), small];
}

const operators: readonly Operator[] = ["+", "+", "+", "-", "-", "-", "*", "*", "/"];

function spokenSum({ a, b, operator, c }: Sum, random: RandomStream): string {
  const words = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" }[operator];
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
    const sign = chance(random, 0.15) ? "x" : "*";
    return Array.from({ length: count }, () => {
      const { a, b, operator, c } = drawSum(random, only ?? random.pick(operators));
      return `${a} ${operator === "*" ? sign : operator} ${b} = ${c}`;
    }).join(joint);
  }
  return Array.from({ length: Math.ceil(count / 2) }, () =>
    spokenSum(drawSum(random, only ?? random.pick(operators)), random),
  ).join("\n");
}

const gains = ["buys", "finds", "gets", "wins", "collects", "receives"] as const;
const losses = ["gives away", "loses", "sells", "uses", "throws away"] as const;

/** A situation of one operation: what is so before, the clause that asks for the operation, and the question. */
interface Story {
  sum: Sum;
  before: string;
  clause: string;
  question: string;
  /** What the result counts. */
  unit: string;
}

/** Numbers that read well before a plural: not 0 and not 1. */
function plain({ a, b, c }: Sum): boolean {
  return a > 1 && b > 1 && c > 1;
}

function drawStory(random: RandomStream): Story {
  const operator = random.pick(operators);
  let sum = drawSum(random, operator);
  while (!plain(sum)) sum = drawSum(random, operator);
  const { a, b } = sum;
  const [name, friend] = sample(random, names, 2) as [string, string];
  const unit = random.pick(countedThings);
  const later = random.pick(["", "Then ", "Later, "]);
  const first = random.pick([
    `${name} has ${a} ${unit}.`,
    `${name} has ${a} ${unit} at first.`,
    `${name} starts with ${a} ${unit}.`,
    `At the start, ${name} has ${a} ${unit}.`,
  ]);
  const now = random.pick([`How many ${unit} does ${name} have now?`, `How many ${unit} does ${name} have?`]);
  const left = random.pick([`How many ${unit} are left?`, `How many ${unit} does ${name} have left?`]);
  const holder = random.pick(["boxes", "bags", "packs", "baskets"]);
  const stories: [string, string, string, string?][] = {
    "+": (): [string, string, string, string?][] => [
      [`${first} ${later}`, `${name} ${random.pick(gains)} ${b} more ${unit}`, now],
      [`${first} ${later}`, `${name} ${random.pick(gains)} ${b} ${unit}`, now],
      [`${first} ${later}`, `${friend} gives ${name} ${b} ${unit}`, now],
      [`${first} ${later}`, `${name} gets ${b} ${unit} from ${friend}`, now],
      [`${first} `, `${friend} has ${b} ${unit}`, `How many ${unit} do ${name} and ${friend} have together?`],
      [`${first} `, `${friend} has ${b} more ${unit} than ${name}`, `How many ${unit} does ${friend} have?`],
    ],
    "-": (): [string, string, string, string?][] => [
      [`${first} ${later}`, `${name} ${random.pick(losses)} ${b} ${unit}`, left],
      [`${first} ${later}`, `${name} gives ${b} ${unit} to ${friend}`, left],
      [`${first} ${later}`, `${friend} takes ${b} of the ${unit}`, left],
      [`There are ${a} ${unit} on the table. `, `${name} takes ${b} of them`, `How many ${unit} are left?`],
      [
        `${first} `,
        `${friend} has only ${b} ${unit}`,
        `How many more ${unit} does ${name} have than ${friend}?`,
      ],
      [
        `${name} needs ${a} ${unit}. `,
        `${name} has ${b} ${unit}`,
        `How many more ${unit} does ${name} need?`,
      ],
    ],
    "*": (): [string, string, string, string?][] => [
      ["", `${name} buys ${a} ${holder} with ${b} ${unit} in each`, `How many ${unit} are in the ${holder}?`],
      [
        "",
        `There are ${a} ${holder}, and each of them holds ${b} ${unit}`,
        `How many ${unit} are there in total?`,
      ],
      ["", `Each of ${a} children has ${b} ${unit}`, `How many ${unit} do they have in all?`],
      ["", `${name} collects ${a} ${unit} a day for ${b} days`, `How many ${unit} does ${name} collect?`],
      [
        `${first} `,
        `${name} sells all the ${unit} for ${b} dollars each`,
        `How many dollars does ${name} get?`,
        "dollars",
      ],
    ],
    "/": (): [string, string, string, string?][] => [
      [
        `${first} `,
        `${name} shares all the ${unit} equally among ${b} friends`,
        `How many ${unit} does each friend get?`,
      ],
      ["", `${a} ${unit} are put into ${b} equal groups`, `How many ${unit} are in each group?`],
      [
        `${first} `,
        `${name} puts all the ${unit} into ${b} bags, the same number in each`,
        `How many ${unit} are in each bag?`,
      ],
    ],
  }[operator]();
  const [before, clause, question, result] = random.pick(stories);
  return { sum, before, clause, question, unit: result ?? unit };
}

/** "We add 5 to 20" and the like. */
function doing({ a, b, operator }: Sum): string {
  switch (operator) {
    case "+":
      return `We add ${b} to ${a}`;
    case "-":
      return `We take ${b} away from ${a}`;
    case "*":
      return `We multiply ${a} by ${b}`;
    case "/":
      return `We divide ${a} by ${b}`;
    default:
      return operator satisfies never;
  }
}

function storyText(random: RandomStream): string {
  const { sum, before, clause, question, unit } = drawStory(random);
  const { a, b, operator, c } = sum;
  const equation = `${a} ${operator} ${b} = ${c}`;
  // Inside a sentence only a name may keep its capital.
  const inner = clause.replace(/^(There|Each)/, (word) => word.toLowerCase());
  const result = random.pick([
    `${equation}.`,
    `We compute ${equation}.`,
    `${clause}, so ${equation}.`,
    `${clause}: ${equation}.`,
    `${clause}, which gives ${equation} ${unit}.`,
    `Since ${inner}, we have ${equation}.`,
    `Because ${inner}, we get ${equation}.`,
    `${doing(sum)}, so ${equation}.`,
    `${doing(sum)}: ${equation}.`,
    `This makes ${equation} ${unit}.`,
    `Now we have ${equation} ${unit}.`,
    `${equation}, so the answer is ${c}.`,
  ]);
  const close = result.includes("answer")
    ? ""
    : random.pick(["", "", ` So the answer is ${c}.`, ` The answer is ${c} ${unit}.`]);
  const text = `${before}${clause}. ${question}`;
  if (chance(random, 0.55)) return studentForm(text, result + close, String(c));
  return `${text} ${result}${close}`;
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
