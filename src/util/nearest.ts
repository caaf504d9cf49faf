/** "Did you mean …": the known word nearest to a mistyped one. */

/** Longer words are no typing errors; the cap keeps the quadratic table small on hostile input. */
const longestWord = 100;

/**
 * The candidate with the smallest edit distance to `word`, upper and lower case taken as equal (ties: the first one).
 * Undefined when nothing is near: more than a third of the longer word would have to change.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const length = Math.max(word.length, candidate.length);
    if (length > longestWord) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= Math.max(1, Math.floor(length / 3)) && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of two neighbours cost 1 each. */
export function editDistance(first: string, second: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: second.length + 1 }, (_, j) => j);
  for (let i = 1; i <= first.length; i++) {
    const row = [i];
    for (let j = 1; j <= second.length; j++) {
      const substitution = oneBack[j - 1]! + (first[i - 1] === second[j - 1] ? 0 : 1);
      let cost = Math.min(substitution, oneBack[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && first[i - 1] === second[j - 2] && first[i - 2] === second[j - 1];
      if (swapped) cost = Math.min(cost, twoBack[j - 2]! + 1);
      row.push(cost);
    }
    twoBack = oneBack;
    oneBack = row;
  }
  return oneBack[second.length]!;
}
