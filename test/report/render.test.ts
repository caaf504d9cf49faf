/** The whole page: sections, safety, missing parts, caps. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ReportData } from "../../src/report/data.ts";
import { maxProblems, maxTextCharacters } from "../../src/report/limits.ts";
import { renderReport } from "../../src/report/render.ts";
import type { PageData } from "../../src/report/sections/browsers.ts";
import { hostileData } from "./hostile.ts";
import { sampleData } from "./sample-data.ts";

const sections = [
  "figures",
  "run",
  "results",
  "comparisons",
  "training",
  "chunking",
  "skips",
  "rationales",
  "problems",
];

function emptyData(): ReportData {
  const data = sampleData();
  return {
    ...data,
    versions: {},
    data: { ...data.data, notes: [] },
    task: { ...data.task, chance: undefined },
    methods: {},
    comparisons: [],
    lossCurves: [],
    chunking: { count: 0, history: [] },
    skips: {
      rationales: 0,
      candidates: 0,
      skipped: 0,
      share: 0,
      meanTokensBefore: 0,
      meanTokensAfter: 0,
      wrongWhenWhole: 0,
    },
    rationales: [],
    problems: [],
  };
}

function dataOf(html: string): PageData {
  return JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!);
}

/** Everything the page could be shown wrong by: figures that were not there. */
function expectNoLeftOvers(html: string): void {
  const shown = html.replace(/<script>.*?<\/script>/s, "");
  expect(shown).not.toMatch(/NaN|undefined|Infinity|\[object/);
}

describe("renderReport", () => {
  it("has every section, once, and a link to it", () => {
    for (const data of [sampleData(), emptyData()]) {
      const html = renderReport(data);
      for (const id of sections) {
        expect(html.split(`<section id="${id}">`), id).toHaveLength(2);
        expect(html).toContain(`<a href="#${id}">`);
      }
      expectNoLeftOvers(html);
    }
  });

  it("is the same for the same data", () => {
    expect(renderReport(sampleData())).toBe(renderReport(sampleData()));
  });

  it("states the outcome from the figures", () => {
    const html = renderReport(sampleData());
    expect(html).toContain(
      "With stt it answers 69.6% of them, 7.8 points above full, and writes 47% fewer tokens.",
    );
    expect(html).toContain("The difference in accuracy is significant (McNemar, p = 0.001).");
    const data = sampleData();
    data.methods.stt!.accuracy = 0.6;
    data.methods.stt!.meanGeneratedTokens = 130;
    data.comparisons = [
      { first: "stt", second: "full", onlyFirstRight: 10, onlySecondRight: 19, pValue: 0.136 },
    ];
    const worse = renderReport(data);
    expect(worse).toContain(
      "With stt it answers 60.0% of them, 1.8 points below full, and writes 10% more tokens.",
    );
    expect(worse).toContain("The difference in accuracy is not significant (McNemar, p = 0.136).");
    expect(worse).toContain("Tokens added");
  });

  it("names the task of a run whose title does not, such as a cell of an experiment", () => {
    const data = sampleData();
    expect(renderReport(data)).toContain(`<title>${data.title}</title>`);
    const title = "Four real data sets";
    const kind = "tracking_shuffled_objects";
    const description = `Own data, answers read as ${kind}.`;
    const task = { name: title, description, answerKind: kind, chance: 0.333 };
    const own = renderReport({ ...data, title, task });
    for (const text of [
      `<title>${title} · ${kind}</title>`,
      `<h1>${title} · ${kind}</h1>`,
      `learned <strong>${kind}`,
    ])
      expect(own).toContain(text);
    // Once is enough.
    expect(own.split(`read as ${kind}`).length).toBe(2);
    const named = "Tracking shuffled objects (mentor-kd)";
    expect(renderReport({ ...data, title: named, task: { ...task, name: named } })).toContain(
      `<h1>${named}</h1>`,
    );
    const builtin = { ...data, title: "Study", task: { ...data.task, name: "coin_flip" } };
    expect(renderReport(builtin)).toContain("<h1>Study · coin_flip</h1>");
  });

  it("says what of a method's training is that of the student it starts from", () => {
    const data = sampleData();
    const html = renderReport(data);
    expect(html).toContain(
      "Of the steps and trained tokens of stt and stt-random, 7,200 and 2.0M are those of cwt-sbc, whose student they start from",
    );
    expect(html).toContain("stt and stt-random on top of cwt-sbc&#39;s");
    const { stt: _, "stt-random": __, ...others } = data.methods;
    expect(renderReport({ ...data, methods: others })).not.toContain("on top of");
  });

  it("does not compare with a method that was trained on less without saying so", () => {
    const data = sampleData();
    // 2 % more is as many.
    expect(renderReport(data)).not.toMatch(/trained on \d/);
    data.methods.full!.trainedTokens = data.methods.stt!.trainedTokens / 1.43;
    const html = renderReport(data);
    expect(html).toContain("47% fewer tokens. It was trained on 43% more tokens.");
    expect(html).toContain("+7.8 points against full, trained on 43% more tokens");
    data.methods.full!.trainedTokens = data.methods.stt!.trainedTokens / 3;
    expect(renderReport(data)).toContain("trained on 3.0 times as many tokens");
  });

  it("never lets a hostile text become markup", () => {
    const html = renderReport(hostileData(sampleData()));
    expect(html).not.toContain("<img");
    // The page's own: title, style, data script, script; nothing closes or opens more of them.
    for (const tag of ["<script", "</script", "<style", "</style", "<title>", "</title"]) {
      const own = { "<script": 2, "</script": 2, "<style": 1, "</style": 1 }[tag];
      if (own !== undefined) expect(html.split(tag), tag).toHaveLength(own + 1);
    }
    expect(html.split("</head>")[0]!.split("<title>")).toHaveLength(2);
    expect(html).not.toMatch(/<!--/);
    // Inside every tag, quotes come in pairs and no handler attribute exists.
    for (const [tag] of html.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "").matchAll(/<[a-z][^>]*>/g)) {
      expect(tag.split('"').length % 2, tag).toBe(1);
      expect(tag.slice(1).replace(/"[^"]*"/g, ""), tag).not.toMatch(/\son\w+|'|</);
    }
    expect(dataOf(html).problems.items.length).toBeGreaterThan(0);
  });

  it("allows its own script and style and nothing else", () => {
    const html = renderReport(sampleData());
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
    const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src ${hash(/<script>(.*?)<\/script>/s.exec(html)![1]!)};`);
    expect(policy).toContain(`style-src ${hash(/<style>(.*?)<\/style>/s.exec(html)![1]!)};`);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    // The policy would block style attributes, and nothing may point outside.
    expect(html).not.toMatch(/<[^>]*\sstyle=/);
    expect(html).not.toMatch(/(?:src|href)="(?!#|data:,")/);
    expect(html).not.toMatch(/url\(|@import/);
  });

  it("shows what others published beside the run's own table", () => {
    const html = renderReport(sampleData());
    expect(html).toContain("Published figures on the same data");
    expect(html).toMatch(/GPT-2 124M<.*38\.7.*Ho et al\., ACL 2023/s);
  });

  it("works with one method, no roles and no optional figures", () => {
    const data = sampleData();
    const { accuracy, accuracyStandardError, accuracyInterval, ...others } = data.methods.full!;
    const { devAccuracy: _a, selectedEpoch: _b, speedUp: _c, bestOnTest: _d, ...required } = others;
    const { precision: _e, recall: _f, byRole: _g, ...skips } = data.skips;
    const { published: _h, ...unpublished } = data;
    const html = renderReport({
      ...unpublished,
      methods: { mine: { accuracy, accuracyStandardError, accuracyInterval, ...required } },
      comparisons: [],
      lossCurves: [{ method: "mine", points: [{ step: 1, trainedTokens: 10, seconds: 1, loss: 2 }] }],
      skips,
      rationales: data.rationales.map(
        ({ whole: _w, objectiveBefore: _x, objectiveAfter: _y, ...rationale }) => ({
          ...rationale,
          boundariesBefore: [],
          steps: rationale.steps.map(({ text }) => ({ text })),
          chunks: rationale.chunks.map(({ meanNll: _n, studentAnswer: _s, ...chunk }) => chunk),
        }),
      ),
      problems: data.problems.map((problem) => ({ ...problem, outputs: {} })),
    });
    expectNoLeftOvers(html);
    expect(html).not.toContain("Best on");
    expect(html).not.toContain("Published figures");
    expect(html).not.toContain("Precision");
    expect(html).not.toContain("Dev<br>");
    expect(dataOf(html).rationales.items[0]!.chunks[0]!.heat).toBe(-1);
  });

  it("shows a dash for figures that are not finite", () => {
    const data = sampleData();
    data.methods.full!.secondsPerProblem = Number.NaN;
    data.methods.full!.meanGeneratedTokens = Number.POSITIVE_INFINITY;
    data.methods.full!.accuracyInterval = [Number.NaN, Number.NaN];
    data.skips.meanTokensBefore = Number.NaN;
    expectNoLeftOvers(renderReport(data));
    // report.json stores them as null.
    expectNoLeftOvers(renderReport(JSON.parse(JSON.stringify(data))));
  });

  it("cuts what is too long or too many and says so", () => {
    const data = sampleData();
    const long = "x".repeat(50_000);
    const problem = {
      ...data.problems[0]!,
      outputs: { full: { ...data.problems[0]!.outputs.full!, text: `${long}--> 5`, answer: "5" } },
    };
    const html = renderReport({
      ...data,
      problems: Array.from({ length: maxProblems + 200 }, () => problem),
    });
    const { items } = dataOf(html).problems;
    expect(items).toHaveLength(maxProblems);
    const [output] = items[0]!.outputs;
    expect(output!.text.length).toBeLessThan(maxTextCharacters + 60);
    expect(output!.text).toMatch(/\[… \d+ characters cut …\]/);
    expect(output!.text.slice(output!.start, output!.end)).toBe("5");
    expect(html).toContain(`Cut: ${maxProblems} of ${maxProblems + 200} problems are shown`);
    expect(html.length).toBeLessThan(3_000_000);
  });

  it("bounds a browser's size by its characters too", () => {
    const data = sampleData();
    const text = "word ".repeat(10_000);
    const outputs = Object.fromEntries(
      Object.entries(data.problems[0]!.outputs).map(([name, output]) => [name, { ...output, text }]),
    );
    const html = renderReport({
      ...data,
      problems: Array.from({ length: 250 }, () => ({ ...data.problems[0]!, outputs })),
    });
    expect(dataOf(html).problems.items.length).toBeLessThan(100);
    expect(html).toMatch(/Cut: \d+ of 250 problems are shown/);
  });
});

describe("filters of the browsers", () => {
  it("pick the items they name", () => {
    const data = sampleData();
    const { rationales, problems } = dataOf(renderReport(data));
    const items = (views: PageData["problems"]["views"], start: string): number[] =>
      views.find((view) => view.label.startsWith(start))!.items;
    expect(items(problems.views, "full wrong, stt right")).toEqual(
      data.problems.flatMap((p, i) => (!p.outputs.full!.correct && p.outputs.stt!.correct ? [i] : [])),
    );
    expect(items(problems.views, "all right")).toEqual(
      data.problems.flatMap((p, i) => (Object.values(p.outputs).every((o) => o.correct) ? [i] : [])),
    );
    expect(items(rationales.views, "only with skips")).toEqual(
      data.rationales.flatMap((r, i) => (r.chunks.some((chunk) => chunk.skipped) ? [i] : [])),
    );
    expect(items(rationales.views, "only where the student was wrong")).toEqual([5, 12, 19, 26, 33]);
    for (const view of [...problems.views, ...rationales.views])
      expect(view.label).toContain(`(${view.items.length})`);
  });
});
