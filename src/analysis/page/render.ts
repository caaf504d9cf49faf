/**
 * inspect.html: one self-contained page from an InspectData, in the report's look, without any script. Texts from models and
 * data sets are untrusted and pass through the report's escaping.
 */
import { type Html, label } from "../../report/html.ts";
import { decimal, percent } from "../../report/numbers.ts";
import { renderPage } from "../../report/page.ts";
import { type MethodLook, methodLooks } from "../../report/palette.ts";
import type { InspectData } from "../data.ts";
import { type InspectSummary, summarize } from "../summary.ts";
import { coreSection } from "./core-section.ts";
import { lostSection } from "./lost-section.ts";
import { sharpnessSection } from "./sharpness-section.ts";
import { skipsSection } from "./skips-section.ts";
import { stepsSection } from "./steps-section.ts";
import { inspectStyle } from "./style.ts";

const sections = [
  ["core", "Core tokens"],
  ["steps", "Optimizer steps"],
  ["sharpness", "Sharpness"],
  ["lost", "Lost answers"],
  ["skips", "Skips"],
] as const;

/** The whole page, ready to be written to a file; the same bytes for the same data. */
export function renderInspection(data: InspectData): string {
  const looks = looksOf(data);
  const summary = summarize(data);
  const header = `<header><p class="kicker">skipthink inspection of run ${label(data.run)}</p><h1>${label(data.title, 200)}</h1><p class="lede">${lede(data, summary)}</p></header>`;
  return renderPage({
    title: `Inspection: ${data.title}`,
    style: inspectStyle,
    sections,
    skipTo: ["core", "the core tokens"],
    content: [
      header,
      coreSection(data, looks),
      stepsSection(data, looks, summary),
      sharpnessSection(data, looks, summary),
      lostSection(data, looks),
      skipsSection(data),
    ].join("\n"),
    seed: data.settings.seed,
  });
}

function looksOf(data: InspectData): MethodLook[] {
  const names = [
    data.core.markedBy,
    ...data.steps.map(({ method }) => method),
    ...data.sharpness.map(({ method }) => method),
    ...data.lost.flatMap(({ from, to }) => [from, to]),
  ];
  return methodLooks({
    methods: {},
    comparisons: [],
    problems: [],
    lossCurves: names.map((method) => ({ method, points: [] })),
  });
}

function lede(data: InspectData, { steps }: InspectSummary): Html {
  const shares = steps.map(
    ({ method, lossShare }) => `<strong>${percent(lossShare.mean)}</strong> under ${label(method, 40)}`,
  );
  return (
    `<strong>${percent(data.core.share)}</strong> of the rationale tokens decide the gold answer of ${label(data.task)}: ` +
    `replaced by the student's best alternative, they turn it or make it less likely by more than ${decimal(data.settings.delta, 1)} nats.` +
    (shares.length === 0
      ? ""
      : ` Of the loss of an average optimizer step they carry ${shares.join(" and ")}.`)
  );
}
