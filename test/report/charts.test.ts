/** Scales, charts and small pictures: every mark lies where its number says, inside the drawing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accuracyTokensChart } from "../../src/report/charts/accuracy-tokens.ts";
import { chunkOf, intervalBar, intervalScale, shareBar, stepStrip } from "../../src/report/charts/bars.ts";
import { curveChart, thin } from "../../src/report/charts/curves.ts";
import { linearScale, logScale } from "../../src/report/charts/scale.ts";
import { percentTick } from "../../src/report/numbers.ts";
import { methodLooks } from "../../src/report/palette.ts";
import { sampleData } from "./sample-data.ts";

const data = sampleData();
const looks = methodLooks(data);

describe("scales", () => {
  it("end at round numbers around the data", () => {
    const scale = linearScale(0.174, 0.742, 6, [0, 100]);
    expect(scale.ticks).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
    expect(scale.ticks.map(scale.format)).toEqual(["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"]);
    expect(linearScale(0, 9600, 9, [0, 1]).ticks.map(linearScale(0, 9600, 9, [0, 1]).format)).toContain("8k");
    expect(linearScale(0, 1, 4, [0, 1]).ticks.map(linearScale(0, 1, 4, [0, 1]).format)).toEqual([
      "0.00",
      "0.25",
      "0.50",
      "0.75",
      "1.00",
    ]);
  });

  it("go through 1, 2, 5 of each decade when logarithmic", () => {
    const scale = logScale(0.06, 5.7, 8, [0, 1]);
    expect(scale.ticks.map(scale.format)).toEqual(["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"]);
    expect(scale.at(0.05)).toBe(0);
    expect(scale.at(10)).toBe(1);
    expect(scale.at(Math.sqrt(0.05 * 10))).toBeCloseTo(0.5);
  });

  it("write shares with the decimals that tell their ticks apart", () => {
    const labels = (high: number): string[] => {
      const scale = linearScale(0, high, 5, [0, 1], percentTick);
      return scale.ticks.map(scale.format);
    };
    expect(labels(1)).toEqual(["0%", "20%", "40%", "60%", "80%", "100%"]);
    expect(labels(0.0072)).toEqual(["0.0%", "0.2%", "0.4%", "0.6%", "0.8%"]);
    expect(labels(0.1)).toEqual(["0%", "2%", "4%", "6%", "8%", "10%"]);
    expect(labels(0.125)).toEqual(["0.0%", "2.5%", "5.0%", "7.5%", "10.0%", "12.5%"]);
  });

  it("hold any finite data between their ends, in order", () => {
    const finite = fc
      .double({ min: -1e9, max: 1e9, noNaN: true })
      .map((value) => (Math.abs(value) < 1e-9 ? 0 : value));
    fc.assert(
      fc.property(finite, finite, fc.integer({ min: 2, max: 10 }), (one, other, count) => {
        // Differences below the precision of the numbers themselves cannot have ticks.
        fc.pre(
          one === other || Math.abs(one - other) > 1e-6 * Math.max(Math.abs(one), Math.abs(other), 1e-6),
        );
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const scale = linearScale(low, high, count, [0, 1000]);
        const rounding = (high - low + Math.abs(low)) * 1e-6;
        expect(scale.low).toBeLessThanOrEqual(low + rounding);
        expect(scale.high).toBeGreaterThanOrEqual(high - rounding);
        expect(scale.ticks.length).toBeGreaterThanOrEqual(2);
        expect(scale.ticks.length).toBeLessThanOrEqual(count + 3);
        for (const value of [low, high]) {
          expect(scale.at(value)).toBeGreaterThanOrEqual(0);
          expect(scale.at(value)).toBeLessThanOrEqual(1000);
        }
        expect(scale.at(low)).toBeLessThanOrEqual(scale.at(high));
      }),
    );
  });
});

describe("accuracy against tokens", () => {
  const html = accuracyTokensChart(looks, data.methods, data.task.chance);
  const [wide = "", narrow = ""] = html.split('class="chart narrow"');

  it("puts every method inside the plot, better ones higher and cheaper ones further left", () => {
    for (const [drawing, box] of [
      [wide, { left: 52, right: 944, top: 34, bottom: 354 }],
      [narrow, { left: 42, right: 362, top: 34, bottom: 286 }],
    ] as const) {
      const dots = [...drawing.matchAll(/data-x="([^"]+)" data-y="([^"]+)"/g)].map((m) => [
        Number(m[1]),
        Number(m[2]),
      ]);
      expect(dots).toHaveLength(looks.length);
      for (const [x, y] of dots) {
        expect(x).toBeGreaterThanOrEqual(box.left);
        expect(x).toBeLessThanOrEqual(box.right);
        expect(y).toBeGreaterThanOrEqual(box.top);
        expect(y).toBeLessThanOrEqual(box.bottom);
      }
      const at = (name: string) => dots[looks.findIndex((look) => look.name === name)]!;
      expect(at("stt")[0]).toBeLessThan(at("full")[0]!);
      expect(at("stt")[1]).toBeLessThan(at("full")[1]!);
    }
    expect(html).toContain("chance 1.2%");
  });

  /** Two markers at one height, with room for both labels between them only where letters are narrow. */
  const close = {
    "answer-only": [3, 0.61],
    full: [97.4, 0.56],
    "cwt-ac": [98.7, 0.66],
    "cwt-sbc": [97.9, 0.675],
    stt: [74.4, 0.845],
    "stt-random": [76.7, 0.675],
  };

  it.each([
    ["of the sample", undefined],
    ["that would meet half-way", close],
  ])("keeps labels apart %s", (_which, figures) => {
    const moved = Object.entries(figures ?? {}).map(([name, [meanGeneratedTokens = 0, accuracy = 0]]) => {
      const accuracyInterval: [number, number] = [accuracy - 0.065, accuracy + 0.065];
      return [name, { ...data.methods.full!, meanGeneratedTokens, accuracy, accuracyInterval }] as const;
    });
    const methods = figures === undefined ? data.methods : Object.fromEntries(moved);
    const [drawing = ""] = accuracyTokensChart(looks, methods, 0.5).split('class="chart narrow"');
    const labels = [
      ...drawing.matchAll(/dot-label[^>]* x="([^"]+)" y="([^"]+)" text-anchor="(\w+)">([^<]+)</g),
    ].map((m) => {
      const width = m[4]!.length * 9;
      const left = m[3] === "start" ? Number(m[1]) : Number(m[1]) - width;
      return { left, right: left + width, y: Number(m[2]) };
    });
    expect(labels).toHaveLength(Object.keys(methods).length);
    for (const [i, one] of labels.entries()) {
      for (const other of labels.slice(i + 1)) {
        const apart = one.right <= other.left || other.right <= one.left || Math.abs(one.y - other.y) >= 12;
        expect(apart).toBe(true);
      }
    }
  });

  it("is left out without data", () => {
    expect(accuracyTokensChart(looks, {}, 0.5)).toBe("");
  });
});

describe("curves", () => {
  it("stay inside the plot and keep the mean when thinned", () => {
    const points = Array.from({ length: 5000 }, (_, i) => ({ x: i, y: 5 * Math.exp(-i / 800) + 0.1 }));
    const thinned = thin(points, 160);
    expect(thinned.length).toBeLessThanOrEqual(160);
    const mean = (list: { y: number }[]): number =>
      list.reduce((sum, point) => sum + point.y, 0) / list.length;
    expect(mean(thinned)).toBeCloseTo(mean(points), 2);
    const html = curveChart([{ look: looks[0]!, points }], {
      xTitle: "steps",
      yTitle: "loss",
      description: "loss",
      height: 360,
      y: "loss",
    });
    expect(html).toContain("log scale");
    const drawn = /points="([^"]+)"/.exec(html)![1]!.split(/[ ]/).map(Number);
    expect(drawn).toHaveLength(thinned.length * 2);
    for (let i = 0; i < drawn.length; i += 2) {
      expect(drawn[i]).toBeGreaterThanOrEqual(52);
      expect(drawn[i]).toBeLessThanOrEqual(944);
      expect(drawn[i + 1]).toBeGreaterThanOrEqual(34);
      expect(drawn[i + 1]).toBeLessThanOrEqual(314);
    }
  });

  it("leave out points that are not finite", () => {
    expect(
      thin([
        { x: 1, y: Number.NaN },
        { x: 2, y: 3 },
      ]),
    ).toEqual([{ x: 2, y: 3 }]);
  });
});

describe("small pictures", () => {
  it("draw the interval around its point", () => {
    const scale = intervalScale([0.4, 0.6]);
    const html = intervalBar(scale, 0.5, [0.45, 0.55], undefined, looks[0]!);
    const [start, width] = /class="range" x="([^"]+)" y="5" width="([^"]+)"/.exec(html)!.slice(1).map(Number);
    expect(start! + width! / 2).toBeCloseTo(scale.at(0.5), 1);
    expect(html).not.toContain("chance");
  });

  it("clamp shares", () => {
    const widths = (html: string): number[] =>
      [...html.matchAll(/ width="([\d.]+)"/g)].map((m) => Number(m[1]));
    expect(widths(shareBar(0.25, 0.5, ""))).toEqual([160, 40]);
    expect(widths(shareBar(7, 1, ""))).toEqual([320, 320]);
    expect(widths(shareBar(Number.NaN, 1, ""))).toEqual([320, 0]);
  });

  it("know the chunk of a step", () => {
    expect([0, 1, 2, 3, 4].map((step) => chunkOf([0, 2, 3, 5], step))).toEqual([0, 0, 1, 2, 2]);
    // Boundaries that do not reach the end: the rest belongs to the last chunk.
    expect(chunkOf([0, 2, 3], 9)).toBe(1);
  });

  it("draw one box per step and one cut per inner boundary", () => {
    const [wide = ""] = stepStrip([10, 200, 30, 40], [{ label: "chunks", boundaries: [0, 1, 3, 4] }]).split(
      "narrow",
    );
    expect(wide.match(/<rect/g)).toHaveLength(4);
    expect(wide.match(/cut-line/g)).toHaveLength(2);
    const boxes = [...wide.matchAll(/<rect[^>]* x="([^"]+)"[^>]* width="([^"]+)"/g)].map((m) => [
      Number(m[1]),
      Number(m[2]),
    ]);
    for (const [x, width] of boxes) expect(x! + width!).toBeLessThanOrEqual(960);
    expect(boxes[1]![1]).toBeGreaterThan(boxes[0]![1]!);
  });
});
