/**
 * Turns an explanation into a rationale: picks filler sentences until they make up the wanted share of the words,
 * keeps them in clusters, lays the text out and labels each step. Knows nothing of any task.
 */
import type { RandomStream } from "../../util/random.ts";
import type { StepRole } from "../problem.ts";
import type { Explanation } from "./types.ts";

interface Sentence {
  role: StepRole;
  text: string;
}

/** The fillers that may stand at one place between two told sentences, in telling order. */
interface Gap {
  candidates: Sentence[];
  chosen: Set<Sentence>;
}

/** Rationales of one wordiness differ by up to this much, so that length carries no information. */
const wordinessSpread = 0.07;

/** How sentences are separated; each tells the small reader where it is in a different way. */
const layouts = ["paragraph", "blocks", "lines", "numbered"] as const;
type Layout = (typeof layouts)[number];

/** Words of one sentence, which has single spaces and none at its ends. */
function wordCount(sentence: string): number {
  let words = 1;
  for (let at = sentence.indexOf(" "); at >= 0; at = sentence.indexOf(" ", at + 1)) words += 1;
  return words;
}

const sentences = (role: StepRole, texts: readonly string[]): Sentence[] =>
  texts.map((text) => ({ role, text }));

const isRestatement = ({ role }: Sentence): boolean => role === "restatement";

/** The gaps before each block and the one before the answer. */
function gapsOf(explanation: Explanation): Gap[] {
  const gaps: Gap[] = [];
  let before = sentences("restatement", explanation.restatements);
  for (const block of explanation.blocks) {
    gaps.push({ candidates: [...before, ...sentences("transition", block.transitions)], chosen: new Set() });
    before = sentences("check", block.checks);
  }
  gaps.push({ candidates: [...before, ...sentences("summary", explanation.summaries)], chosen: new Set() });
  return gaps;
}

/** Chooses fillers of about `budget` words: an opening cluster, a few clusters between, a closing cluster. */
function fill(gaps: Gap[], budget: number, random: RandomStream): void {
  const told = new Set<string>();
  let spent = 0;
  const take = (gap: Gap, limit: number, most: number): void => {
    let taken = 0;
    for (const candidate of random.shuffle(gap.candidates)) {
      if (taken === most) return;
      const words = wordCount(candidate.text);
      // Half a sentence over is as near to the limit as half a sentence under.
      if (told.has(candidate.text) || spent + words / 2 > limit) continue;
      told.add(candidate.text);
      gap.chosen.add(candidate);
      spent += words;
      taken += 1;
    }
  };
  const opening = gaps[0]!;
  const restatement: Gap = { ...opening, candidates: opening.candidates.filter(isRestatement) };
  const closing = gaps.at(-1)!;
  const between = random.shuffle(gaps.slice(1, -1));
  const closingShare = 0.15 + 0.15 * random.next();
  take(restatement, budget, 1);
  take(opening, budget * (0.3 + 0.15 * random.next()), Number.POSITIVE_INFINITY);
  for (const gap of between) take(gap, budget * (1 - closingShare), random.between(2, 4));
  take(closing, budget, Number.POSITIVE_INFINITY);
  for (const gap of random.shuffle(gaps)) take(gap, budget, Number.POSITIVE_INFINITY);
}

function pickLayout(random: RandomStream): Layout {
  const draw = random.next();
  if (draw < 0.4) return "paragraph";
  if (draw < 0.7) return "blocks";
  return draw < 0.85 ? "lines" : "numbered";
}

/**
 * @param wordiness share of the words aimed for in steps that are neither reasoning nor answer; at 0 there are none
 * @returns the steps, each ending in its white space except the last, and their roles
 */
export function composeRationale(
  explanation: Explanation,
  wordiness: number,
  random: RandomStream,
): { steps: string[]; roles: StepRole[] } {
  const gaps = gapsOf(explanation);
  const needed = [...explanation.blocks.map((block) => block.reasoning), explanation.answer];
  if (wordiness > 0) {
    const share = Math.min(0.85, Math.max(0, wordiness + wordinessSpread * (2 * random.next() - 1)));
    const neededWords = needed.reduce((sum, text) => sum + wordCount(text), 0);
    fill(gaps, (neededWords * share) / (1 - share), random);
  }
  // Each paragraph is a cluster of fillers, a reasoning step, or the answer.
  const paragraphs: Sentence[][] = [];
  for (const [index, gap] of gaps.entries()) {
    const cluster = gap.candidates.filter((candidate) => gap.chosen.has(candidate));
    if (cluster.length > 0) paragraphs.push(cluster);
    const role = index < explanation.blocks.length ? "reasoning" : "answer";
    paragraphs.push([{ role, text: needed[index]! }]);
  }
  return layOut(paragraphs, pickLayout(random), random);
}

function layOut(
  paragraphs: Sentence[][],
  layout: Layout,
  random: RandomStream,
): { steps: string[]; roles: StepRole[] } {
  const steps: string[] = [];
  const roles: StepRole[] = [];
  let number = 0;
  for (const paragraph of paragraphs) {
    for (const [index, sentence] of paragraph.entries()) {
      const endsParagraph = index === paragraph.length - 1;
      let text = sentence.text;
      if (layout === "numbered" && sentence.role === "reasoning") {
        number += 1;
        text = `${number}. ${text}`;
      }
      const newline =
        layout === "lines" ||
        (layout === "numbered" && endsParagraph) ||
        (layout === "blocks" && endsParagraph && random.below(3) > 0);
      steps.push(text + (newline ? "\n" : " "));
      roles.push(sentence.role);
    }
  }
  steps.push(steps.pop()!.trimEnd());
  return { steps, roles };
}
