/** How long a server asks to be left alone (RFC 9110 §10.2.3, and the milliseconds that OpenAI adds). */

/**
 * `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
 * @param now milliseconds since 1970
 * @returns milliseconds, at least 0; undefined where there is no such header or it makes no sense
 */
export function retryAfterMilliseconds(headers: Headers, now: number): number | undefined {
  const milliseconds = headers.get("retry-after-ms")?.trim();
  if (milliseconds !== undefined && /^\d{1,12}(?:\.\d+)?$/.test(milliseconds)) return Number(milliseconds);
  const value = headers.get("retry-after")?.trim();
  if (value === undefined) return undefined;
  if (/^\d{1,9}(?:\.\d+)?$/.test(value)) return Number(value) * 1000;
  // An HTTP date names its day; Date.parse alone would take "12" or "-5" for a date, too.
  const isDate = /^[A-Z][a-z]{2}/.test(value);
  // The oldest form (asctime) names no zone and means UTC; Date.parse would take it for this machine's.
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2} \d{4}$/.test(value);
  const date = isDate ? Date.parse(isAsctime ? `${value} GMT` : value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
