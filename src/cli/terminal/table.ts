/** Plain-text tables: columns padded to their widest cell, numbers to the right. */
import { toOneLine } from "./sanitize.ts";

export interface TableColumn {
  title: string;
  align?: "left" | "right";
}

/** Longer cells end in "…"; one long cell must not push the others off the screen. */
const widestCell = 60;

/** Lines of the table, the header first; widths count code points. Cells may be untrusted text. */
export function tableLines(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) =>
    columns.map((_, index) => shorten(toOneLine(row[index] ?? ""), widestCell)),
  );
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => length(row[index]!))));
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const padding = " ".repeat(widths[index]! - length(cell));
        return columns[index]?.align === "right" ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd(),
  );
}

/** At most `width` code points; what was cut is shown by "…". */
export function shorten(text: string, width: number): string {
  if (length(text) <= width) return text;
  return `${[...text].slice(0, Math.max(0, width - 1)).join("")}…`;
}

function length(text: string): number {
  return [...text].length;
}
