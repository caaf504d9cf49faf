/** Results: the table of methods, accuracy against generated tokens, and the paired tests. */
import { accuracyTokensChart } from "../charts/accuracy-tokens.ts";
import { intervalAxis, intervalBar, intervalScale, opposedBars } from "../charts/bars.ts";
import type { MethodResult, ReportData } from "../data.ts";
import { cutNote, escapeHtml, type Html, label } from "../html.ts";
import { maxTableRows } from "../limits.ts";
import { compact, decimal, duration, factor, percent, pValue } from "../numbers.ts";
import { type MethodLook, methodBadge } from "../palette.ts";
import { startsNote } from "./starts.ts";

/**
 * A table that scrolls sideways by itself on a narrow page, by keyboard too.
 * @param texts columns of words, beside the first, which stand to the left; the others hold numbers
 */
export function table(caption: string, head: Html[], rows: Html[][], texts: readonly number[] = []): Html {
  const kind = (column: number): Html => (texts.includes(column) ? ' class="text"' : "");
  const body = rows.map(([first, ...others]) => {
    const cells = others.map((cell, index) => `<td${kind(index + 1)}>${cell}</td>`).join("");
    return `<tr><th scope="row">${first}</th>${cells}</tr>`;
  });
  return (
    `<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0"><table><caption><span>${escapeHtml(caption)}</span></caption>` +
    `<thead><tr>${head.map((cell, index) => `<th scope="col"${kind(index)}>${cell}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`
  );
}

interface Column {
  head: Html;
  cell: (result: MethodResult, look: MethodLook) => Html;
  /** Left out where no method has the figure. */
  optional?: (result: MethodResult) => unknown;
}

export function resultsSection(data: ReportData, looks: MethodLook[]): Html {
  const rows = looks.flatMap((look) => {
    const result = Object.hasOwn(data.methods, look.name) ? data.methods[look.name] : undefined;
    return result === undefined ? [] : [{ look, result }];
  });
  const heading = `<section id="results"><h2>Results</h2>`;
  if (rows.length === 0) return `${heading}<p class="empty">No method has been evaluated yet.</p></section>`;
  const chance = data.task.chance;
  const scale = intervalScale([
    ...rows.flatMap(({ result }) => result.accuracyInterval),
    ...(chance === undefined ? [] : [chance]),
  ]);
  const columns: Column[] = [
    {
      head: "Accuracy",
      cell: (r) =>
        `<b>${percent(r.accuracy)}</b> <span class="quiet">± ${decimal(r.accuracyStandardError * 100, 1)}</span>`,
    },
    {
      head: `<span class="hidden">95% interval</span>${intervalAxis(scale)}`,
      cell: (r, look) => intervalBar(scale, r.accuracy, r.accuracyInterval, chance, look),
    },
    {
      head: "Dev<br>(epoch)",
      cell: (r) =>
        `${percent(r.devAccuracy)}${r.selectedEpoch === undefined ? "" : ` <span class="quiet">(${decimal(r.selectedEpoch)})</span>`}`,
      optional: (r) => r.devAccuracy ?? r.selectedEpoch,
    },
    { head: "Tokens<br>written", cell: (r) => decimal(r.meanGeneratedTokens, 1) },
    {
      head: "Cut<br>off",
      cell: (r) => percent(r.unfinished),
      optional: (r) => (r.unfinished === 0 ? undefined : r.unfinished),
    },
    { head: "Time per<br>problem", cell: (r) => duration(r.secondsPerProblem) },
    { head: "in a<br>batch", cell: (r) => duration(r.secondsPerProblemBatched) },
    { head: "Speed-<br>up", cell: (r) => factor(r.speedUp), optional: (r) => r.speedUp },
    { head: "Steps", cell: (r) => decimal(r.optimizerSteps) },
    { head: "Trained<br>tokens", cell: (r) => compact(r.trainedTokens, true) },
    { head: "Training<br>time", cell: (r) => duration(r.trainingSeconds) },
    {
      head: "Finding<br>skips",
      cell: (r) => duration(r.skipDataSeconds),
      optional: (r) => r.skipDataSeconds,
    },
    { head: "Best on<br>test*", cell: (r) => percent(r.bestOnTest), optional: (r) => r.bestOnTest },
  ];
  const present = columns.filter(
    ({ optional }) =>
      optional === undefined || rows.some(({ result }) => typeof optional(result) === "number"),
  );
  const total = Object.keys(data.methods).length;
  const problems = new Set(rows.map(({ result }) => result.problems));
  const counts = problems.size === 1 ? decimal([...problems][0]) : "held-out";
  const described = rows.filter(({ look }) => look.description !== "");
  return (
    heading +
    table(
      `Accuracy, cost and training budget of each method on ${counts} problems`,
      ["Method", ...present.map((column) => column.head)],
      rows.map(({ look, result }) => [
        methodBadge(looks, look.name),
        ...present.map((column) => column.cell(result, look)),
      ]),
    ) +
    `<p class="note">Accuracy is on held-out problems, ± one standard error in points; the bar is the Wilson 95% interval` +
    `${chance === undefined ? "" : `, the dashed line chance (${percent(chance)})`}. Speed-up is the time per problem of ` +
    `<i>full</i> divided by the method's. Trained tokens are the target tokens that carried loss.${escapeHtml(startsNote(data.methods))}` +
    `${rows.some(({ result }) => (result.unfinished ?? 0) > 0) ? " Cut off: texts that reached the token limit or the end of the context; most of them hold no answer." : ""}` +
    `${rows.some(({ result }) => result.skipDataSeconds !== undefined) ? " Finding skips: chunking and probing, which is not in the training time." : ""}` +
    `${rows.some(({ result }) => result.selectedEpoch !== undefined) ? " In brackets: the epoch chosen on the dev split." : ""}` +
    `${rows.some(({ result }) => result.bestOnTest !== undefined) ? " *The highest test accuracy of any epoch: shown to compare with published tables that select this way, never used to choose here." : ""}</p>` +
    cutNote(rows.length, total, "methods") +
    (described.length === 0
      ? ""
      : `<details><summary>What the methods are</summary><dl class="facts">${described
          .map(
            ({ look }) =>
              `<div><dt>${methodBadge(looks, look.name)}</dt><dd>${escapeHtml(look.description)}</dd></div>`,
          )
          .join("")}</dl></details>`) +
    publishedTable(data.published ?? []) +
    `<figure><h3>Accuracy against generated tokens</h3>${accuracyTokensChart(looks, data.methods, chance)}` +
    `<figcaption>Up is better, left is cheaper. Error bars: Wilson 95% interval.</figcaption></figure></section>`
  );
}

/** What others published on the same data: with other models and training, so beside the run's own table, not in it. */
function publishedTable(published: NonNullable<ReportData["published"]>): Html {
  if (published.length === 0) return "";
  const figures = published.slice(0, maxTableRows);
  return (
    `<h3>Published figures on the same data</h3>` +
    table(
      "Accuracy that others published on the same data",
      ["Method", "Model", "Accuracy", "Source"],
      figures.map(({ method, model, accuracy, source }) => [
        label(method, 200),
        label(model, 200),
        percent(accuracy),
        label(source, 500),
      ]),
      [1, 3],
    ) +
    cutNote(figures.length, published.length, "published figures")
  );
}

export function comparisonsSection(data: ReportData, looks: MethodLook[]): Html {
  const heading = `<section id="comparisons"><h2>Paired comparisons</h2>`;
  const pairs = data.comparisons.slice(0, maxTableRows);
  if (pairs.length === 0)
    return `${heading}<p class="empty">Fewer than two methods were tested on the same problems, so there is nothing to compare.</p></section>`;
  const most = Math.max(...pairs.flatMap((pair) => [pair.onlyFirstRight, pair.onlySecondRight]));
  const colour = (name: string): string => looks.find((look) => look.name === name)?.colour ?? "";
  return (
    heading +
    table(
      "McNemar exact test between pairs of methods",
      [
        "First",
        "Second",
        "Only first<br>right",
        '<span class="hidden">Counts as bars</span>',
        "Only second<br>right",
        "p",
        "Reading",
      ],
      pairs.map((pair) => [
        methodBadge(looks, pair.first),
        methodBadge(looks, pair.second),
        decimal(pair.onlyFirstRight),
        opposedBars(pair.onlyFirstRight, pair.onlySecondRight, most, [
          colour(pair.first),
          colour(pair.second),
        ]),
        decimal(pair.onlySecondRight),
        escapeHtml(pValue(pair.pValue)),
        reading(pair),
      ]),
    ) +
    cutNote(pairs.length, data.comparisons.length, "comparisons") +
    `<p class="note">Both methods answered the same problems; only those where exactly one was right tell them apart. ` +
    `The p-values are two-sided and not corrected for the number of comparisons (${data.comparisons.length}).</p></section>`
  );
}

function reading(pair: ReportData["comparisons"][number]): Html {
  if (!(pair.pValue < 0.05)) return `<span class="quiet">no clear difference</span>`;
  return `${label(pair.onlyFirstRight > pair.onlySecondRight ? pair.first : pair.second, 40)} is better`;
}
