/** Curves side by side, one panel each, both axes logarithmic and the y axis shared: a plain SVG file for the documentation. */
import { escapeHtml } from "../src/report/html.ts";

export interface Curve {
  /** Under the panel. */
  title: string;
  /** Above 0, x rising. */
  points: readonly { x: number; y: number }[];
}

const [panelWidth, panelHeight, left, top] = [250, 220, 60, 46];

export function curvesSvg(title: string, curves: readonly Curve[]): string {
  const y = logAxis(
    curves.flatMap(({ points }) => points.map((point) => point.y)),
    top + panelHeight,
    top,
  );
  const panels = curves.map((curve, i) => panel(curve, left + i * (panelWidth + 40), y));
  const width = left + curves.length * (panelWidth + 40);
  const ticks = y.ticks.map(
    (tick) => `<text x="${left - 8}" y="${round(y.at(tick))}" dy="0.32em" text-anchor="end">${tick}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + panelHeight + 60}" font-family="sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="#fff"/><text x="8" y="20" font-size="14">${escapeHtml(title)}</text>` +
    `${ticks.join("")}${panels.join("")}</svg>\n`
  );
}

function panel({ title, points }: Curve, start: number, y: Axis): string {
  const x = logAxis(
    points.map((point) => point.x),
    start + 12,
    start + panelWidth - 12,
  );
  const grid = y.ticks.map((tick) => {
    const at = round(y.at(tick));
    return `<line x1="${start}" x2="${start + panelWidth}" y1="${at}" y2="${at}" stroke="#ddd"/>`;
  });
  const bottom = top + panelHeight;
  const marks = points.map(({ x: value, y: height }) => {
    const [column, row] = [round(x.at(value)), round(y.at(height))];
    const label = Number(value.toPrecision(3));
    return (
      `<circle cx="${column}" cy="${row}" r="3.5" fill="#2563a8"/>` +
      `<text x="${column}" y="${bottom + 18}" text-anchor="middle">${label}</text>`
    );
  });
  const line = points.map((point) => `${round(x.at(point.x))},${round(y.at(point.y))}`).join(" ");
  return (
    `<g>${grid.join("")}<line x1="${start}" x2="${start + panelWidth}" y1="${bottom}" y2="${bottom}" stroke="#555"/>` +
    `<polyline points="${line}" fill="none" stroke="#2563a8" stroke-width="2"/>${marks.join("")}` +
    `<text x="${start + panelWidth / 2}" y="${bottom + 42}" text-anchor="middle">${escapeHtml(title)}</text></g>`
  );
}

interface Axis {
  /** 1, 2 and 5 of each decade within the values. */
  ticks: number[];
  at(value: number): number;
}

function logAxis(values: readonly number[], from: number, to: number): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = Math.log(high / low) || 1;
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const digit of [1, 2, 5]) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  return { ticks, at: (value) => from + ((to - from) * Math.log(value / low)) / span };
}

const round = (value: number): number => Math.round(value * 10) / 10;
