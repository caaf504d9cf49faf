/**
 * The frame of a chart: size, grid, axes, labels. Hand-written SVG, because a chart library's runtime (vega: several
 * MB) would be most of the file for a few simple charts, and because plain elements take their colours from the page's
 * style sheet, so one drawing serves the light scheme, the dark scheme and print.
 *
 * Every chart is drawn twice, wide and narrow: an SVG scaled down to a phone would have unreadable labels. The style
 * sheet shows the one that fits.
 */
import { escapeHtml, type Html } from "../html.ts";
import type { Scale } from "./scale.ts";

export interface Box {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Intervals that fit on the axes without crowding. */
  xTicks: number;
  yTicks: number;
}

export function wideBox(height = 400): Box {
  return { width: 960, height, left: 52, right: 944, top: 34, bottom: height - 46, xTicks: 9, yTicks: 6 };
}

export function narrowBox(height = 320): Box {
  return { width: 372, height, left: 42, right: 362, top: 34, bottom: height - 44, xTicks: 5, yTicks: 5 };
}

/** A coordinate with two decimals: enough for a pixel, and it keeps the file small. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Grid, ticks and axis titles. The y title stands above the axis, horizontally, where it can be read. */
export function axes(box: Box, x: Scale, y: Scale, xTitle: string, yTitle: string): Html {
  const parts: string[] = [];
  for (const tick of y.ticks) {
    const at = px(y.at(tick));
    parts.push(`<line class="grid" x1="${box.left}" x2="${box.right}" y1="${at}" y2="${at}"/>`);
    parts.push(
      `<text class="tick" x="${box.left - 8}" y="${at}" dy="0.32em" text-anchor="end">${escapeHtml(y.format(tick))}</text>`,
    );
  }
  for (const tick of x.ticks) {
    const at = px(x.at(tick));
    parts.push(`<line class="axis" x1="${at}" x2="${at}" y1="${box.bottom}" y2="${box.bottom + 5}"/>`);
    parts.push(
      `<text class="tick" x="${at}" y="${box.bottom + 19}" text-anchor="middle">${escapeHtml(x.format(tick))}</text>`,
    );
  }
  parts.push(
    `<line class="axis" x1="${box.left}" x2="${box.right}" y1="${box.bottom}" y2="${box.bottom}"/>`,
    `<text class="axis-title" x="${box.right}" y="${box.height - 6}" text-anchor="end">${escapeHtml(xTitle)}</text>`,
    `<text class="axis-title" x="0" y="13">${escapeHtml(yTitle)}</text>`,
  );
  return parts.join("");
}

/** An SVG image with its description for those who cannot see it. */
export function svg(width: number, height: number, description: string, content: Html, kind = ""): Html {
  return (
    `<svg class="chart ${kind}" viewBox="0 0 ${px(width)} ${px(height)}" role="img" ` +
    `aria-label="${escapeHtml(description)}">${content}</svg>`
  );
}

/** The wide and the narrow drawing of one chart. */
export function bothSizes(draw: (kind: "wide" | "narrow") => Html): Html {
  return draw("wide") + draw("narrow");
}
