/** Classes of UTF-16 code units for the step splitter: one table look-up per character keeps long texts quick. */

export const spaceClass = 1;
export const lineBreakClass = 2;
/** Marks that end a sentence. */
export const terminatorClass = 4;
/** Quotes, brackets and emphasis that may stand between a sentence's mark and the space after it. */
export const closerClass = 8;
/** First characters of code and LaTeX spans. */
export const spanClass = 16;

const classes = new Uint8Array(0x10000);

function mark(characters: string, flags: number): void {
  for (let i = 0; i < characters.length; i++) {
    const code = characters.charCodeAt(i);
    classes[code] = classes[code]! | flags;
  }
}

mark("\n\r\u2028\u2029", spaceClass | lineBreakClass);
mark(
  "\t\v\f \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\ufeff",
  spaceClass,
);
mark(".?!…。！？｡", terminatorClass);
mark("\"'”’)]}»*_」』）", closerClass);
mark("`$\\", spanClass);

/** The class flags of the code unit at `index`; 0 past either end of the text. */
export function classAt(text: string, index: number): number {
  return classes[text.charCodeAt(index)] ?? 0;
}
