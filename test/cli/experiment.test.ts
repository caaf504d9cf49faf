import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildCli, runBuilt } from "./built-cli.ts";
import { cli, tinyRecipe } from "./run-cli.ts";

let folder: string;
let recipe: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-experiment-"));
  recipe = join(folder, "tiny.yaml");
  await writeFile(
    recipe,
    tinyRecipe([
      "methods: [full, cwt-ac]",
      "train: { budget: { unit: epochs, amount: 1 } }",
      "experiment:",
      "  seeds: [1]",
      "  axes: { M: { two: [chunk.count=2], broken: [chunk.count=2, student.model=/nowhere, student.random=null] } }",
      "  equal: [{ as: cwt-ac, methods: [full] }]",
    ]),
  );
  await buildCli();
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** Command lines of running processes that name the folder; without ps where /proc has them. */
function processesWith(path: string): string[] {
  const lines = existsSync("/proc/self/cmdline")
    ? readdirSync("/proc").map((name) => {
        try {
          return /^\d+$/.test(name)
            ? readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")
            : "";
        } catch {
          // It has ended meanwhile.
          return "";
        }
      })
    : execFileSync("ps", ["-A", "-ww", "-o", "args="], { encoding: "utf8" }).split("\n");
  return lines.filter((line) => line.includes(path));
}

/** Each row's method and its seeds. */
function rowsOf(stdout: string): [string, number[]][] {
  const { rows } = JSON.parse(stdout) as { rows: { method: string; seeds: number[] }[] };
  return rows.map(({ method, seeds }) => [method, seeds]);
}

describe("experiment", () => {
  it("runs the grid in processes of its own, reports the run that fails, and goes on from there", async () => {
    const out = join(folder, "out");
    const first = await runBuilt([
      "experiment",
      recipe,
      "--out",
      out,
      "--parallel",
      "2",
      "--tensorboard",
      "--json",
    ]);
    expect(first.code, first.stderr).toBe(1);
    expect(first.stderr).toMatch(/broken-seed-1 failed: .*no config\.json/);
    expect(first.stderr).toMatch(/2 of 4 runs failed/);
    const json = JSON.parse(first.stdout) as {
      rows: Record<string, unknown>[];
      failures: { cell: string }[];
    };
    expect(json.rows.map(({ method, budget }) => [method, budget])).toEqual([
      ["full", "recipe's"],
      ["cwt-ac", "recipe's"],
      ["full", "cwt-ac's trained tokens"],
    ]);
    expect(json.failures).toHaveLength(2);
    const trained = (row: number): number => (json.rows[row]!.trainedTokens as { mean: number }).mean;
    expect(trained(2)).toBeGreaterThanOrEqual(trained(1));
    expect(trained(2)).toBeLessThan(trained(1) * 1.5);
    for (const file of ["table.md", "table.csv", "results.json", "experiment.html"])
      expect(existsSync(join(out, file)), file).toBe(true);
    expect(await readFile(join(out, "table.md"), "utf8")).toContain("## Failed cells");
    const events = join(out, "cells/two-seed-1/tensorboard");
    expect((await readdir(events)).sort()).toEqual(["cwt-ac", "full"]);

    const again = await runBuilt(["experiment", recipe, "--out", out, "--only", "M=two", "--tensorboard"]);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toMatch(/1\/2 two-seed-1 unchanged/);
    expect(await readFile(join(out, "table.md"), "utf8")).not.toContain("## Failed cells");
  }, 300_000);

  it.skipIf(process.platform === "win32")(
    "Ctrl-C ends the run under way and no other is started; run again, it goes on (skipped on Windows, which has no SIGINT)",
    async () => {
      const out = join(folder, "interrupted");
      const metrics = join(out, "cells/two-seed-2/metrics/full.jsonl");
      // Three cells, one after the other.
      const grid = ["--only", "M=two", "--set", "experiment.equal=[]", "--seeds", "1,2,3", "--parallel", "1"];
      const argv = ["experiment", recipe, "--out", out, ...grid, "--json"];
      const alive: string[][] = [];
      const stopped = await runBuilt(argv, {
        when: () => {
          if (!existsSync(metrics) || !readFileSync(metrics, "utf8").includes("\n")) return false;
          alive.push(processesWith(out));
          return true;
        },
        signal: "SIGINT",
      });
      expect(stopped.code, stopped.stderr).toBe(130);
      // The parent and the one run.
      expect(alive.map((lines) => lines.length)).toEqual([2]);
      expect(alive[0]).toContainEqual(expect.stringContaining("cells/two-seed-2"));
      expect(stopped.stderr).toMatch(/1\/3 two-seed-1 in /);
      expect(stopped.stderr).toContain("stopped after 1 of 3 runs; the table holds all that are finished");
      expect(processesWith(out)).toEqual([]);
      expect(existsSync(join(out, "cells/two-seed-2/results.json"))).toBe(false);
      expect(existsSync(join(out, "cells/two-seed-3"))).toBe(false);
      expect(rowsOf(stopped.stdout)).toEqual([
        ["full", [1]],
        ["cwt-ac", [1]],
      ]);
      const finished = readFileSync(join(out, "cells/two-seed-1/results.json"), "utf8");
      const before = readFileSync(metrics, "utf8").trimEnd().split("\n");

      const again = await runBuilt(argv);
      expect(again.code, again.stderr).toBe(0);
      for (const end of ["1/3 two-seed-1 unchanged", "2/3 two-seed-2 in ", "3/3 two-seed-3 in "])
        expect(again.stderr).toContain(end);
      expect(rowsOf(again.stdout)).toEqual([
        ["full", [1, 2, 3]],
        ["cwt-ac", [1, 2, 3]],
      ]);
      expect(readFileSync(join(out, "cells/two-seed-1/results.json"), "utf8")).toBe(finished);
      // It went on from the checkpoint: the steps that were done are not trained anew.
      expect(readFileSync(metrics, "utf8").split("\n").slice(0, before.length)).toEqual(before);
    },
    300_000,
  );

  it("says in a dry run what there is to do, and writes nothing", async () => {
    const out = join(folder, "dry");
    const { code, stdout, stderr } = await cli([
      ...[
        "experiment",
        recipe,
        "--out",
        out,
        "--only",
        "M=two",
        "--seeds",
        "3,4",
        "--parallel",
        "1",
        "--dry-run",
      ],
      "--json",
    ]);
    expect(code, stderr).toBe(0);
    const estimate = JSON.parse(stdout) as {
      cells: number;
      totalSeconds: number;
      settings: { cells: number }[];
    };
    expect(estimate).toMatchObject({ cells: 4, finished: 0, parallel: 1 });
    expect(estimate.settings.map(({ cells }) => cells)).toEqual([2, 2]);
    expect(estimate.totalSeconds).toBeGreaterThan(0);
    expect(existsSync(out)).toBe(false);
  }, 180_000);

  it.each([
    [["--seeds", "1,x"], /"x" is not a seed/],
    [["--tasks", "coin_flip"], /has no "task"/],
    [["--only", "M"], /is not axis=value/],
    [["--only", "M=tow"], /has no "tow"/],
    // Both values of an axis that is named twice.
    [["--only", "M=tow", "--only", "M=two"], /has no "tow"/],
    [["--set", "chunk.cuont=3"], /unknown key "cuont"/],
  ])("refuses %j", async (words, message) => {
    const { code, stderr } = await cli(["experiment", recipe, "--out", join(folder, "no"), ...words]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, "no"))).toBe(false);
  });
});
