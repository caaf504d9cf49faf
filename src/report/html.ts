/**
 * Text into HTML. Every text of the report passes through `escapeHtml` (markup) or `scriptJson` (data for the page's
 * script); nothing else may write a string into the page.
 */
import { maxLabelCharacters, maxTextCharacters } from "./limits.ts";

/** HTML that is safe to insert as it is; only this folder's builders make it. */
export type Html = string;

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

// Control characters other than tab and line feed, and the invisible marks that reorder text around them.
const unwanted =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Text as it is shown: line ends unified, control and direction-override characters made visible as U+FFFD. */
export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(unwanted, "\ufffd");
}

/** Escapes text for element content and for attribute values in either kind of quotes. */
export function escapeHtml(text: string): Html {
  return cleanText(text).replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** A short text (name, id, answer, cell): cut at the end. */
export function clipLabel(text: string, most: number = maxLabelCharacters): string {
  if (text.length <= most) return text;
  return `${text.slice(0, wholeCharacters(text, most - 1))}…`;
}

/** A long text: cut in the middle, with a note of how much is missing; the end holds the answer. */
export function clipText(text: string, most: number = maxTextCharacters): string {
  if (text.length <= most) return text;
  const head = wholeCharacters(text, Math.floor(most * 0.7));
  const tail = wholeCharacters(text, text.length - Math.floor(most * 0.3));
  return `${text.slice(0, head)} [… ${tail - head} characters cut …] ${text.slice(tail)}`;
}

/** `index`, or one less where it would part the two halves of a surrogate pair. */
function wholeCharacters(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff ? index - 1 : index;
}

/** A clipped and escaped label. */
export function label(text: string, most?: number): Html {
  return escapeHtml(clipLabel(text, most));
}

/** JSON that can stand inside `<script type="application/json">`: no character that could end or open markup. */
export function scriptJson(value: unknown): Html {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** "Showing the first N of M …" or nothing. */
export function cutNote(shown: number, total: number, what: string): Html {
  if (shown >= total) return "";
  return `<p class="cut">Cut: ${shown} of ${total} ${escapeHtml(what)} are shown; the run folder has all.</p>`;
}
