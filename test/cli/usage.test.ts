import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine } from "../../src/cli/commands/command-line.ts";
import { formatBytes } from "../../src/cli/commands/print-estimate.ts";
import { cli } from "./run-cli.ts";

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

  it.each(["demo", "distill", "train", "generate"])("%s --help shows examples", async (command) => {
    expect((await cli([command, "--help"])).stdout).toMatch(/Examples?:\n {2}\$ skipthink/);
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
