/** Core tokens: how many, in which steps, where in the rationale, and some rationales with theirs marked. */
import { shareBar } from "../../report/charts/bars.ts";
import { clipText, cutNote, escapeHtml, type Html, label } from "../../report/html.ts";
import { maxSteps } from "../../report/limits.ts";
import { decimal, percent, percentTick, tickLabel } from "../../report/numbers.ts";
import { type MethodLook, methodBadge } from "../../report/palette.ts";
import type { CoreCount } from "../core-figures.ts";
import type { CoreExample, InspectData } from "../data.ts";
import { lineChart } from "./line-chart.ts";

export function coreSection(data: InspectData, looks: MethodLook[]): Html {
  const { core, settings } = data;
  const partly = core.rationales - core.completeRationales;
  const figures: [string, string, string][] = [
    ["Core tokens", percent(core.share), "of the rationale tokens"],
    [
      "Tokens replaced",
      decimal(core.testedTokens),
      `one at a time, in ${decimal(core.rationales)} rationales; ${decimal(core.scoredTokens)} tokens scored`,
    ],
    [
      "Tested in full",
      decimal(core.completeRationales),
      partly === 0
        ? "rationales: every token of all of them"
        : `rationales; of the other ${decimal(partly)} a random sample of tokens, scaled up`,
    ],
    [
      "Wrong when whole",
      decimal(core.wrongWhenWhole),
      "rationales after which the student's answer is not the gold one; there only δ decides",
    ],
  ];
  const view =
    settings.view === "shown"
      ? "The rest of the rationale stays as it is, the step that states the answer included."
      : "The last step, which states the answer, is taken out; the rest stays as it is.";
  return (
    `<section id="core"><h2>Core tokens <span class="of">marked by ${methodBadge(looks, core.markedBy)}</span></h2>` +
    `<p>Each token of a training rationale is replaced by the most likely other token at its place. It is core if the gold answer is then no longer the student's, or its log-probability falls by more than δ = ${decimal(settings.delta, 2)} nats. ${view}</p>` +
    `<dl class="stats">${figures
      .map(
        ([name, value, note]) =>
          `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd><dd class="note">${escapeHtml(note)}</dd></div>`,
      )
      .join("")}</dl>` +
    roleBars(core.byRole ?? []) +
    tenths(core.byTenth) +
    examples(core.examples) +
    `</section>`
  );
}

function roleBars(roles: readonly ({ role: string } & CoreCount)[]): Html {
  if (roles.length === 0) return "";
  const most = Math.max(...roles.map(({ tokens }) => tokens));
  const rows = roles.map(({ role, tokens, core, share }) => {
    const figures = `${decimal(core)} of ${decimal(tokens)}`;
    return (
      `<div class="bar-row"><span class="bar-name">${escapeHtml(role)}</span>` +
      `${shareBar(share, tokens / most, `${role}: ${figures} tokens are core`)}` +
      `<span class="bar-value"><b>${percent(share)}</b> <span class="quiet">${figures}</span></span></div>`
    );
  });
  return (
    `<figure><h3>Core tokens by what their step does</h3><div class="bars">${rows.join("")}</div>` +
    `<figcaption>Bar length: tokens in steps of that role. Filled: core tokens. The roles come from the generator of the task, the student never sees them.</figcaption></figure>`
  );
}

function tenths(counts: readonly CoreCount[]): Html {
  const points = counts.flatMap(({ tokens, share }, i) => (tokens > 0 ? [{ x: 10 * i + 5, y: share }] : []));
  // Green is the colour of what is kept because it matters, in the report too.
  const look = { name: "core tokens", colour: "m7", marker: "" };
  const chart = lineChart([{ look, points, kind: "line" }], {
    xTitle: "place in the rationale, by tenths",
    yTitle: "share of core tokens",
    description: `Share of core tokens by tenth of the rationale: ${counts.map(({ share }) => percent(share)).join(", ")}`,
    height: 260,
    xEnds: [0, 100],
    yEnds: [0, 0],
    xFormat: (tick) => `${tickLabel(tick, 1)}%`,
    yFormat: percentTick,
  });
  return chart === "" ? "" : `<figure><h3>Where they stand</h3>${chart}</figure>`;
}

function examples(list: readonly CoreExample[]): Html {
  if (list.length === 0) return "";
  const [first, ...others] = list.map(example) as [Html, ...Html[]];
  return (
    `<figure><h3>Some rationales, core tokens marked</h3>${first}` +
    (others.length === 0
      ? ""
      : `<details><summary>${decimal(others.length)} more</summary>${others.join("")}</details>`) +
    `<figcaption>Point at a marked token to see what it was replaced by and what that cost the gold answer, in nats.</figcaption></figure>`
  );
}

function example({ id, question, answer, wholeRight, steps }: CoreExample): Html {
  const shown = steps.slice(0, maxSteps);
  const text = shown.map(
    ({ role, tokens }, s) =>
      // The space before the first word is the tokenizer's.
      tokens.map((one, t) => token(s + t === 0 ? { ...one, text: one.text.trimStart() } : one)).join("") +
      (role === undefined ? "" : `<span class="role">${escapeHtml(role)}</span>`),
  );
  return (
    `<div class="example"><p class="quiet">${label(id)}</p><p class="foreign" dir="auto">${escapeHtml(clipText(question, 1200))}</p>` +
    `<p class="rationale foreign" dir="auto">${text.join("")}</p>` +
    `<p><span class="quiet">Gold answer</span> <b class="foreign" dir="auto">${label(answer)}</b>${wholeRight ? "" : ` <span class="quiet">– the student answers otherwise even with nothing replaced</span>`}</p>` +
    `${cutNote(shown.length, steps.length, "steps")}</div>`
  );
}

function token({ text, core, replacement, fall }: CoreExample["steps"][number]["tokens"][number]): Html {
  if (!core) return escapeHtml(text);
  const title = `replaced by “${label(replacement ?? "", 40)}”: −${decimal(fall, 2)} nats`;
  return `<mark title="${title}">${escapeHtml(text)}</mark>`;
}
