/** What became of a teacher's samples, as a table: one row per task, and one for all. */
import { dropReasons } from "../../teacher/filter.ts";
import { type TaskStatistics, totalStatistics } from "../../teacher/statistics.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import type { TableColumn } from "../terminal/table.ts";

export const statisticsColumns: readonly TableColumn[] = [
  { title: "task" },
  { title: "questions", align: "right" },
  { title: "with rationale", align: "right" },
  { title: "samples", align: "right" },
  { title: "kept", align: "right" },
  ...dropReasons.map((reason) => ({ title: reason, align: "right" as const })),
  { title: "missing", align: "right" },
  { title: "words", align: "right" },
];

export function statisticsRows(tasks: readonly TaskStatistics[]): string[][] {
  const rows = tasks.map(row);
  return tasks.length < 2 ? rows : [...rows, row(totalStatistics(tasks))];
}

function row(task: TaskStatistics): string[] {
  const share = task.questions === 0 ? 0 : task.covered / task.questions;
  return [
    task.task,
    formatCount(task.questions),
    formatPercent(share),
    formatCount(task.wanted),
    formatCount(task.kept),
    ...dropReasons.map((reason) => formatCount(task.dropped[reason])),
    formatCount(task.missing),
    formatCount(task.meanWords),
  ];
}
