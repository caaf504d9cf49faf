/**
 * Accuracy against generated tokens: one labelled marker per method with its Wilson interval, and the chance line. Methods
 * that were also trained with other budgets have a hollow marker for each.
 */
import type { MethodResult } from "../data.ts";
import { clipLabel, escapeHtml, type Html } from "../html.ts";
import { decimal, percent } from "../numbers.ts";
import type { MethodLook } from "../palette.ts";
import { axes, type Box, bothSizes, narrowBox, px, svg, wideBox } from "./frame.ts";
import { linearScale } from "./scale.ts";

/** Methods that were trained with another budget than the others; drawn hollow. */
export interface FurtherBudget {
  name: string;
  /** Stands behind the labels of its dots; empty where hollow says enough. */
  letter: string;
  methods: Record<string, MethodResult>;
}

interface Dot {
  look: MethodLook;
  label: string;
  /** undefined for the first budget's. */
  budget: string | undefined;
  tokens: number;
  accuracy: number;
  interval: [number, number];
}

interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Nothing where no method has both figures. */
export function accuracyTokensChart(
  looks: MethodLook[],
  methods: Record<string, MethodResult>,
  chance: number | undefined,
  further: readonly FurtherBudget[] = [],
): Html {
  const dots = [
    ...dotsOf(looks, methods, ""),
    ...further.flatMap(({ name, letter, methods: own }) => dotsOf(looks, own, letter, name)),
  ];
  if (dots.length === 0) return "";
  const description = `Accuracy against mean generated tokens. ${dots
    .map(({ look, budget, accuracy, tokens }) => {
      const name = clipLabel(look.name, 22) + (budget === undefined ? "" : ` (${clipLabel(budget, 60)})`);
      return `${name}: ${percent(accuracy)} with ${decimal(tokens)} tokens`;
    })
    .join("; ")}${chance === undefined ? "" : `; chance: ${percent(chance)}`}.`;
  return bothSizes((kind) =>
    draw(kind === "wide" ? wideBox(400) : narrowBox(330), kind, dots, chance, description),
  );
}

function dotsOf(
  looks: MethodLook[],
  methods: Record<string, MethodResult>,
  letter: string,
  budget?: string,
): Dot[] {
  return looks.flatMap((look) => {
    const result = Object.hasOwn(methods, look.name) ? methods[look.name] : undefined;
    if (result === undefined) return [];
    const { accuracy, meanGeneratedTokens: tokens } = result;
    if (!Number.isFinite(accuracy) || !Number.isFinite(tokens)) return [];
    const [low, high] = result.accuracyInterval;
    const interval: [number, number] = [
      Number.isFinite(low) ? low : accuracy,
      Number.isFinite(high) ? high : accuracy,
    ];
    const label = clipLabel(look.name, 22) + (letter === "" ? "" : ` (${letter})`);
    return [{ look, label, budget, tokens, accuracy, interval }];
  });
}

function draw(box: Box, kind: string, dots: Dot[], chance: number | undefined, description: string): Html {
  const reference = chance === undefined || !Number.isFinite(chance) ? [] : [chance];
  const x = linearScale(0, Math.max(1, ...dots.map((dot) => dot.tokens)) * 1.06, box.xTicks, [
    box.left,
    box.right,
  ]);
  const y = linearScale(
    Math.min(...dots.map((dot) => dot.interval[0]), ...reference),
    Math.max(...dots.map((dot) => dot.interval[1]), ...reference),
    box.yTicks,
    [box.bottom, box.top],
    (tick) => percent(tick, Number.isInteger(Math.round(tick * 1e4) / 100) ? 0 : 1),
  );
  const parts = [axes(box, x, y, "mean generated tokens per problem", "accuracy on held-out problems")];
  const taken: Rectangle[] = [];
  for (const level of reference) {
    const at = y.at(level);
    parts.push(
      `<line class="chance" x1="${box.left}" x2="${box.right}" y1="${px(at)}" y2="${px(at)}"/>`,
      `<text class="tick chance-label" x="${box.right}" y="${px(at - 5)}" text-anchor="end">chance ${escapeHtml(percent(level))}</text>`,
    );
    taken.push({ left: box.right - 90, right: box.right, top: at - 18, bottom: at + 2 });
  }
  // Hollow ones first: they would cover what lies below them.
  for (const dot of [...dots].sort((a, b) => hollow(b).length - hollow(a).length)) {
    const [cx, cy] = [x.at(dot.tokens), y.at(dot.accuracy)];
    const [low, high] = [y.at(dot.interval[0]), y.at(dot.interval[1])];
    parts.push(
      `<g class="${dot.look.colour}"><path class="error" d="M${px(cx)} ${px(high)}V${px(low)}M${px(cx - 4)} ${px(high)}h8M${px(cx - 4)} ${px(low)}h8"/>` +
        `<path class="dot${hollow(dot)}" data-x="${px(cx)}" data-y="${px(cy)}" transform="translate(${px(cx)} ${px(cy)})" d="${dot.look.marker}"/></g>`,
    );
    taken.push({ left: cx - 8, right: cx + 8, top: cy - 8, bottom: cy + 8 });
    taken.push({ left: cx - 4, right: cx + 4, top: high, bottom: low });
  }
  for (const dot of dots) parts.push(placeLabel(dot, x.at(dot.tokens), y.at(dot.accuracy), box, taken));
  return svg(box.width, box.height, description, parts.join(""), kind);
}

/** Writes a label where it covers least: right, left, then above or below to either side. */
function placeLabel(dot: Dot, cx: number, cy: number, box: Box, taken: Rectangle[]): Html {
  // Bold at 13 px, the widest system fonts (DejaVu, Verdana) take 9 px a character; others leave a gap.
  const width = dot.label.length * 9;
  const height = 15;
  const shifts = [0, -14, 14, -28, 28, -42, 42];
  const candidates = shifts.flatMap((shift) => [
    { left: cx + 11, top: cy - height / 2 + shift },
    { left: cx - 11 - width, top: cy - height / 2 + shift },
  ]);
  let best: { at: Rectangle; cost: number } | undefined;
  for (const [order, { left, top }] of candidates.entries()) {
    const at = { left, right: left + width, top, bottom: top + height };
    const outside =
      at.left < box.left || at.right > box.width || at.top < box.top - 12 || at.bottom > box.bottom;
    const covered = taken.reduce((sum, other) => sum + overlap(at, other), 0);
    const cost = covered + (outside ? 1e6 : 0) + order * 2;
    if (best === undefined || cost < best.cost) best = { at, cost };
  }
  const at = best!.at;
  taken.push(at);
  const rightward = at.left > cx;
  return (
    `<text class="dot-label${hollow(dot)} ${dot.look.colour}" x="${px(rightward ? at.left : at.right)}" y="${px(at.top + 12)}"` +
    ` text-anchor="${rightward ? "start" : "end"}">${escapeHtml(dot.label)}</text>`
  );
}

function hollow({ budget }: Dot): string {
  return budget === undefined ? "" : " hollow";
}

function overlap(one: Rectangle, other: Rectangle): number {
  const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return width > 0 && height > 0 ? width * height : 0;
}
