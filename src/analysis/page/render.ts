/**
 * inspect.html: one self-contained page from an InspectData, in the report's look, without any script. Texts from models and
 * data sets are untrusted and pass through the report's escaping; the page's policy forbids every request and script.
 */
import { createHash } from "node:crypto";
import { type Html, label } from "../../report/html.ts";
import { decimal, percent } from "../../report/numbers.ts";
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
  const styleHash = createHash("sha256").update(inspectStyle).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Inspection: ${label(data.title, 200)}</title>
<link rel="icon" href="data:,">
<style>${inspectStyle}</style>
</head>
<body>
<a class="skip-link" href="#core">Skip to the core tokens</a>
<nav aria-label="Sections"><ul>${sections.map(([id, name]) => `<li><a href="#${id}">${name}</a></li>`).join("")}</ul></nav>
<main>
<header><p class="kicker">skipthink inspection of run ${label(data.run)}</p><h1>${label(data.title, 200)}</h1><p class="lede">${lede(data, summary)}</p></header>
${[
  coreSection(data, looks),
  stepsSection(data, looks, summary),
  sharpnessSection(data, looks, summary),
  lostSection(data, looks),
  skipsSection(data),
].join("\n")}
<footer>Made by skipthink, seed ${decimal(data.settings.seed).replaceAll(",", "")}. The page is one file: it loads nothing and sends nothing.</footer>
</main>
</body>
</html>
`;
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
