import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { quoteExcerpt } from "../../src/tasks/read/excerpt.ts";
import { readParquet } from "../../src/tasks/read/parquet.ts";
import { readTable, type TableFormat, type TableRow } from "../../src/tasks/read/table.ts";
import { SkipthinkError } from "../../src/util/errors.ts";
import { collect } from "./collect.ts";
import { hostileParquet } from "./hostile-parquet.ts";
import { parquetFixture } from "./parquet-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "skipthink-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function readAll(path: string, format?: TableFormat): Promise<TableRow[]> {
  return await collect(readTable(path, format));
}

async function failure(path: string, format?: TableFormat): Promise<SkipthinkError> {
  const error = await readAll(path, format).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkipthinkError);
  const told = error as SkipthinkError;
  expect(told.exitCode).toBe(2);
  expect(told.place.file).toBe(path);
  expect(told.remedy).toMatch(/^[A-Z].*\.$/);
  return told;
}

const rows = [
  { line: 1, row: { q: "a", n: 1 } },
  { line: 3, row: { q: "b\nc", n: 2 } },
];

describe("formats", () => {
  test("JSONL: byte order mark, blank lines, CRLF, no final newline", async () => {
    const text = '\ufeff{"q":"a","n":1}\r\n\r\n{"q":"b\\nc","n":2}';
    expect(await readAll(put("a.jsonl", text))).toEqual(rows);
    expect(await readAll(put("a.txt", text), "jsonl")).toEqual(rows);
    // JSON lines under the name .json are common.
    expect(await readAll(put("lines.json", text))).toEqual(rows);
  });

  test("JSONL lines that cross the reader's chunks", async () => {
    const many = Array.from({ length: 3000 }, (_, n) => ({ n, text: "é".repeat(n % 997) }));
    const read = await readAll(put("many.jsonl", many.map((row) => JSON.stringify(row)).join("\n")));
    expect(read.map(({ row }) => row)).toEqual(many);
    expect(read.at(-1)?.line).toBe(3000);
  });

  test("a broken line: the parser's reason is whole and quotes nothing of the text", async () => {
    const reason = async (line: string) =>
      /\(([^)]*)\)/.exec((await failure(put("broken.jsonl", `{"q": 1}\n${line}\n`))).message)?.[1];
    expect(await reason('{"q": "a" "b"}')).toBe("Expected ',' or '}' after property value");
    expect(await reason("{q: 1}")).toBe("Expected property name or '}'");
    expect(await reason('{"q": "a')).toBe("Unterminated string");
    expect(await reason("SECRET {")).not.toContain("SECRET");
  });

  test("JSON array", async () => {
    const path = put("a.json", '\ufeff [{"q":"a"},\n {"q":"b"}]');
    expect(await readAll(path)).toEqual([
      { line: 1, row: { q: "a" } },
      { line: 2, row: { q: "b" } },
    ]);
  });

  test("CSV: quotes, commas and line breaks in fields, byte order mark", async () => {
    const path = put("a.csv", '\ufeffq,a\n"x, ""y""\nz",1\n\nw,2\n');
    expect(await readAll(path)).toEqual([
      { line: 3, row: { q: 'x, "y"\nz', a: "1" } },
      { line: 5, row: { q: "w", a: "2" } },
    ]);
  });

  test("CSV larger than the stream's buffers", async () => {
    const lines = Array.from({ length: 10_000 }, (_, n) => `${n},"${"v".repeat(n % 200)}"`);
    const read = await readAll(put("big.csv", `n,v\n${lines.join("\n")}\n`));
    expect(read.length).toBe(10_000);
    expect(read.at(-1)).toEqual({ line: 10_001, row: { n: "9999", v: "v".repeat(199) } });
  });

  test.each(["snappy", "gzip"] as const)("Parquet with %s, two row groups", async (codec) => {
    const path = put(`${codec}.parquet`, Buffer.from(parquetFixture[codec], "base64"));
    expect(await readAll(path)).toEqual([
      { line: 1, row: { question: "What is 2 + 3?", answer: 5n, meta: { chain: "2 + 3 = 5." }, score: 0.5 } },
      {
        line: 2,
        row: { question: "And 4 × 5?", answer: 20n, meta: { chain: "4 × 5 = 20. Yes." }, score: 1 },
      },
      {
        line: 3,
        row: { question: "How about 6 - 1?", answer: 5n, meta: { chain: "6 - 1 = 5." }, score: null },
      },
    ]);
  });

  test("hostile column names are plain data", async () => {
    const [json] = await readAll(put("proto.jsonl", '{"__proto__":{"polluted":1},"q":"x"}'));
    const [csv] = await readAll(put("proto.csv", "__proto__,q\n1,x\n"));
    for (const found of [json, csv]) expect(Object.hasOwn(found!.row, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("reading may stop early", async () => {
    for (const path of [
      put("early.csv", `q\n${"x\n".repeat(100_000)}`),
      put("early.jsonl", '{"q":1}\n'.repeat(100_000)),
    ])
      for await (const { row } of readTable(path)) {
        expect(Object.keys(row)).toEqual(["q"]);
        break;
      }
  });
});

describe("errors", () => {
  test("missing file, folder, empty file, no rows", async () => {
    expect((await failure(join(folder, "none.jsonl"))).message).toContain("does not exist");
    expect((await failure(folder)).message).toContain("folder");
    for (const [name, text] of [
      ["e.jsonl", ""],
      ["f.jsonl", "\n \n"],
      ["g.json", "[]"],
      ["h.csv", "q,a\n"],
    ] as const)
      expect((await failure(put(name, text))).message).toContain("no rows");
  });

  test.skipIf(process.platform === "win32")("a pipe (skipped on Windows, which has no mkfifo)", async () => {
    const path = join(folder, "pipe.jsonl");
    execFileSync("mkfifo", [path]);
    // Held open, so that nobody waits for a writer.
    const held = openSync(path, "r+");
    writeSync(held, '{"q":1}\n');
    const error = await failure(path).finally(() => closeSync(held));
    expect(error.message).toContain("cannot be read twice");
  });

  test("unknown extension and compressed files", async () => {
    expect((await failure(put("a.tsv", "q\n1\n"))).message).toContain(".jsonl");
    expect((await failure(put("a.jsonl.gz", gzipSync("{}")))).message).toContain("gzip");
    expect((await failure(put("b.jsonl", gzipSync("{}")))).message).toContain("gzip");
  });

  test("a broken JSON line is quoted, escaped and short", async () => {
    const error = await failure(put("broken.jsonl", `{"q":1}\n{"q": "\u202e\u0007${"x".repeat(5000)}\n`));
    expect(error.place.line).toBe(2);
    expect(error.message).toContain("\\u202e\\u0007");
    expect(error.message.length).toBeLessThan(200);
  });

  test("lines that are no objects", async () => {
    const error = await failure(put("array.jsonl", '{"q":1}\n[1]\n'));
    expect(error.place.line).toBe(2);
    expect(error.message).toContain("an array");
    expect((await failure(put("null.json", "[null]"))).message).toContain("null");
    expect((await failure(put("string.json", '"x"'))).message).toContain("a string");
    // Deeper than JSON.stringify can go, so that there is no excerpt.
    const deep = await failure(put("deep.json", "[".repeat(20_000) + "]".repeat(20_000)));
    expect(deep.message).toBe("row 1 is an array, not an object");
  });

  test("a broken JSON array names the line", async () => {
    const error = await failure(put("broken.json", '[{"q":1},\n{"q" 2}]'));
    expect(error.place.line).toBe(2);
    expect(error.message).toContain('{\\"q\\" 2}');
  });

  test("CSV with a short row, an open quote, a repeated column", async () => {
    const short = await failure(put("short.csv", "a,b\n1,2\n3\n"));
    expect(short.place.line).toBe(3);
    expect(short.message).toContain("1 fields");
    expect((await failure(put("open.csv", 'a,b\n"1,2\n'))).message).toContain("quote");
    expect((await failure(put("twice.csv", "a,a\n1,2\n"))).message).toContain("twice");
  });

  test("bytes that are not UTF-8, and a file of another format", async () => {
    for (const name of ["latin.jsonl", "latin.csv"])
      expect((await failure(put(name, Buffer.from([0x71, 0x0a, 0xe9, 0x0a])))).message).toContain("UTF-8");
    const parquet = Buffer.from(parquetFixture.snappy, "base64");
    expect((await failure(put("p.jsonl", parquet))).message).toContain("Parquet");
    expect((await failure(put("j.parquet", '{"q":1}'))).message).toContain("PAR1");
    for (const cut of [10, 400, parquet.length - 1])
      expect((await failure(put("cut.parquet", parquet.subarray(0, cut)))).message).toContain("Parquet");
  });

  test("damaged Parquet files fail as input errors", async () => {
    const parquet = Buffer.from(parquetFixture.snappy, "base64");
    let failures = 0;
    for (let at = 4; at < parquet.length - 8; at += 37) {
      const damaged = Buffer.from(parquet);
      damaged[at] = damaged[at]! ^ 0xff;
      try {
        await readAll(put("damaged.parquet", damaged));
      } catch (error) {
        failures++;
        expect(error, `byte ${at}`).toBeInstanceOf(SkipthinkError);
      }
    }
    expect(failures).toBeGreaterThan(5);
  });

  test.each(Object.entries(hostileParquet))(
    "%s in a Parquet file ends its decoder alone",
    async (_, bytes) => {
      const path = put("hostile.parquet", bytes);
      expect(bytes.length).toBeLessThan(200);
      const error = await collect(readParquet(path, 100)).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ exitCode: 2, place: { file: path } });
      expect((error as SkipthinkError).message).toMatch(/decoder ended .* counts in the file are false/);
    },
  );
});

test("excerpts are one escaped line of at most 80 characters", () => {
  expect(quoteExcerpt('a"b')).toBe('"a\\"b"');
  for (const text of [
    "x".repeat(500),
    "\u0000".repeat(500),
    "\u202e".repeat(79),
    "\ud83d\ude00".repeat(100),
  ]) {
    const quoted = quoteExcerpt(text);
    expect(quoted.length).toBeLessThanOrEqual(80);
    expect(quoted.endsWith("...")).toBe(true);
  }
});
