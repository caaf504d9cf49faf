/**
 * Where accuracy is lost between two students, one of which writes more of the rationale: which problems turn wrong or right,
 * how the wrong ones fail, and whether it is the long problems. Reads the samples that evaluation stored.
 */
import type { Sample } from "../evaluate/evaluate.ts";
import { mcNemarExact } from "../evaluate/statistics.ts";
import { answerMarker } from "../tasks/answers/answers.ts";
import { mean } from "../util/mean.ts";

/** How a wrong answer is wrong. */
export const failures = ["otherAnswer", "unreadable", "unfinished"] as const;
export type Failure = (typeof failures)[number];

export interface LostAnswers {
  from: string;
  to: string;
  problems: number;
  bothRight: number;
  /** Right with `from`, wrong with `to`. */
  lost: number;
  /** Wrong with `from`, right with `to`. */
  won: number;
  bothWrong: number;
  /** McNemar's exact test. */
  pValue: number;
  /** How `to` fails on the lost problems. */
  failures: Record<Failure, number>;
  /** Problems in three groups by how many tokens `from` wrote, shortest first; as equal as ties allow. */
  byLength: { tokens: [least: number, most: number]; problems: number; fromRight: number; toRight: number }[];
  /** Mean tokens written on the lost problems, and on all. */
  tokens: { fromLost?: number; toLost?: number; fromAll: number; toAll: number };
  /** Lost problems, in the order of the test set. */
  examples: LostExample[];
}

export interface LostExample {
  id: string;
  question: string;
  answer: string;
  failure: Failure;
  from: ExampleOutput;
  to: ExampleOutput;
}

export interface ExampleOutput {
  text: string;
  predicted: string | undefined;
  tokens: number;
}

/** Characters of a text in inspect.json; the page cuts further. */
const longestText = 4000;

/** Samples of both students on the same problems, in the same order. */
export function lostAnswers(
  from: { name: string; samples: readonly Sample[] },
  to: { name: string; samples: readonly Sample[] },
  options: { examples: number },
): LostAnswers {
  const pairs = from.samples.map((before, i) => ({ before, after: to.samples[i]! }));
  if (pairs.length === 0 || pairs.some(({ before, after }) => before.id !== after?.id))
    throw new RangeError("both students need samples of the same problems");
  const lost = pairs.filter(({ before, after }) => before.correct && !after.correct);
  const won = pairs.filter(({ before, after }) => !before.correct && after.correct);
  const counts = Object.fromEntries(failures.map((failure) => [failure, 0])) as Record<Failure, number>;
  for (const { after } of lost) counts[failureOf(after)] += 1;
  return {
    from: from.name,
    to: to.name,
    problems: pairs.length,
    bothRight: pairs.filter(({ before, after }) => before.correct && after.correct).length,
    lost: lost.length,
    won: won.length,
    bothWrong: pairs.filter(({ before, after }) => !before.correct && !after.correct).length,
    pValue: mcNemarExact(lost.length, won.length),
    failures: counts,
    byLength: byLength(pairs),
    tokens: {
      ...(lost.length === 0
        ? {}
        : {
            fromLost: mean(lost.map(({ before }) => before.tokens)),
            toLost: mean(lost.map(({ after }) => after.tokens)),
          }),
      fromAll: mean(pairs.map(({ before }) => before.tokens)),
      toAll: mean(pairs.map(({ after }) => after.tokens)),
    },
    examples: lost.slice(0, options.examples).map(({ before, after }) => ({
      id: cut(before.id),
      question: cut(before.question),
      answer: cut(before.answer),
      failure: failureOf(after),
      from: output(before),
      to: output(after),
    })),
  };
}

function failureOf(sample: Sample): Failure {
  // Of a text that was cut off before its answer, the reader takes the last candidate that it finds.
  if (!sample.finished && !sample.text.includes(answerMarker)) return "unfinished";
  return sample.predicted !== undefined ? "otherAnswer" : "unreadable";
}

type Pair = { before: Sample; after: Sample };

function byLength(pairs: readonly Pair[]): LostAnswers["byLength"] {
  const sorted = [...pairs].sort((a, b) => a.before.tokens - b.before.tokens);
  const tokensAt = (i: number): number | undefined => sorted[i]?.before.tokens;
  // Problems with as many tokens stay together, so that each length belongs to one group.
  const ends = [0, 1, 2, 3].map((third) => {
    const middle = Math.floor((third * sorted.length) / 3);
    let [down, up] = [middle, middle];
    while (down > 0 && tokensAt(down) === tokensAt(down - 1)) down -= 1;
    while (up > 0 && up < sorted.length && tokensAt(up) === tokensAt(up - 1)) up += 1;
    return middle - down <= up - middle ? down : up;
  });
  return [0, 1, 2].flatMap((third) => {
    const group = sorted.slice(ends[third], ends[third + 1]);
    if (group.length === 0) return [];
    return [
      {
        tokens: [group[0]!.before.tokens, group.at(-1)!.before.tokens] as [number, number],
        problems: group.length,
        fromRight: group.filter(({ before }) => before.correct).length,
        toRight: group.filter(({ after }) => after.correct).length,
      },
    ];
  });
}

function output({ text, predicted, tokens }: Sample): ExampleOutput {
  return { text: cut(text), predicted: predicted === undefined ? undefined : cut(predicted), tokens };
}

/** The end of a text stays: the answer is there. */
function cut(text: string): string {
  return text.length <= longestText ? text : `…${text.slice(1 - longestText)}`;
}
