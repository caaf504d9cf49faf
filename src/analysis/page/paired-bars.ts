/** Rows of bars from 0 to 100%, one above the other for two students or two ways to choose, where a table would hide it. */
import { px, svg } from "../../report/charts/frame.ts";
import { escapeHtml, type Html } from "../../report/html.ts";
import { percent } from "../../report/numbers.ts";

export interface PairedRow {
  name: string;
  /** First above, second below; a share that is missing has no bar. */
  bars: { name: string; colour: string; share: number | undefined }[];
  /** What stands beside the shares. */
  note: string;
}

const width = 320;
const step = 13;

/**
 * @param digits decimals of the percentages
 * @param between what stands between the two shares of a row
 */
export function pairedBars(rows: readonly PairedRow[], digits: number, between: string): Html {
  const lines = rows.map(({ name, bars, note }) => {
    const description = bars.map((bar) => `${bar.name}: ${percent(bar.share, digits)}`).join(", ");
    const drawn = bars.map(({ colour, share }, i) => {
      const y = px(1 + i * step);
      const length = Number.isFinite(share) ? width * Math.min(1, Math.max(0, share!)) : 0;
      return (
        `<rect class="kept" x="0" y="${y}" width="${width}" height="10" rx="1.5"/>` +
        `<rect class="fill ${colour}" x="0" y="${y}" width="${px(length)}" height="10" rx="1.5"/>`
      );
    });
    const shares = bars.map(({ share }) => percent(share, digits)).join(` ${between} `);
    return (
      `<div class="bar-row pair"><span class="bar-name">${escapeHtml(name)}</span>` +
      svg(width, bars.length * step, `${name}: ${description}`, drawn.join(""), "pair") +
      `<span class="bar-value"><b>${escapeHtml(shares)}</b> <span class="quiet">${escapeHtml(note)}</span></span></div>`
    );
  });
  return `<div class="bars">${lines.join("")}</div>`;
}
