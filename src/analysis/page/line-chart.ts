/** Lines or dots over two numeric axes, either of which may go below zero; the report's own curves start at zero. */
import { axes, type Box, bothSizes, narrowBox, px, svg, wideBox } from "../../report/charts/frame.ts";
import { linearScale, logScale } from "../../report/charts/scale.ts";
import { escapeHtml, type Html } from "../../report/html.ts";
import type { MethodLook } from "../../report/palette.ts";

export interface Series {
  look: Pick<MethodLook, "name" | "colour" | "marker">;
  points: { x: number; y: number }[];
  kind: "line" | "dots";
}

export interface LineChart {
  xTitle: string;
  yTitle: string;
  description: string;
  height: number;
  /** Logarithmic where all values are above zero and span more than a factor of 12. */
  y?: "linear" | "auto";
  xFormat?: (tick: number, step: number) => string;
  yFormat?: (tick: number, step: number) => string;
  /** Ends that the axes have even where no point is. */
  xEnds?: [number, number];
  yEnds?: [number, number];
}

/** Points that are not finite are left out; nothing is drawn where none is left. */
export function lineChart(series: readonly Series[], chart: LineChart): Html {
  const drawn = series
    .map((one) => ({
      ...one,
      points: one.points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
    }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return "";
  return bothSizes((kind) => {
    const box = kind === "wide" ? wideBox(chart.height) : narrowBox(Math.min(chart.height, 300));
    return svg(box.width, box.height, chart.description, draw(box, drawn, chart), kind);
  });
}

function draw(box: Box, series: readonly Series[], chart: LineChart): Html {
  const [left, right] = ends(
    series.flatMap(({ points }) => points.map(({ x }) => x)).concat(chart.xEnds ?? []),
  );
  const [low, high] = ends(
    series.flatMap(({ points }) => points.map(({ y }) => y)).concat(chart.yEnds ?? []),
  );
  const x = linearScale(left, right, box.xTicks, [box.left, box.right], chart.xFormat);
  const logarithmic = chart.y === "auto" && low > 0 && high / low > 12;
  const y = logarithmic
    ? logScale(low, high, 8, [box.bottom, box.top])
    : linearScale(low, high, box.yTicks, [box.bottom, box.top], chart.yFormat);
  const parts = [axes(box, x, y, chart.xTitle, logarithmic ? `${chart.yTitle}, log scale` : chart.yTitle)];
  for (const { look, points, kind } of series) {
    const at = points.map((point) => [px(x.at(point.x)), px(y.at(point.y))] as const);
    const content =
      kind === "line" && at.length > 1
        ? `<polyline class="line" points="${at.map((pair) => pair.join(" ")).join(" ")}"/>`
        : at
            .map(([cx, cy]) => `<path class="dot" transform="translate(${cx} ${cy})" d="${look.marker}"/>`)
            .join("");
    parts.push(`<g class="${look.colour}"><title>${escapeHtml(look.name)}</title>${content}</g>`);
  }
  return parts.join("");
}

function ends(values: readonly number[]): [number, number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
