/** Chunking: what search changed, over the whole training set and on one rationale. */
import { chunkOf, stepStrip } from "../charts/bars.ts";
import type { ReportData } from "../data.ts";
import { clipText, cutNote, escapeHtml, type Html, label } from "../html.ts";
import { maxSteps, maxTableRows } from "../limits.ts";
import { decimal, percent } from "../numbers.ts";
import { type MethodLook, methodBadge } from "../palette.ts";
import { table } from "./results.ts";

type SampleRationale = ReportData["rationales"][number];

export function chunkingSection(data: ReportData, looks: MethodLook[]): Html {
  const { history, count, probedCount } = data.chunking;
  const rows = history.slice(0, maxTableRows);
  const searched =
    rows.length === 0
      ? `<p class="empty">No chunk search was done in this run; chunks, where they were used, are of equal size in steps.</p>`
      : table(
          "Chunk search, in the order it was done",
          [
            "Method",
            "Epoch",
            "J before",
            "J after",
            "Change",
            "Rationales<br>changed",
            "Sequences<br>scored",
          ],
          rows.map((row) => [
            methodBadge(looks, row.method) +
              (row.count === undefined
                ? ""
                : `<br><span class="quiet">${decimal(row.count)} chunks, from average ones</span>`),
            decimal(row.epoch),
            decimal(row.meanObjectiveBefore, 3),
            decimal(row.meanObjectiveAfter, 3),
            row.meanObjectiveBefore > 0 ? percent(row.meanObjectiveAfter / row.meanObjectiveBefore - 1) : "–",
            `${decimal(row.changed)} <span class="quiet">of ${decimal(row.rationales)}</span>`,
            decimal(row.scoredSequences),
          ]),
        ) +
        `<p class="note">J is the sum over chunks of the student's mean loss per token, end-of-chunk token included, averaged over rationales; lower means that the cuts fall where the student expects them. Rows with other numbers of chunks do not compare.</p>`;
  return (
    `<section id="chunking"><h2>Chunking</h2><p>Rationales are cut into at most ${decimal(count)} chunks${probedCount === undefined ? "" : ` for training, ${decimal(probedCount)} for probing`}.</p>${searched}` +
    cutNote(rows.length, history.length, "rows of the history") +
    sampleFigure(data.rationales) +
    `</section>`
  );
}

/** The first rationale that search changed, or just the first. */
function sampleFigure(rationales: SampleRationale[]): Html {
  const usable = rationales.filter((r) => r.steps.length > 0 && r.boundariesAfter.length > 1);
  const sample =
    usable.find(
      (r) => r.boundariesBefore.length > 1 && r.boundariesBefore.join() !== r.boundariesAfter.join(),
    ) ?? usable[0];
  if (sample === undefined) return "";
  const steps = sample.steps.slice(0, maxSteps);
  const both = sample.boundariesBefore.length > 1;
  const objective = (value: number | undefined): string =>
    value === undefined ? "" : `, J = ${decimal(value, 3)}`;
  const strip = stepStrip(
    steps.map((step) => step.text.trim().length),
    [
      ...(both
        ? [
            {
              label: `before the search${objective(sample.objectiveBefore)}`,
              boundaries: sample.boundariesBefore,
            },
          ]
        : []),
      {
        label: `${both ? "after search" : "chunks"}${objective(sample.objectiveAfter)}`,
        boundaries: sample.boundariesAfter,
      },
    ],
  );
  const cell = (boundaries: number[], step: number): Html => {
    const chunk = chunkOf(boundaries, step);
    return `<span class="band c${chunk % 6}">${chunk + 1}</span>`;
  };
  const roles = steps.some((step) => step.role !== undefined);
  const list = steps.map((step, i) => [
    decimal(i + 1),
    ...(both ? [cell(sample.boundariesBefore, i)] : []),
    cell(sample.boundariesAfter, i),
    `<span class="foreign" dir="auto">${escapeHtml(clipText(step.text.trim(), 600))}</span>`,
    ...(roles ? [step.role === undefined ? "" : `<span class="role">${escapeHtml(step.role)}</span>`] : []),
  ]);
  return (
    `<figure><h3>One rationale, before and after</h3><p class="question foreign" dir="auto">${escapeHtml(clipText(sample.question, 600))}</p>${strip}` +
    `<figcaption>Rationale ${label(sample.id)}. Each box is a step, its width grows with its length; a colour is a chunk.</figcaption>` +
    `<details><summary>The ${decimal(steps.length)} steps in words</summary><div class="steps">${table(
      "Steps of the rationale and their chunks",
      ["Step", ...(both ? ["Before"] : []), "After", "Text", ...(roles ? ["Role"] : [])],
      list,
    )}</div></details>${cutNote(steps.length, sample.steps.length, "steps")}</figure>`
  );
}
