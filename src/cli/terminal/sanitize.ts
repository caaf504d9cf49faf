/** Text from models, data and files may hold terminal commands; nothing of it may reach the terminal as a command. */

const patterns = [
  // Strings for the system (window title, clipboard, links) up to their end; without an end only their start is taken out.
  "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x00-\\x1f\\x7f-\\x9f]*(?:\\x07|\\x1b\\\\|\\x9c)",
  // Colours and cursor moves.
  "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]?",
  // Other escape sequences.
  "\\x1b[ -/]*[0-~]?",
  // Control characters but tab and line feed, and the marks that reorder text (bidirectional overrides and isolates).
  "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
];
const unwanted = new RegExp(patterns.join("|"), "g");

/** `text` without escape sequences and control characters; tabs and line feeds stay. */
export function stripControlCharacters(text: string): string {
  return text.replace(unwanted, "");
}

/** As stripControlCharacters, in one line. */
export function toOneLine(text: string): string {
  return stripControlCharacters(text).replace(/\s+/g, " ").trim();
}
