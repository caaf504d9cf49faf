import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { makeRationale, readRationales, writeRationales } from "../../src/rationale/rationale.ts";

const folder = mkdtempSync(join(tmpdir(), "skipthink-rationale-"));
afterAll(() => rmSync(folder, { recursive: true }));

const fields = { id: "p1/1", problemId: "p1", question: "2 + 3?", answer: "5" };
const split = makeRationale({ ...fields, text: " First 2.\nThen 3. So 5." });
const withRoles = makeRationale({
  ...fields,
  id: "p1/2",
  steps: ["Add. ", "5."],
  roles: ["reasoning", "answer"],
});

test("makeRationale splits a text, or joins given steps", () => {
  expect(split.steps).toEqual([" First 2.\n", "Then 3. ", "So 5."]);
  expect("roles" in split).toBe(false);
  expect(withRoles.text).toBe("Add. 5.");
  expect(() => makeRationale({ ...fields, steps: ["a"], roles: [] })).toThrow(RangeError);
});

test("what is written is read back, and no temporary file stays", async () => {
  const path = join(folder, "rationales.jsonl");
  await writeRationales(path, [split, withRoles]);
  expect(await readRationales(path)).toEqual([split, withRoles]);
  expect(readdirSync(folder)).toEqual(["rationales.jsonl"]);
});

test("a failed write leaves the old file", async () => {
  const path = join(folder, "rationales.jsonl");
  await writeRationales(path, [split]);
  const before = readFileSync(path, "utf8");
  await expect(writeRationales(path, [split, { ...split, steps: ["other"] }])).rejects.toThrow("do not join");
  expect(readFileSync(path, "utf8")).toBe(before);
  expect(readdirSync(folder)).toEqual(["rationales.jsonl"]);
});

describe("a line that is no rationale names its place", () => {
  test.each([
    ["steps that do not join", { ...split, steps: ["First"] }, "steps"],
    ["a blank step", { ...split, text: " ", steps: [" "] }, "steps.0"],
    ["an unknown role", { ...withRoles, roles: ["reasoning", "other"] }, "roles.1"],
    ["too few roles", { ...withRoles, roles: ["answer"] }, "roles"],
    ["a missing answer", { ...split, answer: undefined }, "answer"],
    ["an unknown key", { ...split, extra: 1 }, undefined],
    ["an id used before", withRoles, "id"],
  ])("%s", async (_name, row, key) => {
    const path = join(folder, "bad.jsonl");
    writeFileSync(path, `${JSON.stringify(withRoles)}\n${JSON.stringify(row)}\n`);
    const error = await readRationales(path).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ exitCode: 2, place: { file: path, line: 2, ...(key && { key }) } });
  });
});
