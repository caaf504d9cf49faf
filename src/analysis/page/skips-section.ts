/** Skips by role: precision and recall of the probed skips against as many skips drawn by lot. */
import { escapeHtml, type Html } from "../../report/html.ts";
import { decimal, missing, percent } from "../../report/numbers.ts";
import { table } from "../../report/sections/results.ts";
import type { InspectData } from "../data.ts";

export function skipsSection({ skips }: InspectData): Html {
  const heading = `<section id="skips"><h2>Skips</h2>`;
  if (skips === undefined)
    return `${heading}<p class="empty">The task does not say what its steps do, or nothing was probed; the report has the skips themselves.</p></section>`;
  const rows = [
    ["Probed", skips.probed],
    ["By lot", skips.random],
  ] as const;
  const roles = skips.probed.byRole.map(({ role }) => role);
  const share = (truth: typeof skips.probed, role: string): Html => {
    const found = truth.byRole.find((one) => one.role === role);
    return found === undefined
      ? missing
      : `${percent(found.skipped / found.steps, 0)} <span class="quiet">of ${decimal(found.steps)}</span>`;
  };
  return (
    `${heading}<p>The generator of the task knows which steps reason or state the answer. Skips are good when they hit the others.</p>` +
    table(
      "Skipped steps against what they do",
      ["Skips", "Skipped<br>steps", "Precision", "Recall", ...roles.map((role) => escapeHtml(role))],
      rows.map(([name, truth]) => [
        name,
        decimal(truth.skipped),
        percent(truth.precision),
        percent(truth.recall),
        ...roles.map((role) => share(truth, role)),
      ]),
    ) +
    `<p class="note">Precision: skipped steps that are neither reasoning nor answer, of all skipped. Recall: the same, of all such steps. By lot: as many chunks of each rationale, drawn at random. Right columns: skipped steps of each role.</p></section>`
  );
}
