/** inspect.html: everything is there, nothing of a text gets out of its place. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { InspectData } from "../../src/analysis/data.ts";
import { lineChart } from "../../src/analysis/page/line-chart.ts";
import { renderInspection } from "../../src/analysis/page/render.ts";
import { summarize } from "../../src/analysis/summary.ts";
import { hostileText } from "../report/hostile.ts";
import { sampleInspection } from "./sample-inspection.ts";

describe("the inspection's page", () => {
  const page = renderInspection(sampleInspection());

  it("shows the figures of every part", () => {
    expect(page).toContain(
      "<strong>7.5%</strong> of the rationale tokens decide the gold answer of coin_flip",
    );
    expect(page).toContain("<strong>6.0%</strong> under full and <strong>15.0%</strong> under cwt-sbc");
    expect(page).toContain('<mark title="replaced by “ heads”: −7.25 nats"> tails</mark>');
    expect(page).toContain("reasoning: 12 of 50 tokens are core");
    expect(page).toContain("cwt-sbc, chunk 2");
    expect(page).toContain("3 lost: 2 × another answer, 1 × no answer to read.");
    expect(page).toContain("Loss along 2 random directions around the minima of full and cwt-sbc");
    expect(page.match(/<svg class="chart wide"/g)!.length).toBeGreaterThanOrEqual(5);
  });

  it("is the same for the same data and never shows a number that is none", () => {
    expect(renderInspection(sampleInspection())).toBe(page);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("draws shares from zero upwards, also where no token is core", () => {
    const { core, steps, ...rest } = sampleInspection();
    const none = renderInspection({
      ...rest,
      core: { ...core, byTenth: core.byTenth.map((count) => ({ ...count, core: 0, share: 0 })) },
      steps: steps.map((one) => ({
        ...one,
        shares: one.shares.map((share) => ({ ...share, lossShare: 0 })),
      })),
    });
    // A cosine's axis may go below zero; its ticks are no percentages.
    expect(none).not.toMatch(/>[-−]\d+(\.\d+)?%</);
    expect(none).toContain(">1.0%<");
  });

  it("draws skips by role against the lot, and right answers by length", () => {
    const section = (id: string): string => page.split(`<section id="${id}">`)[1]!.split("</section>")[0]!;
    const [, name, truth] = /aria-label="(precision): (Probed: [^"]*)"/.exec(section("skips"))!;
    const { skips } = sampleInspection();
    const share = (value: number): string => `${(100 * value).toFixed(1)}%`;
    expect([name, truth]).toEqual([
      "precision",
      `Probed: ${share(skips!.probed.precision!)}, By lot: ${share(skips!.random.precision!)}`,
    ]);
    expect(section("skips").match(/class="bar-row pair"/g)).toHaveLength(2 + skips!.probed.byRole.length);
    expect(section("skips")).toContain(`${share(skips!.probed.precision!)} against `);
    expect(section("lost")).toContain('aria-label="20 to 40: full: 70.0%, stt: 60.0%"');
    expect(section("lost")).toContain('70.0% → 60.0%</b> <span class="quiet">of 10, −10.0 points');
  });

  it("draws no empty chart where no step holds a core token", () => {
    const { steps, ...rest } = sampleInspection();
    const none = renderInspection({
      ...rest,
      steps: steps.map((one) => ({
        ...one,
        shares: one.shares.map((share) => ({ ...share, tokenShare: 0, lossShare: 0 })),
        gradients: [],
      })),
    });
    expect(none).toContain("None of these rationales holds a core token");
    expect(none).not.toContain("step by step");
    expect(page).toContain("step by step");
  });

  it("holds no script, and its policy allows its own style sheet alone", () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!;
    const hash = createHash("sha256").update(style).digest("base64");
    expect(page).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
    expect(page).not.toContain("<script");
    expect(page).not.toMatch(/(?:src|href)="(?!#|data:,)/);
  });

  it("keeps hostile texts as texts", () => {
    const closed = new Set(["role", "failure", "stage", "view", "method", "markedBy"]);
    const walk = (value: unknown, key: string): unknown => {
      if (typeof value === "string") return closed.has(key) ? value : hostileText + value;
      if (Array.isArray(value)) return value.map((item) => walk(item, key));
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item, name)]));
    };
    const hostile = renderInspection(walk(sampleInspection(), "") as InspectData);
    expect(hostile).toContain("&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
    expect(hostile).not.toMatch(/<script|<img|onerror="|<!--/);
    // Charts have titles of their own.
    expect(hostile.match(/<\/title>/g)).toHaveLength(hostile.match(/<title>/g)!.length);
    expect(hostile.match(/<\/style>/g)).toHaveLength(1);
  });

  it("says what a run without these parts lacks", () => {
    const { skips: _, ...rest } = sampleInspection();
    const { byRole: _roles, ...core } = rest.core;
    const bare = renderInspection({
      ...rest,
      core: { ...core, examples: [], byTenth: core.byTenth.map(() => ({ tokens: 0, core: 0, share: 0 })) },
      steps: [],
      sharpness: [],
      lost: [],
    });
    expect(bare.match(/class="empty"/g)).toHaveLength(4);
    expect(bare).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("the summary", () => {
  it("has means over steps, and rises against the minimum", () => {
    const { steps, sharpness } = summarize(sampleInspection());
    const [full, cwt] = steps;
    expect(full!.lossShare.mean).toBeCloseTo(0.06, 12);
    expect(full!.lossShare.standardError).toBeCloseTo(0.01, 12);
    expect(cwt).toMatchObject({
      stepsWithoutCore: 1,
      cosine: { values: 1, mean: 0.9 },
      coreGradientNorm: { mean: 1 },
    });
    // Curvatures 1 and 2 along the two directions.
    expect(sharpness[1]!.riseAtEnd).toBeCloseTo(1.5 * 0.25, 12);
    expect(sharpness[1]!.riseHalfway).toBeCloseTo(1.5 * 0.0625, 12);
    expect(sharpness[0]!.balls[1]).toEqual({ radius: 0.02, rise: 0.8 });
  });
});

describe("a line chart", () => {
  const look = { name: "one", colour: "m1", marker: "M0 0h1" };
  const chart = { xTitle: "x", yTitle: "y", description: "d", height: 300 };

  it("has room for negative coordinates", () => {
    const drawn = lineChart(
      [
        {
          look,
          kind: "line",
          points: [
            { x: -1, y: -2 },
            { x: 1, y: 2 },
          ],
        },
      ],
      chart,
    );
    const [from, to] = /points="([\d.]+ [\d.]+) ([\d.]+ [\d.]+)"/
      .exec(drawn)!
      .slice(1)
      .map((pair) => pair.split(" ").map(Number));
    expect(from![0]).toBeCloseTo(52);
    expect(to![0]).toBeCloseTo(944);
    expect(from![1]).toBeGreaterThan(to![1]!);
  });

  it("leaves out what is no number, and is empty without points", () => {
    const points = [
      { x: 0, y: Number.NaN },
      { x: 1, y: Number.POSITIVE_INFINITY },
    ];
    expect(lineChart([{ look, kind: "dots", points }], chart)).toBe("");
    expect(
      lineChart([{ look, kind: "dots", points: [...points, { x: 2, y: 3 }] }], chart).match(/class="dot"/g),
    ).toHaveLength(2);
  });
});
