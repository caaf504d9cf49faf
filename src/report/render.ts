/**
 * report.html: one self-contained page from a ReportData, the same bytes for the same data. Texts from models and data
 * sets are untrusted: they are escaped (html.ts) or travel as JSON to a script that writes them as text (script.ts).
 */
import type { ReportData } from "./data.ts";
import { renderPage } from "./page.ts";
import { methodLooks } from "./palette.ts";
import { pageScript } from "./script.ts";
import { type PageData, pageData, problemsSection, rationalesSection } from "./sections/browsers.ts";
import { chunkingSection } from "./sections/chunking.ts";
import { factsSection, figuresSection, focusOf, headerSection, headline } from "./sections/overview.ts";
import { comparisonsSection, resultsSection } from "./sections/results.ts";
import { skipsSection } from "./sections/skips.ts";
import { pageSamples, teacherSection } from "./sections/teacher.ts";
import { trainingSection } from "./sections/training.ts";
import { pageStyle } from "./style.ts";

const sections = [
  ["figures", "Key figures"],
  ["run", "The run"],
  ["teacher", "Teacher"],
  ["results", "Results"],
  ["comparisons", "Comparisons"],
  ["training", "Training"],
  ["chunking", "Chunking"],
  ["skips", "Skips"],
  ["rationales", "Rationales"],
  ["problems", "Problems"],
] as const;

/** The whole page, ready to be written to a file. Never throws for missing or odd figures; they become a dash. */
export function renderReport(data: ReportData): string {
  const looks = methodLooks(data);
  const focus = focusOf(looks, data.methods);
  const samples = data.teacher === undefined ? undefined : pageSamples(data.teacher);
  const page: PageData = { ...pageData(data, looks), ...(samples === undefined ? {} : { samples }) };
  return renderPage({
    title: headline(data),
    style: pageStyle,
    sections: sections.filter(([id]) => id !== "teacher" || data.teacher !== undefined),
    skipTo: ["figures", "the key figures"],
    content: [
      headerSection(data, focus),
      figuresSection(data, looks, focus),
      factsSection(data),
      ...(data.teacher === undefined || samples === undefined ? [] : [teacherSection(data.teacher, samples)]),
      resultsSection(data, looks),
      comparisonsSection(data, looks),
      trainingSection(data, looks),
      chunkingSection(data, looks),
      skipsSection(data),
      rationalesSection(data, page),
      problemsSection(data, page, looks),
    ].join("\n"),
    script: { program: pageScript, data: page },
  });
}
