/** What came of the samples, per task: how many were kept, and why the others fell out. */
import { type DropReason, dropReasons } from "./filter.ts";

export interface TaskStatistics {
  task: string;
  questions: number;
  /** Samples wanted: questions × samples per question. */
  wanted: number;
  /** Wanted, but without a complete reply (given up, stopped, or over the budget). */
  missing: number;
  kept: number;
  dropped: Record<DropReason, number>;
  /** Questions with at least one rationale. */
  covered: number;
  /** Mean length of the kept rationales, words; 0 without any. */
  meanWords: number;
}

export class StatisticsCounter {
  private readonly result: TaskStatistics;
  private readonly coveredIds = new Set<string>();
  private words = 0;

  constructor(task: string, questions: number, wanted: number) {
    const dropped = Object.fromEntries(dropReasons.map((reason) => [reason, 0]));
    this.result = {
      task,
      questions,
      wanted,
      missing: 0,
      kept: 0,
      dropped: dropped as Record<DropReason, number>,
      covered: 0,
      meanWords: 0,
    };
  }

  addMissing(): void {
    this.result.missing++;
  }

  addDropped(reason: DropReason): void {
    this.result.dropped[reason]++;
  }

  addKept(problemId: string, rationale: string): void {
    this.result.kept++;
    this.coveredIds.add(problemId);
    this.words += rationale.trim().split(/\s+/).length;
  }

  statistics(): TaskStatistics {
    const { kept } = this.result;
    return {
      ...this.result,
      covered: this.coveredIds.size,
      meanWords: kept === 0 ? 0 : Math.round((10 * this.words) / kept) / 10,
    };
  }
}

/** All tasks as one, named "all". */
export function totalStatistics(tasks: readonly TaskStatistics[]): TaskStatistics {
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
