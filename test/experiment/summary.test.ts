import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import type { CellResult } from "../../src/experiment/cell-result.ts";
import type { ExperimentFigures } from "../../src/experiment/figures.ts";
import { renderExperiment } from "../../src/experiment/page.ts";
import { summarize } from "../../src/experiment/summary.ts";
import { markdownTable } from "../../src/experiment/table.ts";
import { writeExperiment } from "../../src/experiment/write.ts";
import type { MethodName } from "../../src/method/baselines/plan.ts";
import { cellOf, type FakeMethod, methodResult } from "./cells.ts";

const yes = true;
const no = false;

function result(cell: CellResult["cell"], methods: Partial<Record<MethodName, FakeMethod>>): CellResult {
  const named = Object.entries(methods) as [MethodName, FakeMethod][];
  return {
    cell,
    task: "coin_flip",
    chance: 0.5,
    skips: { share: 0.2 },
    versions: {},
    methods: Object.fromEntries(named.map(([name, method]) => [name, methodResult(method)])),
    correct: Object.fromEntries(
      named.map(([name, { correct }]) => [name, new Map(correct.map((right, i) => [`p${i}`, right]))]),
    ),
  };
}

const equal = { unit: "trainedTokens", as: "cwt-sbc", methods: ["full"] } as const;
const cells: CellResult[] = [1, 2].flatMap((seed) => {
  const setting = { task: "coin_flip" };
  const first = cellOf({ id: `c-${seed}`, setting, seed });
  const following = cellOf({ id: `f-${seed}`, setting, seed, follows: { id: first.id, equal } });
  return [
    result(first, {
      full: { correct: [yes, no, no, no], seconds: 1, tokens: seed === 1 ? 100 : 120 },
      "cwt-sbc": { correct: seed === 1 ? [yes, yes, yes, no] : [yes, yes, yes, yes], seconds: 0.5 },
    }),
    result(following, { full: { correct: [yes, yes, no, no], seconds: 2 } }),
  ];
});
const summary = summarize(cells);

describe("summarize", () => {
  it("gives mean and standard error over seeds, per setting, budget and method", () => {
    expect(summary.rows.map(({ method, budget }) => [method, budget])).toEqual([
      ["full", "recipe's"],
      ["cwt-sbc", "recipe's"],
      ["full", "cwt-sbc's trained tokens"],
    ]);
    const [full, cwt, equalFull] = summary.rows;
    expect(full!.accuracy).toEqual({ mean: 0.25, standardError: 0 });
    // 0.75 and 1: sample standard deviation 0.1768, over √2.
    expect(cwt!.accuracy.mean).toBe(0.875);
    expect(cwt!.accuracy.standardError).toBeCloseTo(0.125, 12);
    expect(full!.meanGeneratedTokens).toEqual({ mean: 110, standardError: 10 });
    expect([cwt!.problems, cwt!.right, cwt!.seeds]).toEqual([8, 7, [1, 2]]);
    expect(cwt!.speedUp!.mean).toBe(2);
    // Against full of the recipe's budget, which is in the run it follows.
    expect(equalFull!.speedUp!.mean).toBe(0.5);
  });

  it("pools the problems of all seeds in the paired tests, within a budget and across", () => {
    expect(summary.comparisons).toHaveLength(2);
    const [within, across] = summary.comparisons;
    expect(within).toMatchObject({ first: "cwt-sbc", second: "full", onlyFirstRight: 5, onlySecondRight: 0 });
    expect(within!.pValue).toBeCloseTo(2 / 2 ** 5, 12);
    expect(across).toMatchObject({
      first: "cwt-sbc",
      second: "full",
      budgets: ["recipe's", "cwt-sbc's trained tokens"],
      onlyFirstRight: 3,
      onlySecondRight: 0,
      seeds: [1, 2],
    });
  });

  it("compares the pairs that are asked for, by problem and not by place", () => {
    const [first] = cells;
    const shuffled = new Map([...first!.correct["cwt-sbc"]!].reverse());
    const turned = { ...first!, correct: { ...first!.correct, "cwt-sbc": shuffled } };
    const [pair, ...others] = summarize([turned], [["full", "cwt-sbc"]]).comparisons;
    expect(others).toEqual([]);
    expect(pair).toMatchObject({ onlyFirstRight: 0, onlySecondRight: 2 });
  });

  it("takes one seed, and nothing, for what they are", () => {
    const [row] = summarize([cells[0]!]).rows;
    expect(row!.accuracy).toEqual({ mean: 0.25 });
    expect(summarize([])).toEqual({ axes: [], rows: [], comparisons: [], skips: [] });
  });
});

describe("writeExperiment", () => {
  const figures: ExperimentFigures = {
    name: "A <b>bold</b> | name",
    command: "skipthink experiment study",
    createdAt: "2026-01-02T03:04:05.000Z",
    versions: { skipthink: "0" },
    student: "builtin:base",
    parallel: [2, 2, undefined, 4],
    cells: 5,
    unfinished: ["c-3"],
    summary,
    failures: [{ cell: cellOf({ id: "x" }), message: "broke\n<script>alert(1)</script>" }],
  };
  const written = async (): Promise<Record<"table" | "csv" | "results" | "page", string>> => {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-table-"));
    const files = await writeExperiment(folder, figures);
    const texts = await Promise.all(
      Object.entries(files).map(async ([name, path]) => [name, await readFile(path, "utf8")]),
    );
    await rm(folder, { recursive: true });
    return Object.fromEntries(texts);
  };

  it("writes Markdown, CSV, the harness's JSON and a page that says the same", async () => {
    const { table, csv, results, page } = await written();
    expect(table).toContain("# A <b>bold</b> \\| name");
    expect(table).toContain("| coin_flip | cwt-sbc | recipe's | 2 | 87.5 ± 12.5 | 50.0 |");
    expect(table).toContain("- x: broke <script>alert(1)</script>");
    for (const text of [table, page])
      expect(text).toContain("measured with 2 to 4 runs side by side (not noted for 1 of 4 runs).");
    const rows = parse(csv, { columns: true }) as Record<string, string>[];
    expect(rows.map(({ method }) => method)).toEqual(["full", "cwt-sbc", "full"]);
    expect(rows[1]).toMatchObject({
      task: "coin_flip",
      accuracy: "0.875",
      seeds: "1 2",
      speedUp: "2",
      chance: "0.5",
    });
    const json = JSON.parse(results) as Record<string, Record<string, Record<string, unknown>>>;
    const names = ["coin_flip/full", "coin_flip/cwt-sbc", "coin_flip/cwt-sbc's trained tokens/full"];
    for (const key of ["results", "configs", "versions", "n-shot", "higher_is_better", "n-samples"])
      expect(Object.keys(json[key]!), key).toEqual(names);
    expect(json.results!["coin_flip/cwt-sbc"]).toMatchObject({
      alias: "coin_flip/cwt-sbc",
      "exact_match,none": 0.875,
      "exact_match_stderr,none": expect.closeTo(0.125, 10),
      "generated_tokens,none": 50,
    });
    expect(json["n-samples"]!["coin_flip/full"]).toEqual({ original: 8, effective: 8 });
    expect(page).toContain("87.5%");
    expect(page).toContain("A &lt;b&gt;bold&lt;/b&gt; | name");
    expect(page).not.toContain("<script");
  });

  it("shows what guessing gives, where it is known", () => {
    const page = renderExperiment(figures);
    expect(page).toContain("Guessing gives 50.0%");
    expect(page).toContain("chance 50.0%</text>");
    const unknown = cells.map(({ chance: _, ...cell }) => cell);
    const without = { ...figures, summary: summarize(unknown) };
    expect(renderExperiment(without)).not.toMatch(/Guessing|chance \d/);
    expect(markdownTable(without)).toContain("| 87.5 ± 12.5 | – |");
  });

  it("shows what finding skips took and which texts were cut off, where runs have recorded it", () => {
    expect(markdownTable(figures)).not.toMatch(/finding skips|cut off/);
    const recorded = cells.map((cell) => ({
      ...cell,
      methods: Object.fromEntries(
        Object.entries(cell.methods).map(([name, result]) => [
          name,
          { ...result, unfinished: 0.125, ...(name === "full" ? {} : { skipDataSeconds: 31 }) },
        ]),
      ),
    }));
    const table = markdownTable({ ...figures, summary: summarize(recorded) });
    expect(table).toContain("| training, s | finding skips, s | cut off, % |");
    expect(table).toContain("| 10 ± 0 | – | 12.5 |");
    expect(table).toContain("| 10 ± 0 | 31 ± 0 | 12.5 |");
    expect(renderExperiment({ ...figures, summary: summarize(recorded) })).toContain("Cut<br>off");
  });

  it("gives the error of one seed from its test problems, and says so", () => {
    const note = "† One seed: ± is the binomial standard error of its test problems.";
    expect(markdownTable(figures)).not.toContain("†");
    const single = { ...figures, summary: summarize(cells.slice(0, 2)) };
    // 1 of 4 right: √(0.25 · 0.75 / 4).
    expect(markdownTable(single)).toContain("| 25.0 ± 21.7† |");
    expect(markdownTable(single)).toContain(note);
    expect(markdownTable(single)).not.toContain("means over seeds");
    expect(renderExperiment(single)).toContain('<span class="quiet">± 21.7†</span>');
    expect(renderExperiment(single)).toContain(note);
  });

  it("says how many runs are finished, and names a few that are not", () => {
    const unfinished = ["a", "b", "c", "d", "e"];
    const page = (more: Partial<ExperimentFigures>): string => renderExperiment({ ...figures, ...more });
    expect(page({ cells: 9, unfinished })).toContain("4 of 9 runs are finished; not yet: a, b, c and 2 more");
    expect(page({ cells: 4, unfinished: [] })).toContain("4 of 4 runs are finished. 2 seeds");
    expect(page({ unfinished, summary: summarize([]) })).toContain("0 of 5 runs");
  });

  it("draws each method once per budget, and tells the budgets apart", () => {
    const [wide = ""] = renderExperiment(figures).split('class="chart narrow"');
    const dots = [...wide.matchAll(/class="m\d"><path[^>]*\/><path class="(dot[^"]*)"/g)].map(
      ([, dot]) => dot,
    );
    // full with cwt-sbc's trained tokens, below full and cwt-sbc.
    expect(dots).toEqual(["dot hollow", "dot", "dot"]);
    expect(wide).toContain('class="hollow"');
    expect(wide).toContain("full (cwt-sbc&#39;s trained tokens): 50.0% with 50 tokens");
    const own = cells.filter(({ cell }) => cell.follows === undefined);
    expect(renderExperiment({ ...figures, summary: summarize(own) })).not.toContain('class="hollow"');
  });

  it("names more budgets than two by letters", () => {
    const steps = cells.flatMap((one) => {
      const { follows } = one.cell;
      if (follows === undefined) return [];
      const equal = { ...follows.equal, unit: "optimizerSteps" } as const;
      return [{ ...one, cell: { ...one.cell, follows: { ...follows, equal } } }];
    });
    const page = renderExperiment({ ...figures, summary: summarize([...cells, ...steps]) });
    for (const text of [
      ">full</text>",
      ">full (a)</text>",
      ">full (b)</text>",
      "(b) cwt-sbc&#39;s optimizer steps",
    ])
      expect(page).toContain(text);
  });

  it("has each id of the page once, and links that lead somewhere", async () => {
    const { page } = await written();
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });
});
