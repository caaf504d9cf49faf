/** Small helpers of the corpus grammars: lists, articles, samples without replacement, the student's text format. */
import type { RandomStream } from "../../util/random.ts";

/** True with the given probability. */
export function chance(random: RandomStream, probability: number): boolean {
  return random.next() < probability;
}

/** `count` distinct entries in random order (all of them if there are fewer). */
export function sample<T>(random: RandomStream, values: readonly T[], count: number): T[] {
  const copy = [...values];
  const size = Math.min(count, copy.length);
  for (let i = 0; i < size; i++) {
    const j = i + random.below(copy.length - i);
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy.slice(0, size);
}

/** "a", "a and b", "a, b, and c". */
export function listOf(items: readonly string[]): string {
  if (items.length <= 2) return items.join(" and ");
  return `${items.slice(0, -1).join(", ")}, and ${items.at(-1)}`;
}

/** The words with their indefinite article: "an orange ball". */
export function withArticle(words: string): string {
  return `${/^[aeiou]/i.test(words) ? "an" : "a"} ${words}`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The text of a decoder student: `{question} ### {rationale} --> {answer}`. */
export function studentForm(question: string, rationale: string, answer: string): string {
  return `${question} ### ${rationale} --> ${answer}`;
}

/** "(A) red ball, (B) blue ball" for up to twelve options. */
export function lettered(options: readonly string[]): string {
  return options.map((option, index) => `(${letterAt(index)}) ${option}`).join(", ");
}

export function letterAt(index: number): string {
  return String.fromCharCode(65 + index);
}

/** Mini-stories of one document; a blank line stands between two of them and never inside one. */
export function document(stories: readonly string[]): string {
  return stories.join("\n\n");
}

/** A document of `low` to `high` mini-stories written one after the other. */
export function several(random: RandomStream, low: number, high: number, write: () => string): string {
  return document(Array.from({ length: random.between(low, high) }, write));
}
