import { describe, expect, it } from "vitest";
import { createReporter, type ReporterOptions } from "../../src/cli/terminal/reporter.ts";
import { fakeClock, fakeStream, screenOf } from "./fake-terminal.ts";

function setUp(options: ReporterOptions = {}, columns = 80) {
  const stream = fakeStream(columns);
  const clock = fakeClock();
  const reporter = createReporter({ isTTY: false, color: false, ...options, stream, now: clock.now });
  return { stream, clock, reporter };
}

/** A short run: one skipped stage, one of 1,000 steps (one every half second), one without progress. */
function shortRun({ clock, reporter }: ReturnType<typeof setUp>, steps = 120): void {
  reporter.plan([
    { title: "split", weight: 1 },
    { title: "train full", weight: 10 },
    { title: "evaluate", weight: 10 },
  ]);
  reporter.stageSkipped("split", "unchanged");
  reporter.stage("train full");
  for (let step = 0; step <= steps; step++) {
    if (step > 0) clock.advance(0.5);
    reporter.progress({
      done: step,
      total: 1000,
      loss: 3 - step / 100,
      learningRate: 3e-4,
      tokens: step * 5120,
    });
    if (step === 60) reporter.note("re-chunked 40 of 400 rationales");
  }
}

describe("reporter where lines stay", () => {
  it("prints headings, a progress line every five seconds and the time left", () => {
    const setup = setUp();
    shortRun(setup, 30);
    setup.reporter.stage("evaluate");
    setup.clock.advance(15);
    setup.reporter.finish();
    expect(setup.stream.text()).toBe(
      [
        "▸ split  1/3  unchanged",
        "▸ train full  2/3",
        "step 0/1000 (0%) | loss 3.000 | lr 3.0e-4",
        "step 10/1000 (1%) | loss 2.900 | lr 3.0e-4 | 10,240 tok/s | eta 8.3m",
        "overall 0% | about 16.6m left",
        "step 20/1000 (2%) | loss 2.800 | lr 3.0e-4 | 10,240 tok/s | eta 8.2m",
        "step 30/1000 (3%) | loss 2.700 | lr 3.0e-4 | 10,240 tok/s | eta 8.1m",
        "▸ evaluate  3/3",
        "overall 50% | about 15s left",
        "",
      ].join("\n"),
    );
  });

  it("prints the last update of a stage even when it came too soon", () => {
    const { stream, clock, reporter } = setUp();
    reporter.stage("probe");
    reporter.progress({ done: 0, total: 3, unit: "rationale" });
    clock.advance(1);
    reporter.progress({ done: 2, total: 3, unit: "rationale" });
    clock.advance(1);
    reporter.progress({ done: 3, total: 3, unit: "rationale" });
    reporter.finish();
    expect(stream.text()).toBe("▸ probe\nrationale 0/3 (0%)\nrationale 3/3 (100%)\n");
  });

  it("begins a resumed stage with the speed it has now, not with the steps done before", () => {
    const { stream, clock, reporter } = setUp();
    reporter.stage("train");
    reporter.progress({ done: 900, total: 1000, tokens: 5_000_000 });
    clock.advance(10);
    reporter.progress({ done: 910, total: 1000, tokens: 5_010_000 });
    expect(stream.text()).toContain("step 910/1000 (91%) | 1,000 tok/s | eta 1.5m\n");
  });

  it("does not take what a resumed stage had done before for work of the last seconds", () => {
    const { stream, clock, reporter } = setUp();
    reporter.plan([
      { title: "train", weight: 10 },
      { title: "evaluate", weight: 10 },
    ]);
    clock.advance(3);
    reporter.stage("train");
    // The model is loaded before the first update.
    clock.advance(4);
    reporter.progress({ done: 900, total: 1000 });
    clock.advance(6);
    reporter.progress({ done: 903, total: 1000 });
    expect(stream.text()).not.toContain("overall");
    clock.advance(94);
    reporter.progress({ done: 950, total: 1000 });
    // Half a unit in 100 seconds; 10.5 units to go.
    expect(stream.text()).toContain("overall 47% | about 35.0m left\n");
    clock.advance(100);
    reporter.stage("evaluate");
    expect(stream.text()).toContain("overall 50% | about 33.3m left\n");
  });

  it("aligns tables and the final summary", () => {
    const { stream, reporter } = setUp();
    reporter.table(
      [{ title: "name" }, { title: "rows", align: "right" }],
      [
        ["train", "1,536"],
        ["te\x1b[31mst\nset", "225"],
      ],
    );
    const figures = { meanGeneratedTokens: 131.6, secondsPerProblem: 0.42 };
    reporter.summary({
      full: { accuracy: 0.615, accuracyStandardError: 0.0344, ...figures, speedUp: 1 },
      "answer-only": {
        accuracy: 0.35,
        accuracyStandardError: 0.0337,
        meanGeneratedTokens: 3,
        secondsPerProblem: 0.0098,
      },
    });
    expect(stream.text()).toBe(
      [
        "name       rows",
        "train     1,536",
        "test set    225",
        "",
        "method          accuracy  tokens  s/problem  speed-up",
        "full         61.5% ± 3.4     132      420ms     1.00×",
        "answer-only  35.0% ± 3.4       3      9.8ms         –",
        "",
      ].join("\n"),
    );
  });

  it("prints only warnings when quiet, and no untrusted control character ever", () => {
    const setup = setUp({ quiet: true });
    shortRun(setup);
    setup.reporter.summary({});
    setup.reporter.warning("odd answer \x1b]0;title\x07\x1b[2Jin \u202erow 3\r\nsecond line");
    setup.reporter.finish();
    expect(setup.stream.text()).toBe("warning: odd answer in row 3\n  second line\n");
  });
});

describe("reporter on a terminal", () => {
  it("rewrites the progress and the time left in place; notes stand above them", () => {
    const setup = setUp({ isTTY: true });
    shortRun(setup);
    expect(screenOf(setup.stream.text())).toEqual([
      "▸ split  1/3  unchanged",
      "▸ train full  2/3",
      "  re-chunked 40 of 400 rationales",
      "step 120/1000 (12%) | loss 1.800 | lr 3.0e-4 | 10,240 tok/s | eta 7.3m",
      "overall 6% | about 15.7m left",
    ]);
    setup.reporter.stage("evaluate");
    expect(screenOf(setup.stream.text()).slice(3)).toEqual([
      "step 120/1000 (12%) | loss 1.800 | lr 3.0e-4 | 10,240 tok/s | eta 7.3m",
      "▸ evaluate  3/3",
      "",
    ]);
  });

  it("draws at most ten times a second and never wider than the screen", () => {
    const setup = setUp({ isTTY: true }, 40);
    setup.reporter.stage("train");
    for (let step = 0; step < 1000; step++) {
      setup.clock.advance(0.001);
      setup.reporter.progress({ done: step, total: 5000, loss: 1, learningRate: 1e-3, tokens: step * 10 });
    }
    expect(setup.stream.text().match(/step/g)?.length).toBeLessThanOrEqual(11);
    for (const line of screenOf(setup.stream.text())) expect([...line].length).toBeLessThan(40);
  });

  it("colours only when asked to", () => {
    const plain = setUp({ isTTY: true });
    plain.reporter.stage("split");
    expect(plain.stream.text()).toBe("▸ split\n");
    const colored = setUp({ isTTY: true, color: true });
    colored.reporter.stage("split");
    expect(colored.stream.text()).toBe("\x1b[1m▸ split\x1b[22m\n");
  });
});

describe("reporter with --json", () => {
  it("prints one event per line", () => {
    const setup = setUp({ json: true, isTTY: true });
    shortRun(setup, 10);
    setup.reporter.warning("careful");
    const events = setup.stream
      .text()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual([
      "stageSkipped",
      "stage",
      "progress",
      "progress",
      "warning",
    ]);
    expect(events[1]).toEqual({ event: "stage", title: "train full", index: 2, of: 3 });
    expect(events[3]).toMatchObject({ stage: "train full", done: 10, total: 1000, tokensPerSecond: 10240 });
  });
});
