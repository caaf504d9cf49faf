/**
 * Numbers as the report writes them. Written by hand rather than with Intl, so that the page is the same byte for byte
 * on every machine. Missing and non-finite values (null after a trip through JSON) become an en dash.
 */

export const missing = "–";

function known(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function signed(text: string): string {
  return text.replace("-", "−");
}

function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

/** A number with a fixed count of decimals and thousands commas. */
export function decimal(value: number | null | undefined, digits = 0): string {
  if (!known(value)) return missing;
  const text = value.toFixed(digits);
  // -0.0 is a rounding left-over, not a sign.
  return signed(grouped(Number(text) === 0 ? text.replace("-", "") : text));
}

/** 62.3% from 0.623. */
export function percent(share: number | null | undefined, digits = 1): string {
  return known(share) ? `${decimal(share * 100, digits)}%` : missing;
}

/** +8.2 from a difference of shares of 0.082. */
export function points(difference: number | null | undefined): string {
  if (!known(difference)) return missing;
  const text = decimal(difference * 100, 1);
  return Number(difference.toFixed(3)) > 0 ? `+${text}` : text;
}

/** 4.2M, 13.9k, 870; a round figure is 2M, or 2.0M where it stands in a column with others. */
export function compact(value: number | null | undefined, keepZero = false): string {
  if (!known(value)) return missing;
  for (const [size, letter] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    // 999,950 would round to 1000.0k.
    if (Math.abs(value) >= size * 0.99995) {
      const text = (value / size).toFixed(1);
      return signed(`${keepZero ? text : text.replace(/\.0$/, "")}${letter}`);
    }
  }
  return decimal(value, Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1);
}

/** A duration in the unit that reads best: 142 ms, 1.42 s, 12.4 min, 3.1 h. */
export function duration(seconds: number | null | undefined): string {
  if (!known(seconds)) return missing;
  if (seconds < 0.9995) {
    const milliseconds = seconds * 1000;
    return `${decimal(milliseconds, milliseconds < 10 ? 1 : 0)} ms`;
  }
  if (seconds < 100) return `${decimal(seconds, seconds < 10 ? 2 : 1)} s`;
  if (seconds < 5400) return `${decimal(seconds / 60, 1)} min`;
  return `${decimal(seconds / 3600, 1)} h`;
}

/** ×1.85. */
export function factor(value: number | null | undefined): string {
  return known(value) ? `×${decimal(value, value < 10 ? 2 : 1)}` : missing;
}

/** Three decimals, "< 0.001" below that. */
export function pValue(value: number | null | undefined): string {
  if (!known(value)) return missing;
  return value < 0.001 ? "< 0.001" : value.toFixed(3);
}

/** An axis tick that is a share: 2.5% from 0.025. */
export function percentTick(share: number, step: number): string {
  return `${tickLabel(100 * share, 100 * step)}%`;
}

/** An axis tick: as many decimals as the step between ticks needs. */
export function tickLabel(value: number, step: number): string {
  const digits = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  // A step of 2.5 or 0.25 needs one more decimal than its magnitude says.
  const extra = Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 ? 1 : 0;
  return decimal(value, digits + extra);
}
