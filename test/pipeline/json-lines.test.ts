/** JSON lines come back as they were written, wherever the parts are cut that they are read and written in. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { readFinishedJsonLines, readJsonLines, writeJsonLines } from "../../src/pipeline/json-lines.ts";
import { temporaryFolder } from "../engine/tiny-student.ts";

async function all(path: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of readJsonLines(path)) values.push(value);
  return values;
}

it("keeps values that are longer than a part, and characters that take several bytes or end lines elsewhere", async () => {
  const path = join(await temporaryFolder(), "values.jsonl");
  // Three megabytes in lines of no round length, so that cuts fall inside lines and inside characters.
  const values = [
    { text: "a\u2028b\u0085c\r\nd" },
    ...Array.from({ length: 3000 }, (_, i) => ({ i, text: "€𝄞x".repeat(60 + (i % 97)) })),
    { long: "é".repeat(1_200_000) },
    7,
  ];
  await writeJsonLines(path, values);
  expect((await readFile(path)).length).toBeGreaterThan(4 << 20);
  expect(await all(path)).toEqual(values);
  expect(await readdir(dirname(path))).toEqual(["values.jsonl"]);
});

it("reads a last line without its end, none at all, and refuses what is not JSON", async () => {
  const path = join(await temporaryFolder(), "values.jsonl");
  await writeFile(path, '{"a":1}\n\n{"b":2}');
  expect(await all(path)).toEqual([{ a: 1 }, { b: 2 }]);
  await writeJsonLines(path, []);
  expect(await all(path)).toEqual([]);
  await writeFile(path, '{"a":1}\n{"b":\n');
  await expect(all(path)).rejects.toThrow(SyntaxError);
});

it("reads what a killed process finished, and nothing of a file that is not there", async () => {
  const path = join(await temporaryFolder(), "values.jsonl");
  await writeFile(path, '{"a":1}\n{"b":2}\n{"c":');
  expect(await readFinishedJsonLines(path)).toEqual([{ a: 1 }, { b: 2 }]);
  await expect(readFinishedJsonLines(`${path}.none`)).rejects.toMatchObject({ code: "ENOENT" });
});
