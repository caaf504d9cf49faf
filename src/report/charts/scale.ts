/** Axis scales: a domain widened to round numbers, its ticks, and the map from values to pixels. */
import { compact, decimal, tickLabel } from "../numbers.ts";

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
  /** Position of a value; values outside the domain land on its nearer end. */
  at(value: number): number;
  format(tick: number): string;
}

/** Steps of 1, 2, 2.5 or 5 times a power of ten: the smallest that gives at most `count` intervals. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((candidate) => candidate * magnitude >= rough * (1 - 1e-9)) ?? 10;
  return step * magnitude;
}

/**
 * Linear scale over [low, high] widened to whole steps.
 * @param range pixel positions of the two ends, e.g. [bottom, top]
 * @param format of a tick; the step between ticks says how many decimals tell them apart
 */
export function linearScale(
  low: number,
  high: number,
  count: number,
  range: [number, number],
  format?: (tick: number, step: number) => string,
): Scale {
  let [from, to] = [low, high];
  if (!(to > from)) {
    // One value: a domain around it, so that it sits in the middle. Nothing but zeros: what is counted or shared starts there.
    const pad = Math.abs(from) * 0.5;
    [from, to] = pad > 0 ? [from - pad, from + pad] : [0, 1];
  }
  const step = niceStep(to - from, count);
  const first = Math.floor(from / step + 1e-9);
  const last = Math.ceil(to / step - 1e-9);
  // Multiplying (not adding up) keeps 0.3 from becoming 0.30000000000000004 ticks later.
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  // One way of writing for a whole axis: 8k beside 10k, not 8,000.
  const large = Math.max(Math.abs(ticks[0]!), Math.abs(ticks.at(-1)!)) >= 10_000;
  const plain = (tick: number): string => (large ? compact(tick) : tickLabel(tick, step));
  const write = format ?? plain;
  return build(
    ticks[0]!,
    ticks.at(-1)!,
    ticks,
    range,
    (value) => value,
    (tick) => write(tick, step),
  );
}

/** Logarithmic scale with ticks at 1, 2, 5 of each decade, thinned to decades where they would crowd. */
export function logScale(low: number, high: number, count: number, range: [number, number]): Scale {
  const candidates: number[] = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)) + 1; power++) {
    for (const digit of [1, 2, 5]) candidates.push(Number(`${digit}e${power}`));
  }
  const from = candidates.findLast((tick) => tick <= low * (1 + 1e-9)) ?? low;
  const to = candidates.find((tick) => tick >= high * (1 - 1e-9)) ?? high;
  const inside = candidates.filter((tick) => tick >= from && tick <= to);
  const decades = inside.filter((tick) => /^1e/.test(tick.toExponential()));
  const ticks = inside.length > count + 2 && decades.length >= 2 ? decades : inside;
  return build(from, to, ticks, range, Math.log, (tick) =>
    decimal(tick, Math.max(0, -Math.floor(Math.log10(tick) + 1e-9))),
  );
}

function build(
  low: number,
  high: number,
  ticks: number[],
  range: [number, number],
  transform: (value: number) => number,
  format: (tick: number) => string,
): Scale {
  const [start, end] = [transform(low), transform(high)];
  return {
    low,
    high,
    ticks,
    format,
    at: (value) => {
      const inside = transform(Math.min(high, Math.max(low, value)));
      return range[0] + ((inside - start) / (end - start)) * (range[1] - range[0]);
    },
  };
}
