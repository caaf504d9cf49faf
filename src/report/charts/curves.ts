/** Line charts of a measure over training, one line per method, against one of several x axes. */
import { escapeHtml, type Html } from "../html.ts";
import { maxCurvePoints } from "../limits.ts";
import { tickLabel } from "../numbers.ts";
import type { MethodLook } from "../palette.ts";
import { axes, type Box, bothSizes, narrowBox, px, svg, wideBox } from "./frame.ts";
import { linearScale, logScale } from "./scale.ts";

export interface Curve {
  look: MethodLook;
  points: { x: number; y: number }[];
}

export interface CurveChart {
  xTitle: string;
  yTitle: string;
  description: string;
  height: number;
  /** Turns logarithmic by itself where the values span more than a factor of 12. */
  y: "loss" | "share";
}

/** Points with finite coordinates, averaged in equal groups where there are more than a chart can show. */
export function thin(
  points: { x: number; y: number }[],
  most: number = maxCurvePoints,
): { x: number; y: number }[] {
  const finite = points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  const group = Math.ceil(finite.length / most);
  if (group <= 1) return finite;
  const thinned: { x: number; y: number }[] = [];
  for (let start = 0; start < finite.length; start += group) {
    const members = finite.slice(start, start + group);
    thinned.push({
      x: members.reduce((sum, point) => sum + point.x, 0) / members.length,
      y: members.reduce((sum, point) => sum + point.y, 0) / members.length,
    });
  }
  return thinned;
}

/** Nothing where no curve has a point. */
export function curveChart(curves: Curve[], chart: CurveChart): Html {
  const drawn = curves
    .map((curve) => ({ ...curve, points: thin(curve.points) }))
    .filter((c) => c.points.length > 0);
  if (drawn.length === 0) return "";
  return bothSizes((kind) => {
    const box = kind === "wide" ? wideBox(chart.height) : narrowBox(Math.min(chart.height, 300));
    return svg(box.width, box.height, chart.description, draw(box, drawn, chart), kind);
  });
}

function draw(box: Box, curves: Curve[], chart: CurveChart): Html {
  const xs = curves.flatMap((curve) => curve.points.map((point) => point.x));
  const ys = curves.flatMap((curve) => curve.points.map((point) => point.y));
  // reduce, not Math.min(...): tens of thousands of arguments overflow the stack.
  const [lowest, highest] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
  const longest = xs.reduce((a, b) => Math.max(a, b), 0);
  const x = linearScale(0, longest > 0 ? longest : 1, box.xTicks, [box.left, box.right]);
  const logarithmic = chart.y === "loss" && lowest > 0 && highest / lowest > 12;
  const y = logarithmic
    ? logScale(lowest, highest, 8, [box.bottom, box.top])
    : linearScale(
        chart.y === "loss" ? Math.min(0, lowest) : lowest,
        highest,
        box.yTicks,
        [box.bottom, box.top],
        chart.y === "share" ? (tick) => `${tickLabel(tick * 100, 1)}%` : undefined,
      );
  const parts = [axes(box, x, y, chart.xTitle, logarithmic ? `${chart.yTitle}, log scale` : chart.yTitle)];
  for (const curve of curves) {
    const at = curve.points.map((point) => `${px(x.at(point.x))} ${px(y.at(point.y))}`);
    const last = curve.points.at(-1)!;
    parts.push(
      `<g class="${curve.look.colour}"><title>${escapeHtml(curve.look.name)}</title>` +
        (at.length > 1 ? `<polyline class="line" points="${at.join(" ")}"/>` : "") +
        `<path class="dot" transform="translate(${px(x.at(last.x))} ${px(y.at(last.y))})" d="${curve.look.marker}"/></g>`,
    );
  }
  return parts.join("");
}
