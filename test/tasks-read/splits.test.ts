import { expect, test } from "vitest";
import { chooseCount, chooseShare, normalizeQuestion } from "../../src/tasks/splits.ts";

test("copies of a question normalize to the same text", () => {
  const copies = [
    "Tom has 1,000 apples.  How many?",
    "tom has 1000 apples how many",
    " Tom has 1000 apples;\nhow many?! ",
  ];
  expect(new Set(copies.map(normalizeQuestion)).size).toBe(1);
});

test.each([
  ["5 - 3", "5 + 3"],
  ["What is -3?", "What is 3?"],
  ["3.5 apples", "35 apples"],
  ["3 * 4", "3 / 4"],
  ["2(3-1)", "2(3+1)"],
  ["???", "!!!"],
])("%j and %j stay different", (first, second) => {
  expect(normalizeQuestion(first)).not.toBe(normalizeQuestion(second));
});

test("a share is the same for any order of the items, and keeps it", () => {
  const items = Array.from({ length: 200 }, (_, n) => `question ${n}`);
  const key = (item: string): string => item;
  const { chosen, rest } = chooseShare(items, key, 0.25, 1, "split/test");
  expect(chosen.length).toBe(50);
  expect([...chosen, ...rest].sort()).toEqual([...items].sort());
  expect(chosen).toEqual(items.filter((item) => chosen.includes(item)));
  expect(chooseShare(items.toReversed(), key, 0.25, 1, "split/test").chosen.toReversed()).toEqual(chosen);
  expect(chooseShare(items, key, 0.25, 2, "split/test").chosen).not.toEqual(chosen);
  expect(chooseShare(items, key, 0.25, 1, "split/dev").chosen).not.toEqual(chosen);
});

test("small lists: one is chosen, one stays", () => {
  const key = (item: number): string => String(item);
  expect(chooseShare([1, 2], key, 0.01, 1, "s").chosen.length).toBe(1);
  expect(chooseShare([1, 2], key, 0.99, 1, "s").rest.length).toBe(1);
  expect(chooseShare([1], key, 0.5, 1, "s").chosen).toEqual([]);
  expect(chooseShare([1, 2], key, 0, 1, "s").chosen).toEqual([]);
  expect(chooseCount([1, 2, 3], key, 2, 1, "s").chosen.length).toBe(2);
  expect(() => chooseShare([1], key, 1.5, 1, "s")).toThrow(RangeError);
});
