/** experiment.html: the tables and pictures of an experiment on one page, in the style of a run's report; no script at all. */
import { accuracyTokensChart } from "../report/charts/accuracy-tokens.ts";
import type { MethodResult } from "../report/data.ts";
import { escapeHtml, type Html, label } from "../report/html.ts";
import { compact, decimal, duration, factor, missing, percent, pValue } from "../report/numbers.ts";
import { renderPage } from "../report/page.ts";
import { anyMarker, type MethodLook, methodBadge, methodLooks } from "../report/palette.ts";
import { table } from "../report/sections/results.ts";
import { pageStyle } from "../report/style.ts";
import {
  accuracyError,
  type ExperimentFigures,
  errorNote,
  loadText,
  progressText,
  testNote,
} from "./figures.ts";
import { type Comparison, type Mean, ownBudget, type SummaryRow } from "./summary.ts";
import { named } from "./table.ts";

export function renderExperiment(figures: ExperimentFigures): string {
  const { summary } = figures;
  const looks = methodLooks({
    methods: Object.fromEntries(summary.rows.map((row) => [row.method, asMethodResult(row)])),
    lossCurves: [],
    comparisons: [],
    problems: [],
  });
  const settings = [
    ...new Map(summary.rows.map((row) => [JSON.stringify(row.setting), row.setting])).entries(),
  ];
  const sections = settings.map(([key, setting], index) => {
    const same = (one: { setting: SummaryRow["setting"] }): boolean => JSON.stringify(one.setting) === key;
    return settingSection(`setting-${index}`, titleOf(setting, figures.name), {
      looks,
      rows: summary.rows.filter(same),
      comparisons: summary.comparisons.filter(same),
    });
  });
  const header =
    `<header><p class="kicker">skipthink experiment</p><h1>${label(figures.name, 200)}</h1>\n` +
    `<p class="lede">${lede(figures)}</p><p class="note"><code>${label(figures.command, 1000)}</code></p></header>`;
  return renderPage({
    title: figures.name,
    style: pageStyle,
    sections: settings.map(([, setting], index) => [`setting-${index}`, titleOf(setting, "Results")]),
    content: [header, failuresSection(figures), ...sections].join("\n"),
  });
}

function lede(figures: ExperimentFigures): Html {
  const { summary } = figures;
  const seeds = new Set(summary.rows.flatMap((row) => row.seeds)).size;
  return escapeHtml(
    `${progressText(figures)}. ${seeds} ${seeds === 1 ? "seed" : "seeds"}. ${errorNote(summary)} ` +
      `Time per problem was measured with ${loadText(figures)}.`,
  );
}

interface SettingFigures {
  looks: MethodLook[];
  rows: SummaryRow[];
  comparisons: Comparison[];
}

function settingSection(id: string, title: string, { looks, rows, comparisons }: SettingFigures): Html {
  const chance = rows[0]?.chance;
  const hasSkips = rows.some(({ skipDataSeconds }) => skipDataSeconds !== undefined);
  const hasUnfinished = rows.some(({ unfinished }) => unfinished !== undefined);
  return (
    `<section id="${id}"><h2>${label(title, 200)}</h2>` +
    (chance === undefined ? "" : `<p>Guessing gives ${percent(chance)}.</p>`) +
    table(
      `Accuracy, tokens, latency and cost of training: ${title}`,
      [
        "Method",
        "Budget",
        "Seeds",
        "Accuracy",
        "Tokens<br>written",
        "Time per<br>problem",
        "Speed-<br>up",
        "Steps",
        "Trained<br>tokens",
        "Training<br>time",
        ...(hasSkips ? ["Finding<br>skips"] : []),
        ...(hasUnfinished ? ["Cut<br>off"] : []),
      ],
      rows.map((row) => [
        methodBadge(looks, row.method),
        label(row.budget, 60),
        decimal(row.seeds.length),
        `<b>${percent(row.accuracy.mean)}</b>${quiet(accuracyError(row).error * 100, accuracyError(row).mark)}`,
        `${decimal(row.meanGeneratedTokens.mean, 1)}${error(row.meanGeneratedTokens)}`,
        duration(row.secondsPerProblem.mean),
        row.speedUp === undefined ? missing : factor(row.speedUp.mean),
        decimal(row.optimizerSteps.mean),
        compact(row.trainedTokens.mean, true),
        duration(row.trainingSeconds.mean),
        ...(hasSkips ? [duration(row.skipDataSeconds?.mean)] : []),
        ...(hasUnfinished ? [percent(row.unfinished?.mean)] : []),
      ]),
      [1],
    ) +
    // A line at 0 would say nothing and press the dots together.
    `<figure><h3>Accuracy against generated tokens</h3>${picture(looks, rows, chance === 0 ? undefined : chance)}` +
    `<figcaption>Up is better, left is cheaper. Error bars: Wilson 95% interval over the problems of all seeds; where seeds share one test file, its problems count once per seed and the bars are too short.</figcaption></figure>` +
    (comparisons.length === 0
      ? ""
      : `<h3>Paired tests</h3>${table(
          `Paired tests: ${title}`,
          ["First", "Second", "Only first<br>right", "Only second<br>right", "p"],
          comparisons.map((one) => {
            const [, second] = named(one);
            return [
              methodBadge(looks, one.first),
              second === one.second ? methodBadge(looks, second) : label(second, 80),
              decimal(one.onlyFirstRight),
              decimal(one.onlySecondRight),
              escapeHtml(pValue(one.pValue)),
            ];
          }),
          [1],
        )}<p class="note">${escapeHtml(testNote)}</p>`) +
    `</section>`
  );
}

/** One dot per method and budget: filled with the recipe's, hollow with those that a method has used. */
function picture(looks: MethodLook[], rows: readonly SummaryRow[], chance: number | undefined): Html {
  const methodsOf = (budget: string): Record<string, MethodResult> =>
    Object.fromEntries(
      rows.filter((row) => row.budget === budget).map((row) => [row.method, asMethodResult(row)]),
    );
  const names = [...new Set(rows.map(({ budget }) => budget))].filter((budget) => budget !== ownBudget);
  const further = names.map((name, index) => ({
    name,
    letter: names.length === 1 ? "" : String.fromCharCode(97 + index),
    methods: methodsOf(name),
  }));
  const entries = [
    `${anyMarker(false)}the ${ownBudget} budget`,
    ...further.map(
      ({ name, letter }) => `${anyMarker(true)}${letter === "" ? "" : `(${letter}) `}${label(name, 60)}`,
    ),
  ].map((entry) => `<li><span class="method">${entry}</span></li>`);
  return (
    (further.length === 0 ? "" : `<ul class="legend">${entries.join("")}</ul>`) +
    accuracyTokensChart(looks, methodsOf(ownBudget), chance, further)
  );
}

function failuresSection({ failures }: ExperimentFigures): Html {
  if (failures.length === 0) return "";
  const items = failures.map(
    ({ cell, message }) =>
      `<li><b>${label(cell.id)}</b> <span class="foreign">${label(message, 1000)}</span></li>`,
  );
  return `<section id="failed"><h2>Failed runs</h2><ul>${items.join("")}</ul></section>`;
}

function titleOf(setting: SummaryRow["setting"], fallback: string): string {
  const values = Object.entries(setting).map(([axis, value]) =>
    axis === "task" ? value : `${axis} ${value}`,
  );
  return values.length === 0 ? fallback : values.join(", ");
}

function error({ standardError }: Mean): Html {
  return standardError === undefined ? "" : quiet(standardError);
}

function quiet(value: number, mark = ""): Html {
  return ` <span class="quiet">± ${decimal(value, 1)}${mark}</span>`;
}

function asMethodResult(row: SummaryRow): MethodResult {
  return {
    accuracy: row.accuracy.mean,
    accuracyStandardError: row.accuracy.standardError ?? 0,
    accuracyInterval: row.accuracyInterval,
    problems: row.problems,
    meanGeneratedTokens: row.meanGeneratedTokens.mean,
    secondsPerProblem: row.secondsPerProblem.mean,
    secondsPerProblemBatched: row.secondsPerProblemBatched.mean,
    optimizerSteps: row.optimizerSteps.mean,
    trainedTokens: row.trainedTokens.mean,
    trainingSeconds: row.trainingSeconds.mean,
  };
}
