/** Ends a text at the first of some stop texts; what may be the beginning of one is held back while it grows. */

export class StopTexts {
  /** A stop text was met; nothing comes after it. */
  stopped = false;
  private readonly stops: readonly string[];
  private held = "";

  constructor(stops: readonly string[]) {
    this.stops = stops;
  }

  /** @returns the text that is safe to give out */
  push(fresh: string): string {
    if (this.stopped) return "";
    this.held += fresh;
    const found = this.stops.map((stop) => this.held.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.stopped = true;
      const text = this.held.slice(0, Math.min(...found));
      this.held = "";
      return text;
    }
    const keep = Math.max(0, ...this.stops.map((stop) => longestOpening(this.held, stop)));
    const text = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(this.held.length - keep);
    return text;
  }

  /** @returns what was held back, at the end of the text */
  flush(): string {
    const text = this.held;
    this.held = "";
    return text;
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function longestOpening(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
