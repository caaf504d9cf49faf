/** Rationales made from a seed, for tests: a question, steps of a few words, an answer. */

import { type EncodedRationale, encodeRationale } from "../../src/method/items/encode.ts";
import { findMarkers, type Markers, markerTokens } from "../../src/method/items/markers.ts";
import type { Rationale } from "../../src/tasks/problem.ts";
import { RandomStream } from "../../src/util/random.ts";
import { FakeTokenizer } from "./fake-tokenizer.ts";

const words = ["Ann", "has", "three", "red", "books", "and", "gives", "away", "then", "two", "so", "left"];

export function makeRationale(seed: number, steps: number): Rationale {
  const random = new RandomStream(seed, "test/rationale");
  const pieces = Array.from({ length: steps }, (_, i) => {
    const text = Array.from({ length: random.between(1, 5) }, () => random.pick(words)).join(" ");
    return `${text}.${i === steps - 1 ? "" : random.pick([" ", "\n", "\n\n"])}`;
  });
  return {
    id: `r${seed}`,
    problemId: `p${seed}`,
    question: `How many of ${random.pick(words)} ?`,
    answer: random.pick(["yes", "no", "18 apples"]),
    text: pieces.join(""),
    steps: pieces,
  };
}

export interface World {
  tokenizer: FakeTokenizer;
  markers: Markers;
  encoded: EncodedRationale[];
}

/** `count` encoded rationales of 1 … `maxSteps` steps, with markers for `chunks` chunks. */
export function makeWorld(options: { count: number; maxSteps: number; chunks: number }): World {
  const tokenizer = new FakeTokenizer().withAddedTokens(markerTokens(options.chunks));
  const random = new RandomStream(7, "test/world");
  const encoded = Array.from({ length: options.count }, (_, seed) =>
    encodeRationale(tokenizer, makeRationale(seed, random.between(1, options.maxSteps))),
  );
  return { tokenizer, markers: findMarkers(tokenizer, options.chunks), encoded };
}
