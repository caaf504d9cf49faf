/** teach.html: an answer folder, or an import, on one page: the statistics of its filter and samples to look at, in a report's style. */
import type { TeacherRecord } from "../teacher/record.ts";
import { totalStatistics } from "../teacher/statistics.ts";
import { escapeHtml, label } from "./html.ts";
import { decimal } from "./numbers.ts";
import { renderPage } from "./page.ts";
import { pageScript } from "./script.ts";
import { pageSamples, teacherSection } from "./sections/teacher.ts";
import { pageStyle } from "./style.ts";

/** @param command that made the folder, shown as text */
export function renderTeacherPage(record: TeacherRecord, command: string): string {
  const samples = pageSamples(record);
  const { wanted, kept } = totalStatistics(record.tasks);
  const { imported } = record;
  const name = imported?.file ?? record.model;
  const header =
    `<header><p class="kicker">skipthink teach${imported === undefined ? "" : " import"}</p><h1>${label(name ?? "Rationales of a teacher", 200)}</h1>` +
    `<p class="lede">${escapeHtml(`${decimal(kept)} rationales of ${decimal(wanted)} samples passed the filter.`)}</p>` +
    `<p class="note"><code>${label(command, 1000)}</code></p></header>`;
  return renderPage({
    title: `${name ?? "teacher"}, rationales`,
    style: pageStyle,
    sections: [["teacher", "Teacher"]],
    content: [header, teacherSection(record, samples)].join("\n"),
    script: { program: pageScript, data: { samples } },
  });
}
