/**
 * Single swaps: a full state, one swap, the full new state. No group of holders ever sees a second swap, so the
 * tracking of several swaps stays with the teacher. People of one document are all different.
 */
import type { RandomStream } from "../../util/random.ts";
import { colors, heldThings, names, plural } from "../builtin/words.ts";
import {
  capitalized,
  chance,
  document,
  letterAt,
  lettered,
  listOf,
  sample,
  studentForm,
  withArticle,
} from "./text.ts";
import { asides } from "./vocabulary.ts";

/** Who holds what before and after one swap; `before[i]` and `after[i]` belong to `holders[i]`. */
export interface Swap {
  holders: string[];
  before: string[];
  after: string[];
  /** The same in one word, the color; the full thing if the things differ in kind. */
  shortBefore: string[];
  shortAfter: string[];
  /** Indices of the two who swap. */
  pair: [number, number];
  /** "ball", or undefined if the things differ in kind. */
  thing: string | undefined;
}

function exchanged(values: readonly string[], [one, two]: readonly [number, number]): string[] {
  const copy = [...values];
  [copy[one], copy[two]] = [values[two]!, values[one]!];
  return copy;
}

/** A random swap among the given holders. */
export function drawSwap(random: RandomStream, holders: string[]): Swap {
  const mixed = chance(random, 0.1);
  const thing = random.pick(heldThings);
  const shades = sample(random, colors, holders.length);
  const kinds = sample(random, heldThings, holders.length);
  const before = holders.map((_, i) => `${shades[i]} ${mixed ? kinds[i] : thing}`);
  const shortBefore = mixed ? before : shades;
  const pair = sample(
    random,
    holders.map((_, i) => i),
    2,
  ) as [number, number];
  return {
    holders,
    before,
    after: exchanged(before, pair),
    shortBefore,
    shortAfter: exchanged(shortBefore, pair),
    pair,
    thing: mixed ? undefined : thing,
  };
}

const things = (swap: Swap): string => (swap.thing === undefined ? "things" : plural(swap.thing));

/** Holders and number of holders per story: three is the built-in game, the others keep the skill general. */
export function groupSize(random: RandomStream): number {
  return random.pick([2, 3, 3, 3, 3, 4, 5]);
}

/** A way to write a full state as a clause without its full stop: in full things or in colors alone. */
type StateForm = (holders: readonly string[], full: readonly string[], short: readonly string[]) => string;

const listForm =
  (write: (name: string, full: string, short: string) => string, joint = ""): StateForm =>
  (holders, full, short) => {
    const parts = holders.map((name, i) => write(name, full[i]!, short[i]!));
    return joint === "" ? listOf(parts) : parts.join(joint);
  };

const fullForms: readonly StateForm[] = [
  listForm((name, full) => `${name} has the ${full}`),
  listForm((name, full) => `${name} has the ${full}`),
  listForm((name, full) => `${name} has ${withArticle(full)}`),
  listForm((name, full) => `${name} is holding the ${full}`),
  listForm((name, full) => `${name} holds the ${full}`),
  listForm((name, full) => `the ${full} is with ${name}`),
  listForm((name, full) => `${name} has the ${full}`, ", "),
  listForm((name, full) => `${name}: ${full}`, ", "),
];

const shortForms: readonly StateForm[] = [
  listForm((name, _full, short) => `${name} has ${short}`),
  listForm((name, _full, short) => `${name} has ${short}`),
  listForm((name, _full, short) => `${name} has ${short}`, ", "),
  listForm((name, _full, short) => `${name} holds ${short}`),
  listForm((name, _full, short) => `${name}: ${short}`, ", "),
  listForm((name, _full, short) => `${name}: ${short}`, ", "),
  listForm((name, _full, short) => `${name} - ${short}`, ", "),
  listForm((name, _full, short) => `${name} = ${short}`, "; "),
  listForm((name, _full, short) => `${name} has the ${short} one`),
  (holders, full, short) =>
    listOf(holders.map((name, i) => (i === 0 ? `${name} has the ${full[i]}` : `${name} ${short[i]}`))),
];

/** Colors alone can stand for the things only if the things are of one kind. */
function drawForm(random: RandomStream, swap: Swap): StateForm {
  return random.pick(swap.thing === undefined || chance(random, 0.4) ? fullForms : shortForms);
}

/** The full state before or after the swap as a clause, people in listing order or (sometimes) in any order. */
function stateClause(random: RandomStream, swap: Swap, when: "before" | "after", form: StateForm): string {
  const { holders } = swap;
  const full = swap[when];
  const short = when === "before" ? swap.shortBefore : swap.shortAfter;
  if (chance(random, 0.85)) return form(holders, full, short);
  const order = random.shuffle(holders.map((_, i) => i));
  return form(
    order.map((i) => holders[i]!),
    order.map((i) => full[i]!),
    order.map((i) => short[i]!),
  );
}

const starts = [
  "",
  "",
  "At the start, ",
  "At the start of the game, ",
  "In the beginning, ",
  "At first, ",
  "Right now, ",
  "Before the swap, ",
] as const;

function openingState(random: RandomStream, swap: Swap, form: StateForm): string {
  return `${capitalized(random.pick(starts) + stateClause(random, swap, "before", form))}.`;
}

/** The swap as an event. */
export function swapSentence(random: RandomStream, swap: Swap): string {
  const one = swap.holders[swap.pair[0]]!;
  const two = swap.holders[swap.pair[1]]!;
  const objects = things(swap);
  return random.pick([
    `${one} and ${two} swap.`,
    `${one} and ${two} swap ${objects}.`,
    `${one} and ${two} swap ${objects}.`,
    `Then ${one} and ${two} swap ${objects}.`,
    `First, ${one} and ${two} swap ${objects}.`,
    `Then, ${one} and ${two} swap ${objects}.`,
    `Next, ${one} and ${two} swap ${objects}.`,
    `Finally, ${one} and ${two} swap ${objects}.`,
    `${one} and ${two} trade ${objects}.`,
    `Now ${one} and ${two} trade ${objects}.`,
    `${one} swaps with ${two}.`,
    `${one} trades ${objects} with ${two}.`,
    `First, ${one} swaps ${objects} with ${two}.`,
    `${one} and ${two} exchange their ${objects}.`,
    `${one} and ${two} switch ${objects}.`,
  ]);
}

/** What the swap changes, in one or two sentences; names everyone with `all`, else only the two who swapped. */
export function changeSentence(random: RandomStream, swap: Swap, all: boolean): string {
  const { holders, before, after } = swap;
  const [i, j] = chance(random, 0.75) ? swap.pair : [swap.pair[1], swap.pair[0]];
  const one = holders[i]!;
  const two = holders[j]!;
  const change = random.pick([
    `Now ${one} has the ${after[i]} and ${two} has the ${after[j]}.`,
    `So ${one} has the ${after[i]} and ${two} has the ${after[j]}.`,
    `${one} now has the ${after[i]} and ${two} now has the ${after[j]}.`,
    `${one} gets the ${after[i]} and ${two} gets the ${after[j]}.`,
    `After the swap, ${one} has the ${after[i]} and ${two} has the ${after[j]}.`,
    `This means that ${one} now has the ${after[i]} and ${two} has the ${after[j]}.`,
    `${one} gives the ${before[i]} to ${two} and takes the ${after[i]}.`,
    `${one} had the ${before[i]} and ${two} had the ${before[j]}, so now ${one} has the ${after[i]} and ${two} has the ${after[j]}.`,
  ]);
  if (!all) return change;
  const rest = holders.map((_, k) => k).filter((k) => k !== i && k !== j);
  if (rest.length === 0) return change;
  return `${change} ${random.pick([
    `${listOf(rest.map((k) => `${holders[k]} still has the ${after[k]}`))}.`,
    `${listOf(rest.map((k) => `${holders[k]} keeps the ${after[k]}`))}.`,
    `Nothing changes for ${listOf(rest.map((k) => `${holders[k]}, who has the ${after[k]}`))}.`,
  ])}`;
}

/** Beginnings of the new state that do not say who swaps. */
const plainLeads = [
  "Now ",
  "Now, ",
  "So now ",
  "After this, ",
  "After the swap, ",
  "Then ",
  "At this point, ",
  "The new list: ",
] as const;

/** A beginning of the new state that says who swaps. */
function namingLead(random: RandomStream, swap: Swap): string {
  const { holders, pair, shortBefore, shortAfter } = swap;
  const [x, y] = [holders[pair[0]]!, holders[pair[1]]!];
  const leads = [
    `${x} and ${y} swap, so now `,
    `${x} and ${y} swap, and then `,
    `${x} and ${y} swap: `,
    `After ${x} and ${y} swap, `,
    `When ${x} and ${y} swap, we get: `,
    `With ${x} and ${y} swapped, `,
    `Once ${x} and ${y} have swapped, `,
    `The swap of ${x} and ${y} gives: `,
    `${x} swaps with ${y}, and now `,
  ];
  if (swap.thing !== undefined) {
    const [fromX, toX] = [shortBefore[pair[0]]!, shortAfter[pair[0]]!];
    leads.push(
      `${x} gives ${fromX} to ${y} and gets ${toX}, so `,
      `${x} trades ${fromX} for ${toX} with ${y}: `,
    );
  }
  return random.pick(leads);
}

/** The full state after the swap. */
function newStateSentence(random: RandomStream, swap: Swap, form: StateForm): string {
  const lead = chance(random, 0.4) ? random.pick(plainLeads) : namingLead(random, swap);
  return `${lead}${stateClause(random, swap, "after", form)}.`;
}

function scene(random: RandomStream, swap: Swap): string {
  const one = swap.thing ?? "thing";
  return random.pick([
    "",
    "",
    `${listOf(swap.holders)} are playing a game. `,
    `${listOf(swap.holders)} are playing a game with ${things(swap)}. `,
    `${listOf(swap.holders)} meet, and each of them brings ${withArticle(one)}. `,
    `There are ${swap.holders.length} people in the room: ${listOf(swap.holders)}. `,
  ]);
}

/** The situation up to and with the swap; says somewhere what is held, even if the state gives colors alone. */
function situation(random: RandomStream, swap: Swap, form = drawForm(random, swap)): string {
  const aside = chance(random, 0.2) ? ` ${random.pick(asides)}` : "";
  const text = `${openingState(random, swap, form)}${aside} ${swapSentence(random, swap)}`;
  const opening = scene(random, swap);
  if (swap.thing === undefined || [swap.thing, things(swap)].some((word) => (opening + text).includes(word)))
    return opening + text;
  return `${listOf(swap.holders)} are playing a game with ${things(swap)}. ${text}`;
}

/** State, swap, new state, told as a story. */
function told(random: RandomStream, swap: Swap): string {
  const form = drawForm(random, swap);
  const text = situation(random, swap, form);
  const result = chance(random, 0.65)
    ? newStateSentence(random, swap, chance(random, 0.7) ? form : drawForm(random, swap))
    : changeSentence(random, swap, chance(random, 0.8));
  if (chance(random, 0.6)) return `${text} ${result}`;
  const asked = random.below(swap.holders.length);
  return `${text} ${result} ${random.pick([
    `So the ${swap.after[asked]} is now with ${swap.holders[asked]}.`,
    `Who has the ${swap.after[asked]} now? ${swap.holders[asked]} has the ${swap.after[asked]}.`,
    `What does ${swap.holders[asked]} have now? ${swap.holders[asked]} has the ${swap.after[asked]}.`,
    `${swap.holders[asked]} has the ${swap.after[asked]} in the end.`,
  ])}`;
}

/** The same in the student's format, with or without lettered choices. */
function asked(random: RandomStream, swap: Swap): string {
  const who = random.below(swap.holders.length);
  const name = swap.holders[who]!;
  const thing = swap.after[who]!;
  const form = drawForm(random, swap);
  const moved = chance(random, 0.75)
    ? newStateSentence(random, swap, form)
    : changeSentence(random, swap, !swap.pair.includes(who));
  const gap = chance(random, 0.3) ? "\n" : " ";
  const rationale = chance(random, 0.35) ? `${openingState(random, swap, form)}${gap}${moved}` : moved;
  const text = situation(random, swap);
  if (chance(random, 0.55)) {
    const options = random.shuffle(swap.after);
    const letter = letterAt(options.indexOf(thing));
    const ask = random.pick([
      `What does ${name} have at the end of the game?`,
      `What does ${name} have now?`,
      `Which one does ${name} have at the end?`,
      `At the end, which ${swap.thing ?? "thing"} does ${name} have?`,
      `Which ${swap.thing ?? "thing"} does ${name} have at the end?`,
      `At the end, what does ${name} have?`,
    ]);
    const choices = random.pick([
      `Which choice is true? Answer choices: ${lettered(options)}.`,
      `Answer choices: ${lettered(options)}.`,
      `Choices: ${lettered(options)}`,
      `${lettered(options)}`,
    ]);
    const close = random.pick([
      "",
      `${name} has the ${thing}, which is choice (${letter}).`,
      `So ${name} has the ${thing}. The answer is (${letter}).`,
      `The ${thing} is choice (${letter}).`,
      `The ${thing} is (${letter}).`,
      `So the answer is (${letter}), the ${thing}.`,
      `The ${thing} is with ${name}, so we choose (${letter}).`,
    ]);
    return studentForm(
      `${text} ${ask}${gap}${choices}`,
      close === "" ? rationale : `${rationale}${gap}${close}`,
      chance(random, 0.85) ? letter : `(${letter})`,
    );
  }
  if (chance(random, 0.4))
    return studentForm(
      `${text} ${random.pick(["Who has", "Who holds", "Who now has"])} the ${thing}?`,
      rationale,
      name,
    );
  const ask = random.pick([
    `What does ${name} have now?`,
    `What does ${name} have?`,
    `At the end, ${name} has the`,
    `Now ${name} has the`,
  ]);
  return studentForm(`${text} ${ask}`, rationale, thing);
}

/** The situation, and the state after it in one or two wordings. */
export function drawnSwap(random: RandomStream, swap: Swap): { context: string; target: string } {
  const form = drawForm(random, swap);
  const context = chance(random, 0.5)
    ? situation(random, swap, form)
    : `${openingState(random, swap, form)} ${swapSentence(random, swap)}`;
  const told = [newStateSentence(random, swap, form)];
  if (chance(random, 0.4)) told.push(changeSentence(random, swap, true));
  else if (chance(random, 0.3)) told.push(newStateSentence(random, swap, drawForm(random, swap)));
  return {
    context,
    target: random
      .shuffle(told)
      .map((text) => ` ${text}`)
      .join(""),
  };
}

/** One swap drill: nothing but the state and the new state, in one form, with the swap between them. */
function drill(random: RandomStream, swap: Swap): string {
  const form = drawForm(random, swap);
  const after = `${namingLead(random, swap)}${stateClause(random, swap, "after", form)}.`;
  return `${openingState(random, swap, form)}${chance(random, 0.5) ? "\n" : " "}${after}`;
}

function swapDocument(random: RandomStream, stories: number, write: (swap: Swap) => string): string {
  let people = random.shuffle(names);
  const texts: string[] = [];
  for (let i = 0; i < stories; i++) {
    const size = groupSize(random);
    texts.push(write(drawSwap(random, people.slice(0, size))));
    people = people.slice(size);
  }
  return document(texts);
}

export function writeSwapStory(random: RandomStream): string {
  return swapDocument(random, random.between(1, 4), (swap) =>
    chance(random, 0.35) ? drill(random, swap) : told(random, swap),
  );
}

export function writeSwapQuestion(random: RandomStream): string {
  return swapDocument(random, random.pick([1, 1, 1, 2, 3, 4]), (swap) => asked(random, swap));
}
