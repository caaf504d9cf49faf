import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { commandLine } from "../../src/cli/commands/command-line.ts";
import { formatBytes } from "../../src/cli/commands/print-estimate.ts";
import { type OutputProcess, surviveOutputErrors } from "../../src/cli/output-errors.ts";
import { cli, tinyRecipe } from "./run-cli.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-usage-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the command line", () => {
  it.each([
    [["distil", "x.yaml"], "unknown command 'distil'", "Did you mean distill?"],
    [["distill", "demo", "--ou", "x"], "unknown option '--ou'", "Did you mean --out?"],
    [["recipes", "lst"], "unknown command 'lst'", "Did you mean ls?"],
    [["distill"], "missing required argument 'recipe'", "--help"],
    [["demo", "extra"], "too many arguments", "--help"],
    [["demo", "--seed", "many"], "Give a whole number from 0 to 4294967295", "--help"],
    [["generate", "x", "q", "--temperature", "-1"], "Give a number from 0 to 100", "--help"],
    [["train", "x", "--method", "sst"], "Methods are answer-only, full", "Did you mean stt?"],
    [["distill", "trackin"], 'no recipe is named "trackin"', 'Did you mean "tracking"?'],
    [["demo", "--set", "train.budgett=3"], 'unknown key "budgett"', 'Did you mean "train.budget"?'],
    [["distill", "./nothing.yaml"], "no such recipe file", "Check the path"],
    [["generate", "nofolder", "q"], "there is no such folder", "builtin:base"],
    [["export", "nofolder", "--out", "x"], "there is no such folder", "builtin:base"],
    [["serve", "nofolder"], "there is no such folder", "builtin:base"],
    [["eval", "nofolder"], "there is no such folder", "skipthink distill"],
    [["distill", "demo", "--processes", "2"], "the onnx engine has no processes", "--engine torch"],
    [["experiment", "study", "--set", "seed=7"], "has seeds of its own", "--seeds 7"],
    [["serve", "builtin:bas"], "no built-in student", "builtin:base"],
    [
      ["tasks", "prepare", "svmp"],
      'no benchmark is named "svmp"',
      'Did you mean "svamp"? Benchmarks: single_eq',
    ],
  ])("%j is refused with a remedy", async (argv, message, remedy) => {
    const { code, stdout, stderr } = await cli(argv);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`error: `);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
  });

  it("prints help and version on stdout and ends with 0", async () => {
    for (const argv of [["--help"], ["distill", "--help"], ["recipes", "--help"]]) {
      const { code, stdout, stderr } = await cli(argv);
      expect(code).toBe(0);
      expect(stdout).toContain("Usage: skipthink");
      expect(stderr).toBe("");
    }
    const { version } = JSON.parse(
      await readFile(join(import.meta.dirname, "../../package.json"), "utf8"),
    ) as { version: string };
    expect(await cli(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("without a command shows the help and ends with 2", async () => {
    const { code, stdout, stderr } = await cli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("skipthink demo");
  });

  it("says what holds without an option, in words", async () => {
    const help = async (command: string): Promise<string> =>
      (await cli([...command.split(" "), "--help"])).stdout.replace(/\s+/g, " ");
    for (const command of ["demo", "distill", "recipes validate", "experiment"]) {
      const text = await help(command);
      expect(text, command).toContain("0: all logical cores (default: the recipe's)");
      expect(text, command).not.toContain("(default: [])");
    }
    for (const command of ["demo", "distill", "recipes validate"])
      expect(await help(command)).toContain("seed of every random stream (default: the recipe's)");
    for (const command of ["train", "chunk", "probe", "eval", "report", "inspect"])
      expect(await help(command), command).toContain("0: all logical cores (default: the run's)");
    for (const command of ["generate", "serve"])
      expect(await help(command), command).toContain("0: all logical cores (default: 0)");
    for (const command of ["train", "eval"])
      expect(await help(command)).toContain("one of answer-only, full, ");
    expect(await help("eval")).toContain("repeatable (default: the recipe's)");
  });

  it.each(["demo", "distill", "train", "generate"])("%s --help shows examples", async (command) => {
    expect((await cli([command, "--help"])).stdout).toMatch(/Examples?:\n {2}\$ skipthink/);
  });
});

it("distill and experiment run on the engine that is named", async () => {
  const recipe = join(folder, "tiny.yaml");
  await writeFile(recipe, tinyRecipe(["methods: [full]"]));
  vi.stubEnv("SKIPTHINK_PYTHON", join(folder, "no-python"));
  try {
    for (const command of ["distill", "experiment"]) {
      const words = [command, recipe, "--engine", "torch", "--processes", "2", "--dry-run"];
      const { code, stderr } = await cli(words);
      expect(code).toBe(1);
      expect(stderr).toContain(`there is no Python at ${join(folder, "no-python")}`);
    }
  } finally {
    vi.unstubAllEnvs();
  }
  expect((await cli(["distill", recipe, "--engine", "tensorflow"])).stderr).toContain("onnx, torch");
});

it("generate asks the base student, as serve does", async () => {
  const words = ["generate", "builtin:base", "What is 2 + 3?", "--max-new-tokens", "8", "--threads", "1"];
  const { code, stdout, stderr } = await cli([...words, "--json"]);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ method: null, question: "What is 2 + 3?" });
  expect((await cli([...words, "--staged"])).stderr).toContain("no run has trained knows no chunks");
});

describe("an error that a run's recipe explains", () => {
  const run = async (lines: readonly string[], words: readonly string[] = []) => {
    const recipe = join(folder, "explained.yaml");
    await writeFile(recipe, `${lines.join("\n")}\n`);
    const { code, stderr } = await cli(["distill", recipe, "--dry-run", ...words]);
    expect(code).toBe(2);
    return { recipe, stderr };
  };

  it("says whether the file or the command line names the student", async () => {
    const { recipe, stderr } = await run(["task: {}", "student: { model: builtin:bas }"]);
    expect(stderr).toContain(`at ${recipe} (student.model)`);
    const given = await run(["task: {}"], ["--set", "student.model=builtin:bas"]);
    expect(given.stderr).toContain("on the command line (student.model)");
  });

  it("names the variable that a path of missing data comes from, and the recipe's head", async () => {
    const data = ["data:", `  train: \${SKIPTHINK_NOWHERE:-below}/svamp_train.json`, "  answerKind: svamp"];
    const { recipe, stderr } = await run(["# Needs: those files.", ...data]);
    expect(stderr).toContain(
      "Set SKIPTHINK_NOWHERE: data.train of the recipe is below it, and it is not set.",
    );
    expect(stderr).toContain(`stands at its head: ${recipe}.`);
    // It makes no file of that name.
    expect(stderr).not.toContain("tasks prepare");
    const prepared = await run(data, ["--set", "data.train=train.jsonl"]);
    expect(prepared.stderr).toContain("skipthink tasks prepare svamp makes train.jsonl and test.jsonl");
    expect(prepared.stderr).not.toMatch(/SKIPTHINK_NOWHERE|head/);
  });
});

describe("recipes", () => {
  it("are listed, copied once and validated", async () => {
    const listed = await cli(["recipes", "ls", "--json"]);
    const { recipes } = JSON.parse(listed.stdout) as { recipes: { name: string }[] };
    expect(recipes.map(({ name }) => name)).toContain("demo");
    expect((await cli(["recipes", "ls"])).stdout).toMatch(/^demo +Demo: .*\n +For seeing/m);

    const copy = join(folder, "mine.yaml");
    expect(await cli(["recipes", "cp", "demo", copy])).toEqual({ code: 0, stdout: `${copy}\n`, stderr: "" });
    expect((await cli(["recipes", "cp", "demo", copy])).code).toBe(2);

    const validated = await cli(["recipes", "validate", copy, "--set", "chunk.count=3", "--seed", "9"]);
    expect(validated.code).toBe(0);
    expect(validated.stdout).toMatch(/^ {2}count: 3$/m);
    expect(validated.stdout).toMatch(/^seed: 9$/m);
  });

  it("are not copied to a place that cannot be, and that is no defect of the program", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    for (const target of [join(file, "x.yaml"), join(folder, `${"n".repeat(300)}.yaml`)]) {
      const { code, stderr } = await cli(["recipes", "cp", "demo", target]);
      expect(code, stderr).toBe(2);
      expect(stderr).toContain("fix: ");
      expect(stderr).not.toContain("defect");
    }
  });

  it("that name files which are not there are valid, with a warning", async () => {
    const path = join(folder, "own.yaml");
    await writeFile(path, "data: { train: gone.jsonl }\n");
    const { code, stderr, stdout } = await cli(["recipes", "validate", path, "--json"]);
    expect(code).toBe(0);
    expect(stderr).toContain("warning: data.train names");
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, missing: [{ key: "data.train" }] });
  });
});

it("command lines can be pasted into a shell", () => {
  expect(commandLine(["distill", "a b.yaml", "--set", "methods=[full]", "it's"])).toBe(
    "skipthink distill 'a b.yaml' --set 'methods=[full]' 'it'\\''s'",
  );
});

it("bytes are shown in one unit", () => {
  expect([0, 1023, 1536, 150 * 2 ** 20, 3 * 2 ** 40].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "150 MiB",
    "3.0 TiB",
  ]);
});

describe("output that takes no more", () => {
  /** A stream that fails at every write, as stdout and stderr do: an error never closes them. */
  const failing = (code: string) =>
    new Writable({
      autoDestroy: false,
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(`${code}: no more`), { code })),
    });
  const taking = (texts: string[]) =>
    new Writable({ write: (chunk, _encoding, done) => done(void texts.push(String(chunk))) });
  /** Three writes to each, as a command makes them. */
  async function printed(target: OutputProcess): Promise<OutputProcess["exitCode"]> {
    surviveOutputErrors(target);
    for (let line = 0; line < 3; line++) {
      target.stdout.write("result\n");
      target.stderr.write("message\n");
      await new Promise((next) => setImmediate(next));
    }
    return target.exitCode;
  }

  it("does not end a command whose readers are gone, nor change its exit code", async () => {
    for (const exitCode of [undefined, 4]) {
      const target: OutputProcess = { stdout: failing("EPIPE"), stderr: failing("EPIPE"), exitCode };
      expect(await printed(target)).toBe(exitCode);
    }
    const messages: string[] = [];
    await printed({ stdout: failing("EPIPE"), stderr: taking(messages) });
    expect(messages).toEqual(Array(3).fill("message\n"));
  });

  it("is told in one line and ends with 1, or with the command's own code, when results are lost", async () => {
    for (const [exitCode, ended] of [
      [undefined, 1],
      [3, 3],
    ]) {
      const messages: string[] = [];
      expect(await printed({ stdout: failing("ENOSPC"), stderr: taking(messages), exitCode })).toBe(ended);
      expect(messages.filter((text) => text !== "message\n")).toEqual([
        "error: the results cannot be written to stdout: ENOSPC: no more\n",
      ]);
    }
    expect(await printed({ stdout: failing("ENOSPC"), stderr: failing("ENOSPC") })).toBe(1);
  });
});
