/** A stream that keeps what is written, a clock that is moved by hand, and the screen a terminal would show. */

export function fakeStream(columns = 80) {
  const written: string[] = [];
  return {
    columns,
    write: (text: string) => void written.push(text),
    text: () => written.join(""),
  };
}

export function fakeClock() {
  let seconds = 1000;
  return {
    now: () => seconds,
    advance(by: number) {
      seconds += by;
    },
  };
}

/** Plays `text` on a screen of endless height: line feeds, carriage returns, cursor up and erase-below. */
export function screenOf(text: string): string[] {
  const lines: string[] = [""];
  let row = 0;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal commands are what is played
  for (const [token, up] of text.matchAll(/\x1b\[(\d+)A|\x1b\[J|[\s\S]/g)) {
    if (up !== undefined) row -= Number(up);
    else if (token === "\x1b[J") {
      lines[row] = lines[row]!.slice(0, column);
      lines.length = row + 1;
    } else if (token === "\r") column = 0;
    else if (token === "\n") {
      row++;
      column = 0;
      lines[row] ??= "";
    } else {
      lines[row] = lines[row]!.slice(0, column) + token + lines[row]!.slice(column + 1);
      column++;
    }
  }
  return lines;
}
