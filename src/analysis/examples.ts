/** Rationales with their core tokens, as text, for a reader. */
import type { Tokenizer } from "../students/tokenizer-interface.ts";
import type { Rationale } from "../tasks/problem.ts";
import type { CoreMarks } from "./core-tokens.ts";
import type { CoreExample, ExampleToken } from "./data.ts";

/** Tokens of one example; a longer rationale is cut. */
const mostTokens = 600;

export function coreExample(
  rationale: Pick<Rationale, "id" | "question" | "answer" | "roles">,
  steps: readonly (readonly number[])[],
  marks: CoreMarks,
  tokenizer: Pick<Tokenizer, "decode">,
): CoreExample {
  const pieces = tokenTexts(steps.flat().slice(0, mostTokens), tokenizer);
  let at = 0;
  const shown = steps.flatMap((step, s): CoreExample["steps"] => {
    const role = rationale.roles?.[s];
    const tokens = step.slice(0, Math.max(0, mostTokens - at)).map((_, i) => exampleToken(at + i));
    at += step.length;
    return tokens.length === 0 ? [] : [{ ...(role === undefined ? {} : { role }), tokens }];
  });
  const { id, question, answer } = rationale;
  return { id, question, answer, wholeRight: marks.wholeRight, steps: shown };

  function exampleToken(position: number): ExampleToken {
    const text = pieces[position]!;
    if (marks.core[position] !== 1) return { text, core: false };
    return {
      text,
      core: true,
      replacement: tokenizer.decode([marks.replacement[position]!], { keepSpecial: true }),
      fall: marks.fall[position]!,
    };
  }
}

/** What each token adds to the text: some tokenizers drop the space of a token that is decoded alone. */
function tokenTexts(tokens: readonly number[], tokenizer: Pick<Tokenizer, "decode">): string[] {
  let before = "";
  return tokens.map((token, i) => {
    const after = tokenizer.decode(tokens.slice(0, i + 1));
    // Part of a character's bytes is replaced by a mark that the next token takes back.
    const text = after.startsWith(before) ? after.slice(before.length) : tokenizer.decode([token]);
    before = after;
    return text;
  });
}
