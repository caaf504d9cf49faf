/** The top of the report: what was done, in a paragraph, the key figures, and the facts of the run. */
import { isBenchmark } from "../../tasks/benchmarks/sources.ts";
import type { MethodResult, ReportData } from "../data.ts";
import { cutNote, escapeHtml, type Html, label } from "../html.ts";
import { maxNotes } from "../limits.ts";
import { compact, decimal, duration, factor, missing, percent, points, pValue } from "../numbers.ts";
import { type MethodLook, methodBadge } from "../palette.ts";
import { moreTraining, startsInBudget } from "./starts.ts";

/** The method the page talks about and what it is held against; either may be missing. */
export interface Focus {
  baseline: string | undefined;
  chunked: string | undefined;
  skipping: string | undefined;
  /** The one the key figures are about. */
  main: string | undefined;
}

export function focusOf(looks: MethodLook[], methods: Record<string, MethodResult>): Focus {
  const present = looks.map((look) => look.name).filter((name) => Object.hasOwn(methods, name));
  const first = (...names: string[]): string | undefined => names.find((name) => present.includes(name));
  const baseline = first("full");
  const chunked = first("cwt-sbc", "cwt-ac");
  const skipping = first("stt");
  return { baseline, chunked, skipping, main: skipping ?? chunked ?? baseline ?? present.at(-1) };
}

export function headerSection(data: ReportData, focus: Focus): Html {
  return (
    `<header><p class="kicker">skipthink run ${label(data.run)}</p><h1>${label(headline(data), 200)}</h1>` +
    `<p class="lede">${lede(data)} ${verdict(data, focus)}</p></header>`
  );
}

/** The title with the task, unless it names it: the runs of an experiment share one title. */
export function headline(data: ReportData): string {
  const task = taskOf(data);
  return names(data.title, task) ? data.title : `${data.title} · ${task}`;
}

/** Own data have the recipe's name, which for a grid over several sets says less than the benchmark whose answers they have. */
function taskOf({ title, task }: ReportData): string {
  const ownData = task.name === title && isBenchmark(task.answerKind);
  return ownData && !names(title, task.answerKind) ? task.answerKind : task.name;
}

/** "Coin flips" names coin_flip. */
function names(text: string, task: string): boolean {
  const letters = (one: string): string => one.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return letters(text).includes(letters(task));
}

function plural(count: number, one: string): string {
  return `${decimal(count)} ${one}${count === 1 ? "" : "s"}`;
}

function lede(data: ReportData): Html {
  const trained = Object.keys(data.methods).length;
  const ways = trained === 1 ? "in one way" : `in ${trained} ways`;
  return (
    `<strong>${label(data.student.name)}</strong>, a student with ${escapeHtml(compact(data.student.parameters))} parameters, ` +
    `learned <strong>${label(taskOf(data))}</strong> from ${plural(data.data.trainRationales, "rationale")} ` +
    `of ${decimal(data.data.meanSteps, 1)} steps on average, ${ways}, ` +
    `and was then tested on ${plural(data.data.testProblems, "problem")} it had never seen.`
  );
}

function verdict(data: ReportData, focus: Focus): Html {
  const main = focus.main === undefined ? undefined : data.methods[focus.main];
  if (main === undefined || focus.main === undefined) return "No method has been evaluated yet.";
  const opening = `With ${label(focus.main)} it answers ${percent(main.accuracy)} of them`;
  const base = focus.baseline === undefined ? undefined : data.methods[focus.baseline];
  if (base === undefined || focus.main === focus.baseline) return `${opening}.`;
  const difference = main.accuracy - base.accuracy;
  const amount = decimal(Math.abs(difference) * 100, 1);
  const against = amount === "0.0" ? "the same as" : `${amount} points ${difference > 0 ? "above" : "below"}`;
  const tokens = relative(main.meanGeneratedTokens, base.meanGeneratedTokens);
  const test = comparisonOf(data, focus.main, focus.baseline as string);
  const significance =
    test === undefined
      ? ""
      : ` The difference in accuracy is ${test.pValue < 0.05 ? "" : "not "}significant (McNemar, p ${escapeHtml(
          test.pValue < 0.001 ? pValue(test.pValue) : `= ${pValue(test.pValue)}`,
        )}).`;
  const trained = moreTraining(main, base);
  const training = trained === undefined ? "" : ` It was trained on ${trained}.`;
  return `${opening}, ${against} ${label(focus.baseline as string)}${tokens === undefined ? "" : `, and writes ${tokens}`}.${training}${significance}`;
}

/** "47% fewer tokens"; nothing where a figure is missing. */
function relative(tokens: number, base: number): string | undefined {
  if (!Number.isFinite(tokens) || !(base > 0)) return undefined;
  const saved = 1 - tokens / base;
  if (Math.abs(saved) < 0.0005) return "as many tokens";
  return `${percent(Math.abs(saved), 0)} ${saved > 0 ? "fewer" : "more"} tokens`;
}

function comparisonOf(
  data: ReportData,
  one: string,
  other: string,
): ReportData["comparisons"][number] | undefined {
  return data.comparisons.find(
    (pair) => (pair.first === one && pair.second === other) || (pair.first === other && pair.second === one),
  );
}

export function figuresSection(data: ReportData, looks: MethodLook[], focus: Focus): Html {
  const names = [focus.baseline, focus.chunked, focus.skipping].filter((name) => name !== undefined);
  const shown = names.length > 0 ? names : focus.main === undefined ? [] : [focus.main];
  if (shown.length === 0)
    return `<section id="figures"><h2>Key figures</h2><p class="empty">No method has been evaluated yet.</p></section>`;
  const main = data.methods[focus.main as string] as MethodResult;
  const base = focus.baseline === undefined ? undefined : data.methods[focus.baseline];
  const compared = base !== undefined && focus.main !== focus.baseline;
  const trained = compared ? moreTraining(main, base) : undefined;
  const rows = (value: (result: MethodResult) => string): [Html, string][] =>
    shown.map((name) => [methodBadge(looks, name), value(data.methods[name] as MethodResult)]);

  const saved =
    compared && base.meanGeneratedTokens > 0
      ? 1 - main.meanGeneratedTokens / base.meanGeneratedTokens
      : undefined;
  const speedUp =
    main.speedUp ??
    (compared && main.secondsPerProblem > 0 ? base.secondsPerProblem / main.secondsPerProblem : undefined);
  const cards = [
    card(
      "Accuracy",
      percent(main.accuracy),
      compared
        ? `${escapeHtml(points(main.accuracy - base.accuracy))} points against ${label(focus.baseline as string)}${trained === undefined ? "" : `, trained on ${trained}`}`
        : chanceNote(data),
      rows((result) => `${percent(result.accuracy)} ± ${decimal(result.accuracyStandardError * 100, 1)}`),
    ),
    card(
      saved !== undefined && saved < 0
        ? "Tokens added"
        : saved === undefined
          ? "Generated tokens"
          : "Tokens saved",
      saved === undefined ? decimal(main.meanGeneratedTokens, 1) : percent(Math.abs(saved), 0),
      "written per problem",
      rows((result) => decimal(result.meanGeneratedTokens, 1)),
    ),
    card(
      compared ? "Speed-up" : "Latency",
      compared ? factor(speedUp) : duration(main.secondsPerProblem),
      "one problem at a time",
      rows((result) => duration(result.secondsPerProblem)),
    ),
  ];
  if (data.skips.candidates > 0) {
    cards.push(
      card("Chunks skipped", percent(data.skips.share, 0), "of the candidate chunks", [
        ["candidates", decimal(data.skips.candidates)],
        ["skipped", decimal(data.skips.skipped)],
        [
          "mean tokens",
          `${decimal(data.skips.meanTokensBefore, 0)} → ${decimal(data.skips.meanTokensAfter, 0)}`,
        ],
      ]),
    );
  }
  return (
    `<section id="figures"><h2>Key figures <span class="of">${methodBadge(looks, focus.main as string)}` +
    `${compared ? ` against ${methodBadge(looks, focus.baseline as string)}` : ""}</span></h2>` +
    `<div class="cards">${cards.join("")}</div></section>`
  );
}

function chanceNote(data: ReportData): string {
  return data.task.chance === undefined ? "on held-out problems" : `chance is ${percent(data.task.chance)}`;
}

function card(title: string, figure: string, note: string, rows: [Html, string][]): Html {
  const list = rows
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`)
    .join("");
  return (
    `<article class="card"><h3>${escapeHtml(title)}</h3><p class="figure">${escapeHtml(figure)}</p>` +
    `<p class="note">${note}</p><dl>${list}</dl></article>`
  );
}

export function factsSection(data: ReportData): Html {
  const time = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::[\d.]+)?Z$/.exec(data.createdAt);
  // How answers are read has a line of its own.
  const description = data.task.description.replace(`, answers read as ${data.task.answerKind}`, "");
  const facts: [string, Html][] = [
    ["Task", `${label(taskOf(data))}${description === "" ? "" : ` – ${label(description, 400)}`}`],
    [
      "Answers",
      `read as ${label(data.task.answerKind)}${data.task.chance === undefined ? "" : `; chance ${percent(data.task.chance)}`}`,
    ],
    [
      "Data",
      `${plural(data.data.trainProblems, "training problem")} with ${plural(data.data.trainRationales, "rationale")}, ` +
        `${decimal(data.data.devProblems)} dev, ${decimal(data.data.testProblems)} test`,
    ],
    [
      "Rationales",
      `${decimal(data.data.meanSteps, 1)} steps and ${decimal(data.data.meanRationaleTokens, 1)} tokens on average`,
    ],
    [
      "Student",
      `${label(data.student.name)} (${label(data.student.family)}), ${compact(data.student.parameters)} parameters, ` +
        `vocabulary ${decimal(data.student.vocabularySize)}, context ${decimal(data.student.contextLength)}`,
    ],
    ["Budget", label(data.budget + startsInBudget(data.methods), 400)],
    ["Seed", decimal(data.seed).replaceAll(",", "")],
    ["Made", time ? `${time[1]} ${time[2]} UTC` : label(data.createdAt)],
    ["Command", `<code>${label(data.command, 600)}</code>`],
  ];
  const versions = Object.entries(data.versions);
  if (versions.length > 0) {
    const list = versions
      .slice(0, maxNotes)
      .map(([name, version]) => `${label(name, 40)} ${label(version, 40)}`);
    facts.push(["Versions", list.join(" · ")]);
  }
  const notes = data.data.notes.slice(0, maxNotes).map((note) => `<li>${label(note, 600)}</li>`);
  return (
    `<section id="run"><h2>The run</h2><dl class="facts">${facts
      .map(([name, value]) => `<div><dt>${name}</dt><dd>${value === "" ? missing : value}</dd></div>`)
      .join("")}</dl>` +
    (notes.length > 0 ? `<h3>Notes on the data</h3><ul class="notes">${notes.join("")}</ul>` : "") +
    cutNote(notes.length, data.data.notes.length, "notes") +
    `</section>`
  );
}
