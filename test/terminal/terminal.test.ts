import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { reportError } from "../../src/cli/terminal/error.ts";
import {
  formatCount,
  formatLearningRate,
  formatPercent,
  formatSeconds,
} from "../../src/cli/terminal/format.ts";
import { installInterruptHandler } from "../../src/cli/terminal/interrupt.ts";
import { stripControlCharacters } from "../../src/cli/terminal/sanitize.ts";
import { wantsColor } from "../../src/cli/terminal/stream.ts";
import { TimeLeft } from "../../src/cli/terminal/time-left.ts";
import { overridePlace } from "../../src/pipeline/config/overrides.ts";
import { type ErrorPlace, inputError, SkipthinkError } from "../../src/util/errors.ts";
import { fakeStream } from "./fake-terminal.ts";

describe("formats", () => {
  it.each([
    [0.0042, "4.2ms"],
    [0.042, "42ms"],
    [0.9996, "1.0s"],
    [9.96, "10s"],
    [59.4, "59s"],
    [59.6, "1.0m"],
    [714, "11.9m"],
    [3599, "1.0h"],
    [9000, "2.5h"],
    [200_000, "2.3d"],
    [Number.NaN, "–"],
  ])("%d seconds are %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it("groups counts, rounds shares and shortens learning rates", () => {
    expect(formatCount(10_240)).toBe("10,240");
    expect(formatPercent(0.387)).toBe("38.7%");
    expect(formatPercent(0.387, 0)).toBe("39%");
    expect(formatLearningRate(3e-4)).toBe("3.0e-4");
    expect(formatLearningRate(0)).toBe("0");
  });
});

describe("stripControlCharacters", () => {
  it.each([
    ["\x1b[31mred\x1b[0m", "red"],
    ["\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"],
    ["\x1b]0;never ended", "0;never ended"],
    ["a\x9b2Kb\x00c\x7f\rd", "abcd"],
    ["tab\tand\nline", "tab\tand\nline"],
    ["naïve → 汉字 👍", "naïve → 汉字 👍"],
    ["\x1bc\x1b(Breset", "reset"],
  ])("%j becomes %j", (text, clean) => expect(stripControlCharacters(text)).toBe(clean));

  it("takes time in proportion to the length of hostile text", () => {
    // Quadratic matching would need minutes, and so run into the time limit of the test.
    for (const piece of ["\x1b]", "\x9d", "\x1b[", "\x1b[1;"]) {
      expect(stripControlCharacters(piece.repeat(200_000))).toBe("");
    }
  });
});

describe("wantsColor", () => {
  it("follows NO_COLOR, FORCE_COLOR, the terminal and TERM", () => {
    const terminal = { write: () => undefined, isTTY: true };
    expect(wantsColor(terminal, {})).toBe(true);
    expect(wantsColor(terminal, { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
    expect(wantsColor(terminal, { TERM: "dumb" })).toBe(false);
    expect(wantsColor({ write: () => undefined }, {})).toBe(false);
    expect(wantsColor({ write: () => undefined }, { FORCE_COLOR: "1" })).toBe(true);
  });
});

describe("reportError", () => {
  function report(error: unknown, environment: Record<string, string> = {}, json = false) {
    const stream = fakeStream();
    const code = reportError(error, { stream, environment, json });
    return { code, text: stream.text() };
  }

  it("prints message, place and remedy, and returns the exit code", () => {
    const error = inputError(
      'unknown key "sede"\x1b[2J',
      { file: "my.yaml", line: 3, key: "sede" },
      'Did you mean "seed"?',
    );
    expect(report(error)).toEqual({
      code: 2,
      text: 'error: unknown key "sede"\n  at my.yaml:3 (sede)\n  fix: Did you mean "seed"?\n',
    });
    expect(JSON.parse(report(error, {}, true).text)).toMatchObject({ event: "error", line: 3, exitCode: 2 });
  });

  it.each([
    ["EISDIR", "Name a file"],
    ["ESPIPE", "pipe"],
    ["EEXIST", "another path"],
    ["ENAMETOOLONG", "shorter"],
    ["EADDRNOTAVAIL", "address of this machine"],
    ["ENOTFOUND", "name"],
    ["EAI_AGAIN", "name"],
  ])("what the system refuses with %s is no defect of the program", (code, remedy) => {
    const { code: exitCode, text } = report(Object.assign(new Error(`${code}: refused`), { code }));
    expect(exitCode).toBe(2);
    expect(text).toMatch(/^ {2}fix: [A-Z].*\.$/m);
    expect(text).toContain(remedy);
    expect(text).not.toContain("defect");
  });

  it("names the file that was to be written where a copy fails", () => {
    const files = { path: "recipes/demo.yaml", dest: "mine.yaml" };
    const { text } = report(Object.assign(new Error("copy"), { code: "ENAMETOOLONG", ...files }));
    expect(text).toContain("at mine.yaml\n");
  });

  it("says when the place is the command line", () => {
    const text = (place: ErrorPlace): string => report(inputError("bad", place)).text;
    expect(text({ file: overridePlace, key: "seed" })).toBe("error: bad\n  on the command line (seed)\n");
    expect(text({ file: overridePlace })).toBe("error: bad\n  on the command line\n");
    expect(text({ key: "--seeds" })).toBe("error: bad\n  on the command line (--seeds)\n");
    expect(text({ file: "students/stt", key: "--staged" })).toContain("at students/stt (--staged)");
  });

  it("leaves out what is not known", () => {
    const teacher = new SkipthinkError("teacher is silent", { exitCode: 3 });
    expect(report(teacher)).toEqual({ code: 3, text: "error: teacher is silent\n" });
    expect(report(inputError("bad", { key: "a.b" })).text).toBe("error: bad\n  at a.b\n");
  });

  it("calls anything else a defect, with the stack only on demand", () => {
    const defect = new TypeError("x is undefined", { cause: new Error("deeper") });
    const { code, text } = report(defect);
    expect(code).toBe(1);
    expect(text).toMatch(/^error: x is undefined\n {2}this is a defect of skipthink/);
    expect(text).not.toContain("terminal.test.ts");
    const debugged = report(defect, { SKIPTHINK_DEBUG: "1" }).text;
    expect(debugged).toContain("terminal.test.ts");
    expect(debugged).toContain("caused by: Error: deeper");
    expect(report("thrown text").text).toContain("error: thrown text\n");
  });

  it("does not call a full disk a defect", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      path: "/runs/a",
    });
    const { code, text } = report(full);
    expect(code).toBe(2);
    expect(text).toMatch(/at \/runs\/a\n {2}fix: Free some disk space/);
  });
});

describe("installInterruptHandler", () => {
  function setUp() {
    const signals = new EventEmitter();
    const said: string[] = [];
    const exits: number[] = [];
    let milliseconds = 0;
    const handler = installInterruptHandler({
      signals,
      announce: (message) => said.push(message),
      exit: (code) => exits.push(code),
      now: () => milliseconds,
    });
    const press = (signal: string, after: number): void => {
      milliseconds += after;
      signals.emit(signal);
    };
    return { signals, said, exits, handler, press };
  }

  it("asks for a stop first and exits at the second press", () => {
    const { said, exits, handler, press } = setUp();
    expect(handler.stopRequested()).toBe(false);
    press("SIGINT", 10);
    expect(handler.stopRequested()).toBe(true);
    expect(said).toEqual([
      "finishing the current step and saving a checkpoint; press Ctrl-C again to stop at once",
    ]);
    press("SIGINT", 20);
    expect(exits).toEqual([]);
    press("SIGINT", 1000);
    expect(exits).toEqual([130]);
    expect(said).toHaveLength(1);
  });

  it.each(["SIGTERM", "SIGHUP"])("takes %s as the first press, however often it comes", (signal) => {
    const { said, exits, handler, press } = setUp();
    press(signal, 10);
    press(signal, 1000);
    expect(handler.stopRequested()).toBe(true);
    expect(said).toHaveLength(1);
    expect(exits).toEqual([]);
    press("SIGINT", 1000);
    expect(exits).toEqual([130]);
  });

  it("gives the signals back", () => {
    const { signals, handler } = setUp();
    handler.uninstall();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) expect(signals.listenerCount(signal)).toBe(0);
  });
});

describe("TimeLeft", () => {
  const stages = [
    { title: "a", weight: 1 },
    { title: "b", weight: 2 },
    { title: "c", weight: 3 },
    { title: "d", weight: 100 },
  ];

  it("extrapolates from finished and running stages, and leaves skipped ones out", () => {
    const timeLeft = new TimeLeft(stages);
    expect(timeLeft.estimate()).toBeUndefined();
    timeLeft.skip("d");
    timeLeft.finish({ title: "a", seconds: 10 });
    expect(timeLeft.estimate()).toEqual({ share: 1 / 6, seconds: 50 });
    expect(timeLeft.estimate({ title: "b", share: 0.5, seconds: 20 })).toEqual({ share: 2 / 6, seconds: 60 });
    timeLeft.finish({ title: "b", seconds: 40 });
    timeLeft.finish({ title: "c", seconds: 10 });
    expect(timeLeft.estimate()).toEqual({ share: 1, seconds: 0 });
  });

  it("takes the speed of a resumed stage from what was done since, not from what was there", () => {
    const timeLeft = new TimeLeft(stages.slice(0, 3));
    // 0.4 of its 2 in 40 seconds: 100 seconds a unit, 1 and 0.2 and 3 units to go.
    const estimate = timeLeft.estimate({ title: "b", from: 0.7, share: 0.9, seconds: 40 });
    expect(estimate!.share).toBeCloseTo(1.8 / 6, 12);
    expect(estimate!.seconds).toBeCloseTo(420, 9);
    timeLeft.finish({ title: "b", from: 0.7, seconds: 60 });
    expect(timeLeft.estimate()!.seconds).toBeCloseTo(400, 9);
  });

  it("says nothing as long as next to nothing was measured", () => {
    const timeLeft = new TimeLeft(stages);
    // A stage of little cost says nothing of the speed of the others.
    timeLeft.finish({ title: "a", seconds: 0.01 });
    expect(timeLeft.estimate()).toBeUndefined();
    expect(timeLeft.estimate({ title: "d", share: 0.001, seconds: 20 })).toBeUndefined();
    expect(timeLeft.estimate({ title: "d", share: 0.05, seconds: 2 })).toBeUndefined();
    expect(timeLeft.estimate({ title: "d", from: 0.4, share: 0.4, seconds: 20 })).toBeUndefined();
    // 5 units in 50 seconds, 100 to go.
    expect(timeLeft.estimate({ title: "d", share: 0.05, seconds: 50 })!.seconds).toBeCloseTo(1000, 9);
  });
});
