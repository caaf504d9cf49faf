/** A dry run's figures as text. They are the command's result, so they go to stdout. */
import type { RunEstimate } from "../../pipeline/estimate.ts";
import type { CliIo } from "../io.ts";
import { formatCount, formatSeconds } from "../terminal/format.ts";
import { type TableColumn, tableLines } from "../terminal/table.ts";

const columns: readonly TableColumn[] = [
  { title: "method" },
  { title: "items", align: "right" },
  { title: "epochs", align: "right" },
  { title: "steps", align: "right" },
  { title: "trained tokens", align: "right" },
  { title: "train", align: "right" },
  { title: "search", align: "right" },
  { title: "evaluate", align: "right" },
];

export function printEstimate(estimate: RunEstimate, io: CliIo): void {
  const { problems, memory, measured, student } = estimate;
  const rows = Object.entries(estimate.methods).map(([name, method]) => [
    name,
    formatCount(method.items),
    formatCount(method.epochs),
    formatCount(method.optimizerSteps),
    formatCount(method.trainedTokens),
    formatSeconds(method.trainingSeconds),
    method.searchSeconds === 0 ? "–" : formatSeconds(method.searchSeconds),
    formatSeconds(method.evaluationSeconds),
  ]);
  const lines = [
    `task      ${estimate.task}`,
    `problems  ${formatCount(problems.train)} train, ${formatCount(problems.dev)} dev, ${formatCount(problems.test)} test`,
    `teacher   ${formatCount(estimate.rationales)} rationales, ${formatCount(estimate.meanRationaleTokens)} tokens each`,
    `student   ${formatCount(student.parameters)} parameters, context ${formatCount(student.contextLength)} tokens`,
    "",
    ...tableLines(columns, rows),
    "",
    `probing   about ${formatSeconds(estimate.probingSeconds)}`,
    `together  about ${formatSeconds(estimate.totalSeconds)} on this machine as busy as it is now`,
    `memory    about ${formatBytes(memory.totalBytes)}: ${memory.method}`,
    `measured  ${formatCount(measured.trainingTokensPerSecond)} tok/s training, ${formatCount(measured.scoredTokensPerSecond)} scoring, ${formatCount(measured.generatedTokensPerSecond)} generating one text`,
    "Skips are not known yet, so skip-thinking is counted with whole rationales; texts are taken to be as long as the teacher's.",
  ];
  io.stdout.write(`${lines.join("\n")}\n`);
}

/** 1536 → "1.5 KiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
