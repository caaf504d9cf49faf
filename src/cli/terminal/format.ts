/** Numbers as people read them: grouped counts, durations in one unit, shares in per cent. Always in English form. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 10240 → "10,240". */
export function formatCount(count: number): string {
  return Number.isFinite(count) ? grouped.format(count) : "–";
}

/** 0.042 → "42ms", 3.2 → "3.2s", 47 → "47s", 714 → "11.9m", 9000 → "2.5h", 200000 → "2.3d". */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 0.9995) {
    const milliseconds = seconds * 1000;
    return `${milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)}ms`;
  }
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  if (seconds < 59.5) return `${seconds.toFixed(0)}s`;
  if (seconds < 3597) return `${(seconds / 60).toFixed(1)}m`;
  if (seconds < 86_220) return `${(seconds / 3600).toFixed(1)}h`;
  return `${(seconds / 86_400).toFixed(1)}d`;
}

/** 0.387 → "38.7%". */
export function formatPercent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)}%` : "–";
}

/** 0.0003 → "3.0e-4". */
export function formatLearningRate(rate: number): string {
  return rate === 0 ? "0" : rate.toExponential(1);
}
