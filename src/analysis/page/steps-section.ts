/** Optimizer steps: how much of their loss and of their gradient is core tokens, under full batches and chunk by chunk. */
import { escapeHtml, type Html } from "../../report/html.ts";
import { decimal, missing, percent, percentTick } from "../../report/numbers.ts";
import { legend, type MethodLook, methodBadge } from "../../report/palette.ts";
import { table } from "../../report/sections/results.ts";
import type { InspectData } from "../data.ts";
import { type InspectSummary, type Spread, type StepSummary, stepSummary } from "../summary.ts";
import { lineChart, type Series } from "./line-chart.ts";

type MethodSteps = InspectData["steps"][number];

export function stepsSection(
  data: InspectData,
  looks: MethodLook[],
  { steps: summaries }: InspectSummary,
): Html {
  const heading = `<section id="steps"><h2>Optimizer steps</h2>`;
  const steps = data.steps.filter(({ shares }) => shares.length > 0);
  if (steps.length === 0)
    return `${heading}<p class="empty">No optimizer steps could be planned.</p></section>`;
  const names = steps.map(({ method }) => method);
  return (
    `${heading}<p>One epoch of batches over the ${decimal(data.core.completeRationales)} rationales that were tested in full, as training plans them, under the weights that every method starts from. Nothing is trained.</p>` +
    table(
      "Core tokens in an optimizer step, means over steps",
      ["Method", ...columns.map(({ head }) => head)],
      [
        ...summaries.map((summary) => [methodBadge(looks, summary.method), ...cells(summary)]),
        ...steps.flatMap((one) => byStage(one)),
      ],
    ) +
    `<p class="note">± one standard error over steps. Tokens: the share that core tokens would have if every token had the same loss; items are averaged first, then the batch. ` +
    `‖g‖ is the norm of the step's gradient before clipping, ‖g core‖ that of the core tokens' part of it, part their scalar product over ‖g‖². ` +
    `Gradients are measured on ${decimal(Math.max(...steps.map(({ gradients }) => gradients.length)))} steps per method at most, spread over the stages.</p>` +
    (summaries.every(({ lossShare, stepsWithoutCore }) => stepsWithoutCore === lossShare.values)
      ? `<p class="empty">None of these rationales holds a core token, so there is no share to draw. More of them are tested with --rationales and --max-scored-tokens; a lower --delta marks more.</p>`
      : shareChart(steps, looks, names) + gradientChart(steps, looks, names)) +
    `</section>`
  );
}

const columns: { head: Html; cell: (summary: StepSummary) => string }[] = [
  { head: "Steps", cell: ({ lossShare }) => decimal(lossShare.values) },
  { head: "without<br>core", cell: ({ stepsWithoutCore }) => decimal(stepsWithoutCore) },
  { head: "Share of<br>tokens", cell: ({ tokenShare }) => percent(tokenShare.mean) },
  { head: "Share of<br>loss", cell: ({ lossShare }) => shareCell(lossShare) },
  { head: "Largest<br>share", cell: ({ lossShare }) => percent(lossShare.largest) },
  { head: "‖g‖", cell: ({ gradientNorm }) => decimal(gradientNorm?.mean, 2) },
  { head: "‖g core‖", cell: ({ coreGradientNorm }) => decimal(coreGradientNorm?.mean, 2) },
  { head: "Cosine", cell: ({ cosine }) => spreadCell(cosine) },
  { head: "Part", cell: ({ part }) => percent(part?.mean) },
];

function cells(summary: StepSummary): Html[] {
  return columns.map(({ cell }) => escapeHtml(cell(summary)));
}

function shareCell({ mean, standardError }: Spread): string {
  return `${percent(mean)}${standardError === undefined ? "" : ` ± ${decimal(100 * standardError, 1)}`}`;
}

function spreadCell(spread: Spread | undefined): string {
  if (spread === undefined) return missing;
  return `${decimal(spread.mean, 2)}${spread.standardError === undefined ? "" : ` ± ${decimal(spread.standardError, 2)}`}`;
}

/** Rows of the stages of a method that has several. */
function byStage({ method, shares, gradients }: MethodSteps): Html[][] {
  const stages = [...new Set(shares.map(({ stage }) => stage))].sort((a, b) =>
    String(a).localeCompare(String(b), "en", { numeric: true }),
  );
  if (stages.length < 2) return [];
  return stages.map((stage) => {
    const of = <T extends { stage: unknown }>(list: readonly T[]): T[] =>
      list.filter((one) => one.stage === stage);
    const name = stage === "answer" ? "answer item" : `chunk ${stage}`;
    return [
      `<span class="quiet">${escapeHtml(method)}, ${escapeHtml(name)}</span>`,
      ...cells(stepSummary(method, of(shares), of(gradients))),
    ];
  });
}

function lookOf(looks: MethodLook[], name: string): MethodLook {
  return looks.find((look) => look.name === name)!;
}

/** Steps sorted by the share of their loss: are there steps that core tokens dominate? */
function shareChart(steps: readonly MethodSteps[], looks: MethodLook[], names: string[]): Html {
  const series = steps.map(({ method, shares }): Series => {
    const sorted = shares.map(({ lossShare }) => lossShare).sort((a, b) => a - b);
    const points = sorted.map((y, i) => ({ x: (100 * (i + 0.5)) / sorted.length, y }));
    return { look: lookOf(looks, method), points, kind: "line" };
  });
  return (
    `<figure><h3>Core tokens' share of the loss, step by step</h3>${legend(looks, names)}` +
    lineChart(series, {
      xTitle: "steps of an epoch, sorted by the share",
      yTitle: "share of the step's loss",
      description: `Core tokens' share of the loss of each optimizer step, sorted, for ${names.join(" and ")}`,
      height: 340,
      xEnds: [0, 100],
      yEnds: [0, 0],
      xFormat: (tick) => `${decimal(tick)}%`,
      yFormat: percentTick,
    }) +
    `<figcaption>Chunk-wise steps hold one stage each: where core tokens gather in one chunk, its steps rise above the average that a full step always shows.</figcaption></figure>`
  );
}

function gradientChart(steps: readonly MethodSteps[], looks: MethodLook[], names: string[]): Html {
  const series = steps.map(
    ({ method, gradients }): Series => ({
      look: lookOf(looks, method),
      kind: "dots",
      points: gradients.flatMap(({ norm, coreNorm, cosine }) =>
        cosine === undefined ? [] : [{ x: coreNorm / norm, y: cosine }],
      ),
    }),
  );
  const largest = Math.max(0, ...series.flatMap(({ points }) => points.map(({ y }) => y)));
  const chart = lineChart(series, {
    xTitle: "‖g core‖ / ‖g‖",
    yTitle: "cosine of the core tokens' gradient with the step's",
    description: `Cosine against relative norm of the core tokens' gradient, one point per step, for ${names.join(" and ")}`,
    height: 340,
    xEnds: [0, 0],
    // All of them low: the marks would lie on the axis.
    yEnds: [0, largest < 0.5 ? 0 : 1],
  });
  if (chart === "") return "";
  return (
    `<figure><h3>Gradient of the core tokens within the step's</h3>${legend(looks, names)}${chart}` +
    `<figcaption>One mark per step with core tokens. High and right: the step follows its core tokens. Low: other tokens turn it elsewhere.</figcaption></figure>`
  );
}
