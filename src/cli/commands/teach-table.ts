/** What became of a teacher's samples, as a table: one row per task, and one for all. */
import { dropReasons } from "../../teacher/filter.ts";
import type { TaskStatistics } from "../../teacher/statistics.ts";
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
  return tasks.length < 2 ? rows : [...rows, row(total(tasks))];
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

function total(tasks: readonly TaskStatistics[]): TaskStatistics {
  const sum = (value: (task: TaskStatistics) => number): number =>
    tasks.reduce((all, task) => all + value(task), 0);
  const kept = sum((task) => task.kept);
  return {
    task: "all",
    questions: sum((task) => task.questions),
    wanted: sum((task) => task.wanted),
    missing: sum((task) => task.missing),
    kept,
    dropped: Object.fromEntries(
      dropReasons.map((reason) => [reason, sum((task) => task.dropped[reason])]),
    ) as TaskStatistics["dropped"],
    covered: sum((task) => task.covered),
    meanWords: kept === 0 ? 0 : sum((task) => task.meanWords * task.kept) / kept,
  };
}
