/** Small pictures inside tables and lists: intervals, opposed counts, shares, strips of steps, the right/wrong grid. */
import { clipLabel, escapeHtml, type Html } from "../html.ts";
import { decimal, percent } from "../numbers.ts";
import type { MethodLook } from "../palette.ts";
import { bothSizes, px, svg } from "./frame.ts";
import { linearScale, type Scale } from "./scale.ts";

const barWidth = 128;
const inset = 6;

/** The shared accuracy axis of all interval bars of a table. */
export function intervalScale(values: number[]): Scale {
  const finite = values.filter(Number.isFinite);
  const low = finite.length === 0 ? 0 : Math.min(...finite);
  const high = finite.length === 0 ? 1 : Math.max(...finite);
  return linearScale(low, high, 3, [inset, barWidth - inset], (tick) => percent(tick, 0));
}

/** The axis drawn once, in the table's head. */
export function intervalAxis(scale: Scale): Html {
  const ends = [scale.low, scale.high];
  const labels = ends.map(
    (value, i) =>
      `<text class="tick" x="${i === 0 ? 0 : barWidth}" y="11" text-anchor="${i === 0 ? "start" : "end"}">${escapeHtml(scale.format(value))}</text>`,
  );
  return svg(
    barWidth,
    14,
    `Axis from ${percent(scale.low, 0)} to ${percent(scale.high, 0)}`,
    labels.join(""),
    "bar",
  );
}

/** Point and Wilson interval, over the chance line. */
export function intervalBar(
  scale: Scale,
  accuracy: number,
  [low, high]: [number, number],
  chance: number | undefined,
  look: MethodLook,
): Html {
  const description = `95% interval ${percent(low)} to ${percent(high)}`;
  const known = [accuracy, low, high].every(Number.isFinite);
  const line =
    chance === undefined || !Number.isFinite(chance)
      ? ""
      : `<line class="chance" x1="${px(scale.at(chance))}" x2="${px(scale.at(chance))}" y1="0" y2="20"/>`;
  const content =
    `<line class="grid" x1="${inset}" x2="${barWidth - inset}" y1="10" y2="10"/>${line}` +
    (known
      ? `<g class="${look.colour}"><rect class="range" x="${px(scale.at(low))}" y="5" width="${px(scale.at(high) - scale.at(low))}" height="10" rx="1.5"/>` +
        `<rect class="fill" x="${px(scale.at(accuracy) - 1.25)}" y="3" width="2.5" height="14"/></g>`
      : "");
  return svg(barWidth, 20, description, content, "bar");
}

/** Two counts as bars that grow away from a middle line. */
export function opposedBars(left: number, right: number, most: number, looks: [string, string]): Html {
  const middle = barWidth / 2;
  const length = (count: number): number => (most > 0 ? (Math.max(0, count) / most) * (middle - 2) : 0);
  const [a, b] = [length(left), length(right)];
  return svg(
    barWidth,
    20,
    `${decimal(left)} against ${decimal(right)}`,
    `<rect class="fill ${looks[0]}" x="${px(middle - 1 - a)}" y="4" width="${px(a)}" height="12" rx="1.5"/>` +
      `<rect class="fill ${looks[1]}" x="${px(middle + 1)}" y="4" width="${px(b)}" height="12" rx="1.5"/>` +
      `<line class="axis" x1="${px(middle)}" x2="${px(middle)}" y1="0" y2="20"/>`,
    "bar",
  );
}

/** A share as a filled part of a bar; `whole` (0 to 1) is how long the bar itself is. */
export function shareBar(share: number, whole: number, description: string): Html {
  const inside = (value: number): number => (Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0);
  const length = 320 * inside(whole);
  return svg(
    320,
    16,
    description,
    `<rect class="kept" x="0" y="2" width="${px(length)}" height="12" rx="1.5"/>` +
      `<rect class="dropped" x="0" y="2" width="${px(length * inside(share))}" height="12" rx="1.5"/>`,
    "share",
  );
}

export interface StripRow {
  label: string;
  /** Boundaries b_0..b_M over the steps. */
  boundaries: number[];
}

/**
 * Steps as boxes whose width follows their length, coloured by the chunk they are in; one row per chunking.
 * @param lengths characters of each step
 */
export function stepStrip(lengths: number[], rows: StripRow[]): Html {
  const description = rows
    .map((row) => `${row.label}: chunks end after steps ${row.boundaries.slice(1).join(", ")}`)
    .join("; ");
  return bothSizes((kind) => {
    const width = kind === "wide" ? 960 : 372;
    const rowHeight = 64;
    // Short steps keep a width that a number fits in; the square root tames the long ones.
    const sizes = lengths.map((length) => Math.sqrt(Math.max(1, length)));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const starts = sizes.map(
      (_, i) => (sizes.slice(0, i).reduce((sum, size) => sum + size, 0) / total) * width,
    );
    const parts = rows.flatMap((row, r) => {
      const top = r * rowHeight;
      const boxes = sizes.map((size, step) => {
        const chunk = chunkOf(row.boundaries, step);
        const boxWidth = (size / total) * width;
        const number =
          boxWidth >= 14
            ? `<text class="step-number" x="${px(starts[step]! + boxWidth / 2 - 0.5)}" y="${top + 41}" text-anchor="middle">${step + 1}</text>`
            : "";
        return (
          `<rect class="c${chunk % 6}" x="${px(starts[step]!)}" y="${top + 24}" width="${px(Math.max(0.5, boxWidth - 1.5))}" height="26"/>` +
          number
        );
      });
      const cuts = row.boundaries
        .slice(1, -1)
        .filter((boundary) => boundary > 0 && boundary < lengths.length)
        .map((boundary) => {
          const at = px(starts[boundary]! - 0.75);
          return `<line class="cut-line" x1="${at}" x2="${at}" y1="${top + 19}" y2="${top + 55}"/>`;
        });
      return [
        `<text class="tick" x="0" y="${top + 13}">${escapeHtml(clipLabel(row.label, 60))}</text>`,
        ...boxes,
        ...cuts,
      ];
    });
    return svg(width, rows.length * rowHeight - 6, description, parts.join(""), kind);
  });
}

/** Index of the chunk that holds a step. */
export function chunkOf(boundaries: number[], step: number): number {
  const next = boundaries.findIndex((boundary, i) => i > 0 && boundary > step);
  return next < 0 ? Math.max(0, boundaries.length - 2) : next - 1;
}

/** One column per problem, one row per method; right answers are filled. */
export function correctGrid(rows: { look: MethodLook; correct: (boolean | undefined)[] }[]): Html {
  const count = rows[0]?.correct.length ?? 0;
  if (count === 0) return "";
  const description = rows
    .map((row) => `${clipLabel(row.look.name, 40)}: ${row.correct.filter(Boolean).length} of ${count} right`)
    .join("; ");
  return bothSizes((kind) => {
    const width = kind === "wide" ? 960 : 372;
    const left = kind === "wide" ? 110 : 84;
    const cell = (width - left) / count;
    const gap = cell > 5 ? 1 : 0;
    const parts = rows.map((row, r) => {
      const top = r * 18 + 2;
      // One path per row: hundreds of rectangles would be most of the file.
      const cells = (wanted: boolean): string =>
        row.correct
          .map((correct, i) =>
            correct === wanted
              ? `M${px(left + i * cell)} ${top}h${px(cell - gap)}v14h-${px(cell - gap)}z`
              : "",
          )
          .join("");
      return (
        `<text class="tick" x="${left - 8}" y="${top + 11}" text-anchor="end">${escapeHtml(clipLabel(row.look.name, kind === "wide" ? 15 : 11))}</text>` +
        `<path class="fill ${row.look.colour}" d="${cells(true)}"/><path class="blank" d="${cells(false)}"/>`
      );
    });
    return svg(width, rows.length * 18 + 4, description, parts.join(""), kind);
  });
}
