/** Skips: how much was dropped, from which kinds of steps, and how well the choice agrees with the truth. */
import { shareBar } from "../charts/bars.ts";
import type { ReportData } from "../data.ts";
import { escapeHtml, type Html } from "../html.ts";
import { decimal, percent } from "../numbers.ts";

export function skipsSection(data: ReportData): Html {
  const heading = `<section id="skips"><h2>Skips</h2>`;
  const { skips } = data;
  if (!(skips.candidates > 0))
    return `${heading}<p class="empty">No chunks were probed for skipping in this run.</p></section>`;
  const saved = skips.meanTokensBefore > 0 ? 1 - skips.meanTokensAfter / skips.meanTokensBefore : undefined;
  const figures: [string, string, string][] = [
    [
      "Skipped",
      percent(skips.share),
      `${decimal(skips.skipped)} of ${decimal(skips.candidates)} candidate chunks in ${decimal(skips.rationales)} rationales`,
    ],
    [
      "Tokens per rationale",
      `${decimal(skips.meanTokensBefore, 1)} → ${decimal(skips.meanTokensAfter, 1)}`,
      saved === undefined ? "" : `${percent(saved)} of the text is gone`,
    ],
    [
      "Wrong when whole",
      decimal(skips.wrongWhenWhole),
      "rationales did not help the student even whole; not probed",
    ],
  ];
  if (skips.precision !== undefined)
    figures.push(["Precision", percent(skips.precision), "of the skipped steps really were dispensable"]);
  if (skips.recall !== undefined)
    figures.push(["Recall", percent(skips.recall), "of the dispensable steps were skipped"]);
  return (
    `${heading}<p>A chunk before the one that states the answer is skipped where the student still answers right without it${skips.criterion === "continuation" ? " and no later chunk gets harder for it to write" : ""}.</p>` +
    `<dl class="stats">${figures
      .map(
        ([name, value, note]) =>
          `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd><dd class="note">${escapeHtml(note)}</dd></div>`,
      )
      .join("")}</dl>${roleBars(skips.byRole ?? [])}</section>`
  );
}

function roleBars(roles: NonNullable<ReportData["skips"]["byRole"]>): Html {
  const present = roles.filter((role) => role.steps > 0);
  if (present.length === 0) return "";
  const most = Math.max(...present.map((role) => role.steps));
  const rows = present.map((role) => {
    const share = role.skipped / role.steps;
    const figures = `${decimal(role.skipped)} of ${decimal(role.steps)}`;
    return (
      `<div class="bar-row"><span class="bar-name">${escapeHtml(role.role)}</span>` +
      `${shareBar(share, role.steps / most, `${role.role}: ${figures} steps skipped`)}` +
      `<span class="bar-value"><b>${percent(share, 0)}</b> <span class="quiet">${figures}</span></span></div>`
    );
  });
  return (
    `<figure><h3>Skipped steps by what they do</h3><div class="bars">${rows.join("")}</div>` +
    `<figcaption>Bar length: steps of that role. Filled: skipped. The roles come from the generator of the task, the student never sees them. Reasoning and answer steps should stay.</figcaption></figure>`
  );
}
