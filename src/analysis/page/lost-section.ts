/** Lost answers: what turns wrong, and right, from one student to another that writes less of the rationale. */
import { opposedBars } from "../../report/charts/bars.ts";
import { clipText, escapeHtml, type Html, label } from "../../report/html.ts";
import { decimal, missing, points, pValue } from "../../report/numbers.ts";
import { type MethodLook, methodBadge } from "../../report/palette.ts";
import { table } from "../../report/sections/results.ts";
import type { InspectData } from "../data.ts";
import type { ExampleOutput, Failure, LostAnswers } from "../lost-answers.ts";
import { pairedBars } from "./paired-bars.ts";

const failureWords: Record<Failure, string> = {
  otherAnswer: "another answer",
  unreadable: "no answer to read",
  unfinished: "cut off before an answer",
};

export function lostSection({ lost }: InspectData, looks: MethodLook[]): Html {
  const heading = `<section id="lost"><h2>Lost answers</h2>`;
  if (lost.length === 0)
    return `${heading}<p class="empty">Fewer than two methods of this run were evaluated on the same problems.</p></section>`;
  const most = Math.max(1, ...lost.flatMap((pair) => [pair.lost, pair.won]));
  return (
    `${heading}<p>Where is accuracy lost when a student writes less? Pairs of students on the same held-out problems.</p>` +
    table(
      "Right and wrong in pairs of students",
      [
        "From",
        "To",
        "Both<br>right",
        "Lost",
        '<span class="hidden">Lost and won as bars</span>',
        "Won",
        "Both<br>wrong",
        "p",
        "Tokens<br>from",
        "to",
      ],
      lost.map((pair) => [
        methodBadge(looks, pair.from),
        methodBadge(looks, pair.to),
        decimal(pair.bothRight),
        decimal(pair.lost),
        opposedBars(pair.lost, pair.won, most, [colourOf(looks, pair.from), colourOf(looks, pair.to)]),
        decimal(pair.won),
        decimal(pair.bothWrong),
        escapeHtml(pValue(pair.pValue)),
        decimal(pair.tokens.fromAll, 1),
        decimal(pair.tokens.toAll, 1),
      ]),
    ) +
    `<p class="note">Lost: right with the first student and wrong with the second; won: the other way round. p: McNemar's exact test.</p>` +
    lost.map((pair) => details(pair, looks)).join("") +
    `</section>`
  );
}

function colourOf(looks: MethodLook[], name: string): string {
  return looks.find((look) => look.name === name)?.colour ?? "";
}

function details(pair: LostAnswers, looks: MethodLook[]): Html {
  const { tokens } = pair;
  const causes = (Object.entries(pair.failures) as [Failure, number][])
    .filter(([, count]) => count > 0)
    .map(([failure, count]) => `${decimal(count)} × ${failureWords[failure]}`);
  return (
    `<figure><h3>${methodBadge(looks, pair.from)} → ${methodBadge(looks, pair.to)}</h3>` +
    (pair.lost === 0
      ? `<p class="empty">No answer is lost.</p>`
      : `<p>${decimal(pair.lost)} lost: ${escapeHtml(causes.join(", "))}. On them the first writes ${decimal(tokens.fromLost, 1)} tokens and the second ${decimal(tokens.toLost, 1)} (over all problems ${decimal(tokens.fromAll, 1)} and ${decimal(tokens.toAll, 1)}).</p>`) +
    `<p class="note">Right answers by how many tokens ${methodBadge(looks, pair.from)} writes; its bar is the upper one.</p>` +
    pairedBars(
      pair.byLength.map(({ tokens: [least, longest], problems, fromRight, toRight }) => ({
        name: least === longest ? decimal(least) : `${decimal(least)} to ${decimal(longest)}`,
        bars: [
          { name: pair.from, colour: colourOf(looks, pair.from), share: fromRight / problems },
          { name: pair.to, colour: colourOf(looks, pair.to), share: toRight / problems },
        ],
        note: `of ${decimal(problems)}, ${points((toRight - fromRight) / problems)} points`,
      })),
      1,
      "→",
    ) +
    (pair.examples.length === 0
      ? ""
      : `<details><summary>${decimal(pair.examples.length)} of the ${decimal(pair.lost)} lost answers</summary>${pair.examples.map((one) => example(one, pair, looks)).join("")}</details>`) +
    `</figure>`
  );
}

function example(one: LostAnswers["examples"][number], pair: LostAnswers, looks: MethodLook[]): Html {
  return (
    `<div class="example"><p class="quiet">${label(one.id)}</p><p class="foreign" dir="auto">${escapeHtml(clipText(one.question, 1200))}</p>` +
    `<p><span class="quiet">Gold answer</span> <b class="foreign" dir="auto">${label(one.answer)}</b> <span class="quiet">– lost to ${escapeHtml(failureWords[one.failure])}</span></p>` +
    `<div class="two">${output(one.from, pair.from, "right", looks)}${output(one.to, pair.to, "wrong", looks)}</div></div>`
  );
}

function output(one: ExampleOutput, name: string, kind: "right" | "wrong", looks: MethodLook[]): Html {
  const read = one.predicted === undefined ? missing : label(one.predicted);
  return (
    `<article class="output ${kind}"><h4>${methodBadge(looks, name)}<span class="mark-word">${kind === "right" ? "✓ right" : "✗ wrong"}</span></h4>` +
    `<p class="output-text foreign" dir="auto">${escapeHtml(clipText(one.text, 2000))}</p>` +
    `<p class="quiet">read as <span class="foreign" dir="auto">${read}</span>, ${decimal(one.tokens)} tokens</p></article>`
  );
}
