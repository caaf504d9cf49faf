/** Finds the stretches that a step boundary must never cut: code and LaTeX. Linear in the text, whatever it holds. */

/** Looks for strings from left to right and remembers each answer, so that all look-ups together stay linear. */
class ForwardSearch {
  private readonly text: string;
  private readonly found = new Map<string, number>();

  constructor(text: string) {
    this.text = text;
  }

  /** First index ≥ `from` of `needle`, or the text's length. `from` must not fall between calls for one needle. */
  next(needle: string, from: number): number {
    const known = this.found.get(needle);
    if (known !== undefined && known >= from) return known;
    const index = this.text.indexOf(needle, from);
    const result = index < 0 ? this.text.length : index;
    this.found.set(needle, result);
    return result;
  }
}

export interface ProtectedSpan {
  /** Index after the closing delimiter. */
  end: number;
  /** Index after the content, that is, of the closing delimiter. */
  contentEnd: number;
  kind: "code" | "math";
}

/** Answers, for rising positions, whether a protected span begins there. */
export class SpanFinder {
  private readonly text: string;
  private readonly search: ForwardSearch;

  constructor(text: string) {
    this.text = text;
    this.search = new ForwardSearch(text);
  }

  /**
   * The span that opens at `start`, if its delimiter is closed. Fences may hold anything; display math ends at an empty
   * line at the latest, inline math and inline code at the line's end; an opener without its closer is plain text.
   */
  at(start: number): ProtectedSpan | undefined {
    const text = this.text;
    switch (text[start]) {
      case "`":
        if (text.startsWith("```", start)) return this.closed(start, 3, "```", undefined, "code");
        return this.closed(start, 1, "`", "\n", "code");
      case "\\":
        if (text[start + 1] === "[") return this.closed(start, 2, "\\]", "\n\n", "math");
        if (text[start + 1] === "(") return this.closed(start, 2, "\\)", "\n", "math");
        return undefined;
      case "$":
        if (text[start + 1] === "$") return this.closed(start, 2, "$$", "\n\n", "math");
        return this.inlineDollars(start);
      default:
        return undefined;
    }
  }

  private closed(
    start: number,
    openLength: number,
    closer: string,
    barrier: string | undefined,
    kind: "code" | "math",
  ): ProtectedSpan | undefined {
    const from = start + openLength;
    const contentEnd = this.search.next(closer, from);
    if (contentEnd >= this.text.length || contentEnd === from) return undefined;
    if (barrier !== undefined && this.search.next(barrier, from) < contentEnd) return undefined;
    return { end: contentEnd + closer.length, contentEnd, kind };
  }

  /**
   * `$x$` after Pandoc's rule, which keeps "$5 and $6" money: no space inside the dollars, no digit after the closing
   * one (nor before the opening one: "5$ or 6$"). If a digit opens it, the content must not hold the end of a sentence either ("$5. Her price is 6$").
   */
  private inlineDollars(start: number): ProtectedSpan | undefined {
    const text = this.text;
    if (/\d/.test(text[start - 1] ?? "")) return undefined;
    const span = this.closed(start, 1, "$", "\n", "math");
    if (span === undefined) return undefined;
    if (/\s/.test(text[start + 1] as string) || /[\s\\]/.test(text[span.contentEnd - 1] as string))
      return undefined;
    if (/\d/.test(text[span.end] ?? "")) return undefined;
    if (/\d/.test(text[start + 1] as string) && /[.?!]\s/.test(text.slice(start, span.contentEnd)))
      return undefined;
    return span;
  }
}
