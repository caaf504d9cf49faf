/** What a long stage has done is kept block by block, for the same inputs only. */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPartialResults } from "../../src/pipeline/partial-results.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-partial-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("whole blocks are found again, the one a kill cut off is not", async () => {
  const path = join(folder, "below", "done.jsonl");
  const first = await openPartialResults<{ values: number[] }>(path, "a");
  expect(first.blocks).toEqual([]);
  await first.append({ values: [1, 2] });
  await first.append({ values: [3] });
  await appendFile(path, '{"values":[4,');
  const second = await openPartialResults<{ values: number[] }>(path, "a");
  expect(second.blocks).toEqual([{ values: [1, 2] }, { values: [3] }]);
  // The next block does not end up in the line that was cut off.
  await second.append({ values: [5] });
  expect((await openPartialResults(path, "a")).blocks).toHaveLength(3);
});

test("blocks of other inputs are thrown away", async () => {
  const path = join(folder, "done.jsonl");
  await (await openPartialResults(path, "a")).append({ values: [1] });
  expect((await openPartialResults(path, "b")).blocks).toEqual([]);
  expect((await openPartialResults(path, "a")).blocks).toEqual([]);
});
