/**
 * report.html: one self-contained page from a ReportData, the same bytes for the same data. Texts from models and data
 * sets are untrusted: they are escaped (html.ts) or travel as JSON to a script that writes them as text (script.ts),
 * and the page's policy forbids every request and every script or style but its own two.
 */
import { createHash } from "node:crypto";
import type { ReportData } from "./data.ts";
import { label, scriptJson } from "./html.ts";
import { methodLooks } from "./palette.ts";
import { pageScript } from "./script.ts";
import { pageData, problemsSection, rationalesSection } from "./sections/browsers.ts";
import { chunkingSection } from "./sections/chunking.ts";
import { factsSection, figuresSection, focusOf, headerSection } from "./sections/overview.ts";
import { comparisonsSection, resultsSection } from "./sections/results.ts";
import { skipsSection } from "./sections/skips.ts";
import { trainingSection } from "./sections/training.ts";
import { pageStyle } from "./style.ts";

const sections = [
  ["figures", "Key figures"],
  ["run", "The run"],
  ["results", "Results"],
  ["comparisons", "Comparisons"],
  ["training", "Training"],
  ["chunking", "Chunking"],
  ["skips", "Skips"],
  ["rationales", "Rationales"],
  ["problems", "Problems"],
] as const;

function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** The whole page, ready to be written to a file. Never throws for missing or odd figures; they become a dash. */
export function renderReport(data: ReportData): string {
  const looks = methodLooks(data);
  const focus = focusOf(looks, data.methods);
  const page = pageData(data, looks);
  const policy = [
    "default-src 'none'",
    `script-src ${sourceHash(pageScript)}`,
    `style-src ${sourceHash(pageStyle)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${label(data.title, 200)}</title>
<link rel="icon" href="data:,">
<style>${pageStyle}</style>
</head>
<body>
<a class="skip-link" href="#figures">Skip to the key figures</a>
<nav aria-label="Sections"><ul>${sections.map(([id, name]) => `<li><a href="#${id}">${name}</a></li>`).join("")}</ul></nav>
<main>
${[
  headerSection(data, focus),
  figuresSection(data, looks, focus),
  factsSection(data),
  resultsSection(data, looks),
  comparisonsSection(data, looks),
  trainingSection(data, looks),
  chunkingSection(data, looks),
  skipsSection(data),
  rationalesSection(data, page),
  problemsSection(data, page, looks),
].join("\n")}
<footer>Made by skipthink. The page is one file: it loads nothing and sends nothing.</footer>
</main>
<script type="application/json" id="data">${scriptJson(page)}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}
