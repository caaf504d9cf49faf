/** Command lines as text that can be pasted into a shell. */

/** One argument, quoted where a POSIX shell would take it apart. */
export function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

export function commandLine(words: readonly string[]): string {
  return ["skipthink", ...words.map(quoteArgument)].join(" ");
}
