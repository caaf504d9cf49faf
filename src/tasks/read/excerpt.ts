/** Quotes untrusted text inside a message: on one line, escaped, short. */

const longestExcerpt = 80;

/** Control, format and direction-changing characters that JSON leaves as they are. */
const invisible = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** The text in double quotes with everything invisible escaped, at most 80 characters in all. */
export function quoteExcerpt(text: string): string {
  const quote = (part: string): string =>
    JSON.stringify(part).replace(
      invisible,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  let part = text.slice(0, longestExcerpt);
  if (part.length === text.length && quote(part).length <= longestExcerpt) return quote(part);
  while (quote(part).length > longestExcerpt - 3) part = part.slice(0, -1);
  return `${quote(part)}...`;
}
