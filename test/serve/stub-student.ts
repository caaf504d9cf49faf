/** A student that says the same of everything, part by part, for tests of the server around it. */
import type { ServedStudent } from "../../src/serve/served-student.ts";

const endOfSequence = 0;

/** @param parts texts of the tokens that every reply has */
export function stubStudent(
  parts: readonly string[] = ["8"],
  beforeEach: () => Promise<void> = async () => {},
): ServedStudent {
  const generate: ServedStudent["student"]["generate"] = async (prompts, { onToken }) => {
    for (const index of prompts.keys()) {
      for (const token of [...parts.keys()].map((part) => part + 1).concat(endOfSequence)) {
        await beforeEach();
        onToken?.(index, token);
      }
    }
    return [];
  };
  const decode = (tokens: readonly number[]): string =>
    tokens.map((token) => (token === endOfSequence ? "" : parts[token - 1]!)).join("");
  return {
    student: { capabilities: () => ({ contextLength: 1000 }), generate },
    tokenizer: { endOfSequence, decode },
    suppressTokens: [],
    maxNewTokens: 500,
    questionPrompt: () => [1],
    rawPrompt: () => [1],
  } as unknown as ServedStudent;
}
