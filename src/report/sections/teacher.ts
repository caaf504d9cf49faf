/** The teacher: what its filter let through, what fell out and why, per task, and samples of each kind to look at. */
import { type DropReason, dropReasons } from "../../teacher/filter.ts";
import type { ImportOrigin } from "../../teacher/output.ts";
import type { TeacherRecord } from "../../teacher/record.ts";
import { type TaskStatistics, totalStatistics } from "../../teacher/statistics.ts";
import { shareBar } from "../charts/bars.ts";
import { cutNote, escapeHtml, type Html, label } from "../html.ts";
import { maxTableRows, maxTeacherSamples } from "../limits.ts";
import { decimal, missing, percent } from "../numbers.ts";
import { body, browser, counted, type PageSample, type View, withinBudget, word } from "./browsers.ts";
import { table } from "./results.ts";

type Fate = "kept" | DropReason;

const words: Record<Fate, { name: string; meaning: string }> = {
  kept: { name: "kept", meaning: "a rationale to train on" },
  truncated: { name: "truncated", meaning: "cut off at the limit of tokens" },
  empty: { name: "empty", meaning: "no rationale in it" },
  tooLong: { name: "too long", meaning: "more characters than allowed" },
  unreadable: { name: "unreadable", meaning: "no answer could be read" },
  wrong: { name: "wrong", meaning: "another answer than the gold one" },
  duplicate: { name: "duplicate", meaning: "a text that the question has already" },
};
/** The reasons in the order in which the filter looks for them. */
const fates: readonly Fate[] = ["kept", ...dropReasons];

export function pageSamples({ samples }: TeacherRecord): { views: View[]; items: PageSample[] } {
  const items = withinBudget(
    samples.map(({ id, question, answer, predicted, sample, reason, text, task }): PageSample => {
      const read = predicted === undefined ? "no answer could be read" : `read as ${word(predicted)}`;
      return {
        id: word(`${task} ${id}`),
        question: body(question),
        answer: word(answer),
        text: body(text),
        kept: reason === undefined,
        fate: nameOf(reason ?? "kept"),
        note: `${read}, sample ${decimal(sample)} of its question`,
      };
    }),
    maxTeacherSamples,
  );
  const where = (test: (i: number) => boolean): number[] => items.flatMap((_, i) => (test(i) ? [i] : []));
  const tasks = [...new Set(samples.map(({ task }) => task))];
  const views: View[] = [
    { label: "all", items: where(() => true) },
    ...fates.map((fate) => ({
      label: `only ${words[fate].name}`,
      items: where((i) => (samples[i]!.reason ?? "kept") === fate),
    })),
    ...(tasks.length < 2
      ? []
      : tasks.map((task) => ({
          label: `only of ${word(task)}`,
          items: where((i) => samples[i]!.task === task),
        }))),
  ];
  return { views: counted(views), items };
}

/** @param page the same record's samples */
export function teacherSection(
  { model, imported, tasks, samples }: TeacherRecord,
  page: { views: View[]; items: PageSample[] },
): Html {
  const all = totalStatistics(tasks);
  const by = model === undefined ? "a teacher" : `<strong>${label(model)}</strong>`;
  const source =
    imported === undefined
      ? `written by ${by}`
      : `imported from <strong>${label(imported.file)}</strong>, read as ${label(imported.form)}`;
  const shown = tasks.slice(0, maxTableRows);
  const rows = (tasks.length < 2 ? shown : [...shown, all]).map((task) => [
    label(task.task),
    decimal(task.questions),
    task.questions === 0 ? missing : percent(task.covered / task.questions),
    decimal(task.wanted),
    `<b>${decimal(task.kept)}</b>`,
    ...dropReasons.map((reason) => decimal(countOf(task, reason))),
    decimal(task.missing),
    decimal(task.meanWords),
  ]);
  return (
    `<section id="teacher"><h2>Teacher</h2>` +
    `<p>The rationales were ${source}. Of ${decimal(all.wanted)} samples, ${decimal(all.kept)} were kept: ` +
    `${percent(all.questions === 0 ? undefined : all.covered / all.questions)} of the ${decimal(all.questions)} questions have at least one.</p>` +
    (imported === undefined ? "" : importNotes(imported)) +
    table(
      "Samples by what became of them",
      [
        "Task",
        "Questions",
        "With a<br>rationale",
        "Samples",
        ...fates.map((fate) => escapeHtml(words[fate].name[0]!.toUpperCase() + words[fate].name.slice(1))),
        "Missing",
        "Words",
      ],
      rows,
    ) +
    cutNote(shown.length, tasks.length, "tasks") +
    fateBars(all) +
    (page.items.length === 0
      ? `<p class="empty">No samples were kept for this report.</p>`
      : browser("samples", "Samples of the teacher", page, `<h3>Samples, kept and dropped</h3>`) +
        cutNote(page.items.length, samples.length, "samples")) +
    `</section>`
  );
}

/** What the filter never saw, and what it judged by where the file has no gold answers. */
function importNotes({ skipped, ownAnswers }: ImportOrigin): Html {
  const reasons = Object.entries(skipped);
  const shown = reasons.slice(0, maxTableRows);
  return (
    (ownAnswers
      ? `<p class="note">No gold answers were given: each rationale's own answer was taken, and the first one where several of a question disagree.</p>`
      : "") +
    (shown.length === 0
      ? ""
      : `<p class="note">Rows left out before the filter: ${shown
          .map(([reason, rows]) => `${decimal(rows)} × ${label(reason)}`)
          .join("; ")}.</p>`) +
    cutNote(shown.length, reasons.length, "reasons")
  );
}

/** Only the fates that occur; the share of samples without a complete reply comes last. */
function fateBars(all: TaskStatistics): Html {
  if (all.wanted === 0) return "";
  const rows = [
    ...fates.map((fate) => ({ ...words[fate], samples: countOf(all, fate) })),
    { name: "missing", meaning: "no complete reply yet", samples: all.missing },
  ]
    .filter(({ samples }) => samples > 0)
    .map(({ name, meaning, samples }) => {
      const share = samples / all.wanted;
      return (
        `<div class="bar-row"><span class="bar-name">${escapeHtml(name)}</span>` +
        `${shareBar(share, 1, `${name}: ${decimal(samples)} of ${decimal(all.wanted)} samples`)}` +
        `<span class="bar-value"><b>${percent(share)}</b> <span class="quiet">${escapeHtml(meaning)}</span></span></div>`
      );
    });
  return `<figure><h3>What became of the samples</h3><div class="bars">${rows.join("")}</div><figcaption>A sample falls out for the first reason that holds, in this order. Words: mean length of the kept ones.</figcaption></figure>`;
}

/** report.json can be edited: what is no fate stands as it is. */
function nameOf(fate: Fate): string {
  return Object.hasOwn(words, fate) ? words[fate].name : word(fate);
}

function countOf(task: TaskStatistics, fate: Fate): number {
  return fate === "kept" ? task.kept : (task.dropped[fate] ?? 0);
}
