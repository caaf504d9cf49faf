/**
 * What a running command tells its reader, all of it on stderr: stages, progress, notes, warnings, tables. Decides what is
 * said and how often; how it looks is human-output.ts's job, or one JSON line per event. Results on stdout are the
 * command's own.
 */
import type { MethodResult } from "../../report/data.ts";
import { createHumanOutput } from "./human-output.ts";
import { type ProgressUpdate, SpeedMeter } from "./progress.ts";
import { type TerminalStream, wantsColor } from "./stream.ts";
import type { TableColumn } from "./table.ts";
import { type StageWork, TimeLeft, type WeightedStage } from "./time-left.ts";

/** Everything that can be said; with --json, one of these per line. */
export type ReporterEvent =
  | { event: "stage"; title: string; index?: number; of?: number; overall?: Overall }
  | { event: "stageSkipped"; title: string; index?: number; of?: number; reason: string }
  | ProgressEvent
  | { event: "note" | "warning"; text: string }
  | { event: "table"; columns: string[]; rows: string[][]; right: boolean[] }
  | { event: "summary"; methods: Record<string, SummaryResult> };

export type ProgressEvent = { event: "progress"; stage: string | undefined } & ProgressUpdate & {
    donePerSecond?: number;
    tokensPerSecond?: number;
    overall?: Overall;
  };

/** How far the whole run is. */
export interface Overall {
  share: number;
  secondsLeft: number;
}

/** The figures of a method that the final table shows. */
export type SummaryResult = Pick<
  MethodResult,
  "accuracy" | "accuracyStandardError" | "meanGeneratedTokens" | "secondsPerProblem" | "speedUp"
>;

export interface Reporter {
  /** Names the stages to come and their relative cost, so that headings are numbered and the time left is known. */
  plan(stages: readonly WeightedStage[]): void;
  /** Begins a stage; the one before it is finished. */
  stage(title: string): void;
  /** A stage that has nothing to do, and why ("unchanged"). */
  stageSkipped(title: string, reason: string): void;
  /** May be called at every step; call it once before the first one too, so that the speed has a baseline. */
  progress(update: ProgressUpdate): void;
  note(text: string): void;
  /** Printed even with --quiet. */
  warning(text: string): void;
  table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): void;
  /** The final table: accuracy ± standard error, tokens, seconds per problem, speed-up. */
  summary(methods: Readonly<Record<string, SummaryResult>>): void;
  /** Ends the last stage. */
  finish(): void;
}

export interface ReporterOptions {
  json?: boolean;
  quiet?: boolean;
  /** Default: stderr. */
  stream?: TerminalStream;
  isTTY?: boolean;
  color?: boolean;
  /** Seconds; default: a monotonic clock. */
  now?: () => number;
}

/** What turns events into text. `settle` leaves the current progress line standing. */
export interface ReporterOutput {
  show(event: ReporterEvent): void;
  settle(): void;
}

const terminalSeconds = 0.1;
const plainSeconds = 5;

export function createReporter(options: ReporterOptions = {}): Reporter {
  const stream = options.stream ?? process.stderr;
  const now = options.now ?? (() => performance.now() / 1000);
  const json = options.json ?? false;
  const isTTY = options.isTTY ?? stream.isTTY === true;
  const color = options.color ?? wantsColor({ write: () => undefined, isTTY });
  const output = json ? createJsonOutput(stream) : createHumanOutput({ stream, isTTY, color, now });
  const between = isTTY && !json ? terminalSeconds : plainSeconds;
  const say = (event: ReporterEvent): void => {
    if (!options.quiet || event.event === "warning") output.show(event);
  };

  let planned: string[] = [];
  let timeLeft = new TimeLeft([]);
  /** `from` is the share that was done when the clock of the stage began: above 0 where it was resumed. */
  let current: { title: string; began: number; from: number; meter: SpeedMeter } | undefined;
  let latest: ProgressUpdate | undefined;
  let latestIsShown = true;
  let shownAt = Number.NEGATIVE_INFINITY;

  const numbering = (title: string): { index?: number; of?: number } => {
    const index = planned.indexOf(title);
    return index < 0 ? {} : { index: index + 1, of: planned.length };
  };

  const workOf = ({ title, from, began }: NonNullable<typeof current>): StageWork => {
    return { title, from, seconds: now() - began };
  };

  const overall = (): { overall?: Overall } => {
    const running =
      current === undefined || latest === undefined
        ? undefined
        : { ...workOf(current), share: shareOf(latest) };
    const estimate = timeLeft.estimate(running);
    return estimate === undefined
      ? {}
      : { overall: { share: estimate.share, secondsLeft: estimate.seconds } };
  };

  const showProgress = (): void => {
    if (latest === undefined) return;
    const speed = current?.meter.speed();
    say({
      event: "progress",
      stage: current?.title,
      ...latest,
      ...(speed === undefined ? {} : { donePerSecond: speed.done }),
      ...(speed?.tokens === undefined ? {} : { tokensPerSecond: speed.tokens }),
      ...overall(),
    });
    latestIsShown = true;
    shownAt = now();
  };

  const endStage = (): void => {
    if (!latestIsShown) showProgress();
    output.settle();
    if (current !== undefined) timeLeft.finish(workOf(current));
    current = undefined;
    latest = undefined;
    shownAt = Number.NEGATIVE_INFINITY;
  };

  return {
    plan(stages) {
      planned = stages.map(({ title }) => title);
      timeLeft = new TimeLeft(stages);
    },
    stage(title) {
      endStage();
      say({ event: "stage", title, ...numbering(title), ...overall() });
      current = { title, began: now(), from: 0, meter: new SpeedMeter() };
    },
    stageSkipped(title, reason) {
      endStage();
      timeLeft.skip(title);
      say({ event: "stageSkipped", title, ...numbering(title), reason });
    },
    progress(update) {
      const finishedNow = update.done >= update.total;
      // The first update says what was there before: work of another process, and no measure of this one's speed.
      if (current !== undefined && latest === undefined && update.done > 0) {
        current.from = shareOf(update);
        current.began = now();
      }
      const alreadyFinished = latest !== undefined && latest.done >= latest.total;
      latest = { ...update };
      latestIsShown = false;
      current?.meter.add(update, now());
      if ((finishedNow && !alreadyFinished) || now() - shownAt >= between) showProgress();
    },
    note: (text) => say({ event: "note", text }),
    warning: (text) => say({ event: "warning", text }),
    table(columns, rows) {
      output.settle();
      say({
        event: "table",
        columns: columns.map(({ title }) => title),
        right: columns.map(({ align }) => align === "right"),
        rows: rows.map((row) => [...row]),
      });
    },
    summary(methods) {
      endStage();
      say({ event: "summary", methods: { ...methods } });
    },
    finish: endStage,
  };
}

function shareOf({ done, total }: ProgressUpdate): number {
  return total > 0 ? Math.min(1, done / total) : 0;
}

function createJsonOutput(stream: TerminalStream): ReporterOutput {
  return {
    show: (event) => void stream.write(`${JSON.stringify(event)}\n`),
    settle: () => undefined,
  };
}
