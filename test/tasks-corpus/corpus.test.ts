import { describe, expect, it } from "vitest";
import { colors, countedThings, heldThings, months, names } from "../../src/tasks/builtin/words.ts";
import { corpusDocument, corpusKinds } from "../../src/tasks/corpus/index.ts";
import { RandomStream } from "../../src/util/random.ts";

function documents(seed: number, count: number): string[] {
  const random = new RandomStream(seed, "test/corpus");
  return Array.from({ length: count }, () => corpusDocument(random));
}

describe("corpusDocument", () => {
  it("is a pure function of the stream", () => {
    expect(documents(5, 200)).toEqual(documents(5, 200));
    expect(documents(6, 20)).not.toEqual(documents(5, 20));
  });

  it("hardly ever repeats a document", () => {
    expect(new Set(documents(1, 2000)).size).toBeGreaterThan(1980);
  });

  it("writes 10,000 documents of the wanted length in under three seconds", { timeout: 30_000 }, () => {
    // Processor time of the fastest quarter, so that a busy machine does not fail the test.
    const texts: string[] = [];
    let fastest = Number.POSITIVE_INFINITY;
    for (let quarter = 0; quarter < 4; quarter++) {
      const start = process.cpuUsage();
      texts.push(...documents(2 + quarter, 2500));
      const spent = process.cpuUsage(start);
      fastest = Math.min(fastest, (spent.user + spent.system) / 1000);
    }
    expect(4 * fastest).toBeLessThan(3000);
    const words = texts.reduce((sum, text) => sum + text.split(/\s+/).length, 0) / texts.length;
    expect(words).toBeGreaterThan(60);
    expect(words).toBeLessThan(150);
    // Long ones are needed for the way back, and nothing may be far beyond a context of 512 tokens.
    const long = texts.filter((text) => text.length > 1000);
    expect(long.length).toBeGreaterThan(300);
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(4000);
  });

  it("uses every word of the built-in worlds, and every letter at the end of a word", () => {
    const text = documents(3, 3000).join("\n");
    const words = new Set(text.split(/[^A-Za-z]+/));
    for (const word of [...names, ...colors, ...heldThings, ...countedThings, ...months])
      expect(words.has(word), word).toBe(true);
    for (const letter of "abcdefghijklmnopqrstuvwxyz") {
      expect(text.includes(`" is "${letter}".`), letter).toBe(true);
    }
  });

  it.each(Object.keys(corpusKinds))("writes clean text of kind %s", (kind) => {
    const random = new RandomStream(4, kind);
    for (let i = 0; i < 80; i++) {
      const text = corpusKinds[kind]!.write(random);
      expect(text).toBe(text.trim());
      expect(text).not.toMatch(/undefined|NaN|\[object|\$\{|\.\.| {2}|\n{3}| \.|,,/);
      expect(text).toMatch(/^[\x20-\x7e\n]+$/);
      // Each story in the student's format has both marks, in order.
      for (const story of text.split("\n\n")) {
        const marks = story.match(/ ### | --> /g) ?? [];
        if (story.includes(" --> ")) expect(marks.length % 2).toBe(0);
      }
    }
  });

  it("gives about half of the single-step documents the student's format", () => {
    const random = new RandomStream(8, "format");
    let formatted = 0;
    const kinds = ["swapStory", "swapQuestion", "coin", "dateSteps", "spelling", "sumStories"];
    for (let i = 0; i < 900; i++)
      formatted += corpusKinds[kinds[i % kinds.length]!]!.write(random).includes(" --> ") ? 1 : 0;
    expect(formatted / 900).toBeGreaterThan(0.35);
    expect(formatted / 900).toBeLessThan(0.9);
  });
});
