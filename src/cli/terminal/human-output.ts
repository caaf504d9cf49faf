/**
 * Events as people read them. On a terminal the progress line (and, below it, the time left for the whole run) is rewritten
 * in place; elsewhere every line stays. Text is stripped of control characters here, at the last moment.
 */
import { formatCount, formatPercent, formatSeconds } from "./format.ts";
import { progressLine } from "./progress.ts";
import type { Overall, ProgressEvent, ReporterEvent, ReporterOutput, SummaryResult } from "./reporter.ts";
import { stripControlCharacters, toOneLine } from "./sanitize.ts";
import { colorsFor, type TerminalStream } from "./stream.ts";
import { shorten, type TableColumn, tableLines } from "./table.ts";

export interface HumanOutputOptions {
  stream: TerminalStream;
  isTTY: boolean;
  color: boolean;
  /** Seconds. */
  now: () => number;
}

/** Where lines stay, the time left for the run is printed this seldom. */
const plainOverallSeconds = 60;
/** Back to the start of the line; erase from there to the end of the screen. */
const eraseBlock = "\r\x1b[J";

export function createHumanOutput({ stream, isTTY, color, now }: HumanOutputOptions): ReporterOutput {
  const colors = colorsFor(color);
  /** The lines that are rewritten in place; the cursor stands at the start of the first. */
  let block: string[] = [];
  let overallAt = Number.NEGATIVE_INFINITY;

  const drawBlock = (): void => {
    if (block.length === 0) return;
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    const [first = "", ...others] = block.map((line) => shorten(line, width));
    const back = others.length === 0 ? "\r" : `\x1b[${others.length}A\r`;
    stream.write([first, ...others.map((line) => colors.dim(line))].join("\n") + back);
  };
  const print = (lines: readonly string[]): void => {
    stream.write(`${block.length > 0 ? eraseBlock : ""}${lines.join("\n")}\n`);
    drawBlock();
  };
  const settle = (): void => {
    const [first] = block;
    block = [];
    if (first !== undefined) stream.write(`${eraseBlock}${first}\n`);
  };

  const showProgress = (event: ProgressEvent): void => {
    const speed =
      event.donePerSecond === undefined
        ? undefined
        : { done: event.donePerSecond, tokens: event.tokensPerSecond };
    const line = toOneLine(progressLine(event, speed));
    const overall = event.overall === undefined ? [] : [overallLine(event.overall)];
    if (isTTY) {
      if (block.length > 0) stream.write(eraseBlock);
      block = [line, ...overall];
      drawBlock();
    } else if (overall.length > 0 && now() - overallAt >= plainOverallSeconds) {
      overallAt = now();
      print([line, ...overall]);
    } else {
      print([line]);
    }
  };

  const linesOf = (event: Exclude<ReporterEvent, ProgressEvent>): string[] => {
    switch (event.event) {
      case "stage": {
        const lines = [heading(event, colors.bold)];
        // On a terminal the block that is rewritten in place says it.
        if (!isTTY && event.overall !== undefined) {
          overallAt = now();
          lines.push(overallLine(event.overall));
        }
        return lines;
      }
      case "stageSkipped":
        return [`${heading(event, colors.dim)}  ${toOneLine(event.reason)}`];
      case "note":
        return indented("  ", event.text);
      case "warning":
        return indented(`${colors.yellow("warning:")} `, event.text);
      case "table": {
        const columns = event.columns.map((title, index): TableColumn => {
          return { title, align: event.right[index] ? "right" : "left" };
        });
        return withBoldHeader(tableLines(columns, event.rows), colors.bold);
      }
      case "summary":
        return ["", ...withBoldHeader(summaryLines(event.methods), colors.bold)];
    }
  };
  const show = (event: ReporterEvent): void => {
    if (event.event === "progress") showProgress(event);
    else print(linesOf(event));
  };
  return { show, settle };
}

function heading(
  stage: { title: string; index?: number; of?: number },
  style: (text: string) => string,
): string {
  const number = stage.index === undefined ? "" : `  ${stage.index}/${stage.of}`;
  return style(`▸ ${toOneLine(stage.title)}${number}`);
}

function overallLine({ share, secondsLeft }: Overall): string {
  return `overall ${Math.floor(100 * share)}% | about ${formatSeconds(secondsLeft)} left`;
}

function indented(prefix: string, text: string): string[] {
  const [first = "", ...others] = stripControlCharacters(text).split("\n");
  return [prefix + first, ...others.map((line) => `  ${line}`)];
}

function withBoldHeader(lines: string[], bold: (text: string) => string): string[] {
  const [header = "", ...rows] = lines;
  return [bold(header), ...rows];
}

const summaryColumns: readonly TableColumn[] = [
  { title: "method" },
  { title: "accuracy", align: "right" },
  { title: "tokens", align: "right" },
  { title: "s/problem", align: "right" },
  { title: "speed-up", align: "right" },
];

/** One line per method, in the order given; the speed-up is against `full`. */
function summaryLines(methods: Readonly<Record<string, SummaryResult>>): string[] {
  const rows = Object.entries(methods).map(([method, result]) => [
    method,
    `${formatPercent(result.accuracy)} ± ${(result.accuracyStandardError * 100).toFixed(1)}`,
    formatCount(result.meanGeneratedTokens),
    formatSeconds(result.secondsPerProblem),
    result.speedUp === undefined ? "–" : `${result.speedUp.toFixed(2)}×`,
  ]);
  return tableLines(summaryColumns, rows);
}
