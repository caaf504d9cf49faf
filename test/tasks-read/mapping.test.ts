import { describe, expect, test } from "vitest";
import { type FieldMapping, type MappedRow, mapRows } from "../../src/tasks/read/mapping.ts";
import type { SkipthinkError } from "../../src/util/errors.ts";
import { collect } from "./collect.ts";

async function* table(...rows: Record<string, unknown>[]) {
  for (const [index, row] of rows.entries()) yield { row, line: index + 1 };
}

async function mapOne(row: Record<string, unknown>, mapping: FieldMapping): Promise<MappedRow> {
  return (await collect(mapRows(table(row), mapping, { file: "data.jsonl" })))[0]!;
}

async function failure(row: Record<string, unknown>, mapping: FieldMapping): Promise<SkipthinkError> {
  return (await mapOne(row, mapping).then(
    () => undefined,
    (reason: unknown) => reason,
  )) as SkipthinkError;
}

describe("fields", () => {
  test("columns, paths, templates and numbers", async () => {
    const row = {
      Body: "Tom has 3.",
      Question: "How many?",
      meta: { a: { b: 7 } },
      "x.y": "dotted",
      big: 12n,
      ok: true,
    };
    expect(await mapOne(row, { question: "{Body} {Question}", answer: "meta.a.b" })).toEqual({
      question: "Tom has 3. How many?",
      answer: "7",
      line: 1,
    });
    expect(
      await mapOne(row, { question: "x.y", answer: "big", rationale: "Note: {meta.a.b}", id: "ok" }),
    ).toMatchObject({ question: "dotted", answer: "12", rationale: "Note: 7", id: "true" });
  });

  test("a column whose name looks like a template is a column", async () => {
    expect(
      (await mapOne({ "{q}": "text", q: "other", a: "1" }, { question: "{q}", answer: "a" })).question,
    ).toBe("text");
  });

  test("text that a row brings is never taken for a template", async () => {
    const row = { q: "{a} $& {q}", a: "1" };
    expect((await mapOne(row, { question: "<{q}>", answer: "a" })).question).toBe("<{a} $& {q}>");
  });
});

describe("errors", () => {
  test("a missing field names what is there and what was meant", async () => {
    const error = await failure(
      { question: "x", solution: "y", meta: { chain: "z" } },
      { question: "questoin", answer: "solution" },
    );
    expect(error.message).toContain('"question", "solution", "meta.chain"');
    expect(error.remedy).toContain('Did you mean "question"?');
    expect(error.place).toEqual({ file: "data.jsonl", line: 1, key: "questoin" });
    expect((await failure({ q: "x" }, { question: "q", answer: "entirely_other" })).remedy).not.toContain(
      "Did you mean",
    );
  });

  test("null, objects, inherited names and overlong text", async () => {
    expect((await failure({ q: null, a: "1" }, { question: "q", answer: "a" })).message).toContain("null");
    expect((await failure({ q: { t: "x" }, a: "1" }, { question: "q", answer: "a" })).remedy).toContain(
      "q.t",
    );
    expect((await failure({ a: "1" }, { question: "constructor.name", answer: "a" })).message).toContain(
      "no field",
    );
    const long = await failure({ q: "x".repeat(200_001), a: "1" }, { question: "q", answer: "a" });
    expect(long.message).toContain("200001 characters");
  });

  test("bad rows can be handed over and left out", async () => {
    const bad: number[] = [];
    const rows = mapRows(
      table({ q: "x", a: 1 }, { q: "y" }, { q: "z", a: 2 }),
      { question: "q", answer: "a" },
      {
        file: "data.jsonl",
        onBadRow: (line) => bad.push(line),
      },
    );
    expect((await collect(rows)).map(({ question }) => question)).toEqual(["x", "z"]);
    expect(bad).toEqual([2]);
  });
});
