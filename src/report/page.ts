/**
 * The shell of every page that skipthink writes: title, style, navigation, content and footer in one self-contained file,
 * whose policy forbids every request and every style or script but the page's own. Texts of the shell are escaped here;
 * the content comes escaped by its builders.
 */
import { createHash } from "node:crypto";
import { escapeHtml, type Html, label, scriptJson } from "./html.ts";

export interface Page {
  /** Plain text. */
  title: string;
  style: string;
  /** Id and name of each section, in their order on the page. */
  sections: readonly (readonly [id: string, name: string])[];
  /** Section that readers by keyboard may skip the navigation for, as [id, name]. */
  skipTo?: readonly [id: string, name: string];
  /** The content with its header, escaped. */
  content: Html;
  /** Shown in the footer. */
  seed?: number;
  /** A program and the value that it finds as JSON in the element `data`; without it, the page runs no script. */
  script?: { program: string; data: unknown };
}

/** The whole page, ready to be written to a file; the same bytes for the same page. */
export function renderPage({ title, style, sections, skipTo, content, seed, script }: Page): string {
  const policy = [
    "default-src 'none'",
    ...(script === undefined ? [] : [`script-src ${sourceHash(script.program)}`]),
    `style-src ${sourceHash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const links = sections.map(([id, name]) => `<li><a href="#${escapeHtml(id)}">${label(name, 60)}</a></li>`);
  const skipLink =
    skipTo === undefined
      ? ""
      : `<a class="skip-link" href="#${escapeHtml(skipTo[0])}">Skip to ${escapeHtml(skipTo[1])}</a>\n`;
  const scripts =
    script === undefined
      ? ""
      : `<script type="application/json" id="data">${scriptJson(script.data)}</script>\n<script>${script.program}</script>\n`;
  const maker = seed === undefined ? "skipthink" : `skipthink, seed ${escapeHtml(String(seed))}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${label(title, 200)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${skipLink}<nav aria-label="Sections"><ul>${links.join("")}</ul></nav>
<main>
${content}
<footer>Made by ${maker}. The page is one file: it loads nothing and sends nothing.</footer>
</main>
${scripts}</body>
</html>
`;
}

function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
