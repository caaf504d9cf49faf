/** Whether a tokenizer belongs to the model it lies beside. */
import { inputError } from "../util/errors.ts";
import type { Tokenizer } from "./tokenizer-interface.ts";

/** @throws SkipthinkError (exit 2) for a tokenizer with ids beyond the embeddings, which the model could not look up */
export function checkTokenizerFits(
  tokenizer: Pick<Tokenizer, "vocabularySize">,
  model: { vocabularySize: number },
  folder: string,
): void {
  if (tokenizer.vocabularySize <= model.vocabularySize) return;
  throw inputError(
    `the tokenizer has ${tokenizer.vocabularySize} tokens, the model's embeddings ${model.vocabularySize}`,
    { file: folder, key: "vocab_size" },
    "The tokenizer belongs to another model: put the tokenizer.json of this model into the folder.",
  );
}
