/** What the tests of the PyTorch engine work on: tiny students that transformers made, and rationales of random tokens. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import type { EncodedRationale } from "../../src/method/items/encode.ts";
import type { Markers } from "../../src/method/items/markers.ts";
import { RandomStream } from "../../src/util/random.ts";

export const golden = resolve(import.meta.dirname, "../golden");

/** Markers behind the stored vocabulary, so that the embeddings grow. */
export async function grown(name: string): Promise<{ folder: string; vocabulary: number; markers: Markers }> {
  const folder = join(golden, name);
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as { vocab_size: number };
  const first = config.vocab_size;
  return {
    folder,
    vocabulary: first + 5,
    markers: {
      stages: [first, first + 1, first + 2],
      answer: first + 3,
      endOfChunk: first + 4,
      label: [],
      rationale: [],
    },
  };
}

export function rationales(vocabulary: number, count: number): EncodedRationale[] {
  const random = new RandomStream(5, "cross-engine/rationales");
  const tokens = (length: number): number[] => Array.from({ length }, () => 1 + random.below(vocabulary - 6));
  return Array.from({ length: count }, (_, i) => ({
    rationaleId: `r${i}`,
    question: tokens(3 + random.below(6)),
    steps: Array.from({ length: 4 + random.below(4) }, () => tokens(2 + random.below(5))),
    arrow: [1],
    answer: tokens(1),
  }));
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
