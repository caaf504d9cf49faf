import { expect, test } from "vitest";
import { chooseCount, chooseShare, drawKey, normalizeQuestion } from "../../src/tasks/splits.ts";

test("copies of a question normalize to the same text", () => {
  const copies = [
    "Tom has 1,000 apples.  How many?",
    "tom has 1000 apples how many",
    " Tom has 1000 apples;\nhow many?! ",
  ];
  expect(new Set(copies.map(normalizeQuestion)).size).toBe(1);
});

test.each([
  ["Tom’s “red” T-shirt – or Ann's?", "tom's \"red\" t shirt or ann's"],
  ["not ( True and False )", "not (True and False)"],
  ["What is 2+3?", "what is 2 + 3"],
  ["What is 5 − 3?", "What is 5 - 3 ?"],
  ["What is 5–3?", "What is 5-3?"],
  ["**How many** are left?", "How many are left?"],
  ["Which one?\n(A) red (B) blue", "Which one? A. red B. blue"],
  ["Ｔｏｍ\u00a0has ３ apples", "Tom has 3 apples"],
  ["the ﬁrst co\u00adin", "the first coin"],
  ["Cafe\u0301", "Café"],
  ["Tom, who is six - and Ann - swam!", "Tom who is six and Ann swam."],
])("%j and %j are the same question", (first, second) => {
  expect(normalizeQuestion(first)).toBe(normalizeQuestion(second));
});

test.each([
  ["5 - 3", "5 + 3"],
  ["What is -3?", "What is 3?"],
  ["3.5 apples", "35 apples"],
  ["3 * 4", "3 / 4"],
  ["2(3-1)", "2(3+1)"],
  ["???", "!!!"],
  ["What is (2 + 3) * 4?", "What is 2 + (3 * 4)?"],
  ["not ( True and False )", "( not True ) and False"],
  ["a*b", "a-b"],
  ["a*b", "a/b"],
  ["a - b", "a b"],
  ["What is -x?", "What is x?"],
  ["What is 5² + 1?", "What is 52 + 1?"],
  ["What is 2ⁿ?", "What is 2n?"],
  ["What is 3½?", "What is 31/2?"],
  ["What is 5! ?", "What is 5?"],
  ["Is x != y?", "Is x = y?"],
  ["What is f'(2)?", "What is f(2)?"],
  ["a_1", "a1"],
])("%j and %j stay different", (first, second) => {
  expect(normalizeQuestion(first)).not.toBe(normalizeQuestion(second));
});

test("a question's draw stays what it was", () => {
  expect(drawKey("What is (2 + 3) * 4?  Tom's 1,000 - 5!")).toBe("what is 2 + 3 * 4 tom s 1000 - 5");
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
