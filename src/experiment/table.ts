/** table.md and table.csv: one row per setting, budget and method. */
import {
  accuracyError,
  type ExperimentFigures,
  errorNote,
  loadText,
  progressText,
  testNote,
  withError,
} from "./figures.ts";
import type { Comparison, SummaryRow } from "./summary.ts";

export function markdownTable(figures: ExperimentFigures): string {
  const { summary, failures } = figures;
  const { axes, rows } = summary;
  const settingCells = (setting: SummaryRow["setting"]): string[] => axes.map((axis) => setting[axis] ?? "");
  const hasSkips = rows.some(({ skipDataSeconds }) => skipDataSeconds !== undefined);
  const hasUnfinished = rows.some(({ unfinished }) => unfinished !== undefined);
  const parts = [
    `# ${plain(figures.name)}`,
    "",
    `\`${figures.command.replaceAll("`", "'")}\``,
    "",
    `${plain(progressText(figures))}.`,
    "",
    `${errorNote(summary)} Chance is the accuracy of guessing; training is without the chunking and probing that made skips; s / problem is one problem at a time, measured with ${loadText(figures)}.`,
    "",
    ...table(
      [
        ...axes,
        "method",
        "budget",
        "seeds",
        "accuracy, %",
        "chance, %",
        "tokens",
        "s / problem",
        "speed-up",
        "trained tokens",
        "steps",
        "training, s",
        ...(hasSkips ? ["finding skips, s"] : []),
        ...(hasUnfinished ? ["cut off, %"] : []),
      ],
      rows.map((row) => [
        ...settingCells(row.setting),
        row.method,
        row.budget,
        String(row.seeds.length),
        accuracyText(row),
        row.chance === undefined ? "–" : (100 * row.chance).toFixed(1),
        withError(row.meanGeneratedTokens, 1),
        withError(row.secondsPerProblem, 3),
        row.speedUp === undefined ? "–" : `${withError(row.speedUp, 2)}×`,
        grouped(row.trainedTokens.mean),
        grouped(row.optimizerSteps.mean),
        withError(row.trainingSeconds, 0),
        ...(hasSkips ? [row.skipDataSeconds === undefined ? "–" : withError(row.skipDataSeconds, 0)] : []),
        ...(hasUnfinished
          ? [row.unfinished === undefined ? "–" : (100 * row.unfinished.mean).toFixed(1)]
          : []),
      ]),
    ),
    "",
    "## Paired tests",
    "",
    testNote,
    "",
    ...table(
      [...axes, "first", "second", "seeds", "only first right", "only second right", "p"],
      summary.comparisons.map((one) => [
        ...settingCells(one.setting),
        ...named(one),
        String(one.seeds.length),
        String(one.onlyFirstRight),
        String(one.onlySecondRight),
        one.pValue < 0.001 ? "< 0.001" : one.pValue.toFixed(3),
      ]),
    ),
  ];
  if (summary.skips.length > 0) {
    parts.push("", "## Skips", "");
    parts.push(
      ...table(
        [...axes, "budget", "skipped chunks, %", "precision, %", "recall, %"],
        summary.skips.map(({ setting, budget, share, precision, recall }) => [
          ...settingCells(setting),
          budget,
          withError(share, 1, 100),
          precision === undefined ? "–" : withError(precision, 1, 100),
          recall === undefined ? "–" : withError(recall, 1, 100),
        ]),
      ),
    );
  }
  if (failures.length > 0) {
    parts.push("", "## Failed cells", "");
    for (const { cell, message } of failures) parts.push(`- ${cell.id}: ${plain(message)}`);
  }
  return `${parts.join("\n")}\n`;
}

/** One line per row with every figure, means and errors in columns of their own. */
export function csvTable({ summary }: ExperimentFigures): string {
  const means = [
    "accuracy",
    "meanGeneratedTokens",
    "secondsPerProblem",
    "secondsPerProblemBatched",
    "speedUp",
    "optimizerSteps",
    "trainedTokens",
    "trainingSeconds",
    "skipDataSeconds",
    "unfinished",
  ] as const;
  const head = [
    ...summary.axes,
    "task",
    "method",
    "budget",
    "seeds",
    "problems",
    "chance",
    ...means.flatMap((name) => [name, `${name}_stderr`]),
  ];
  const lines = summary.rows.map((row) => [
    ...summary.axes.map((axis) => row.setting[axis] ?? ""),
    row.task,
    row.method,
    row.budget,
    row.seeds.join(" "),
    String(row.problems),
    String(row.chance ?? ""),
    ...means.flatMap((name) => [String(row[name]?.mean ?? ""), String(row[name]?.standardError ?? "")]),
  ]);
  return [head, ...lines].map((line) => `${line.map(csvCell).join(",")}\n`).join("");
}

/** "full", or "full (cwt-sbc's trained tokens)" where the two budgets of a comparison differ. */
export function named({ first, second, budgets }: Comparison): [string, string] {
  if (budgets[0] === budgets[1]) return [first, second];
  return [first, `${second} (${budgets[1]})`];
}

function accuracyText(row: SummaryRow): string {
  const { error, mark } = accuracyError(row);
  return `${(100 * row.accuracy.mean).toFixed(1)} ± ${(100 * error).toFixed(1)}${mark}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

/** On one line, and no end of a table cell. */
function plain(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|");
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
