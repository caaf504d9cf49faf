/** What the prompts of a batch have in common, so that it is read once. */

/** Tokens that sharing must save before a pass of its own over the common beginning pays. */
const worthAPass = 256;

/** Prompts that differ, and for each prompt which of them it equals. */
export function distinctPrompts(prompts: readonly (readonly number[])[]): {
  distinct: (readonly number[])[];
  places: number[];
} {
  const places = new Map<string, number>();
  const distinct: (readonly number[])[] = [];
  const placeOf = prompts.map((prompt) => {
    const key = prompt.join();
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, distinct.length);
    return distinct.push(prompt) - 1;
  });
  return { distinct, places: placeOf };
}

/** Number of tokens that all prompts begin with, where reading them once pays; else 0. Each prompt keeps a token of its own. */
export function sharedPrefix(prompts: readonly (readonly number[])[]): number {
  const [first, ...others] = prompts;
  if (first === undefined || others.length === 0) return 0;
  let length = Math.min(...prompts.map((prompt) => prompt.length)) - 1;
  for (const other of others) {
    const differs = first.findIndex((token, i) => token !== other[i]);
    if (differs >= 0) length = Math.min(length, differs);
  }
  return length * others.length < worthAPass ? 0 : length;
}
