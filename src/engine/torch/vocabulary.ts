/** What the worker needs to grow a model's embeddings as the embedded engine would. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { newRowNoise } from "../../students/grow-embedding.ts";
import { inputError } from "../../util/errors.ts";

/** Rows that the embeddings will have, and the standard normal draws for the new ones (see growEmbedding). */
export interface GrownVocabulary {
  rows: number;
  noise: Float64Array;
}

/**
 * What a vocabulary of `tokens` means for the model in `folder`; rows that are there stay.
 * @throws SkipthinkError (exit 2) for a folder without a readable config.json
 */
export async function grownVocabulary(
  folder: string,
  tokens: number,
  seed: number,
): Promise<GrownVocabulary> {
  const file = join(folder, "config.json");
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw inputError(
      `config.json cannot be read: ${reason}`,
      { file },
      "Give a model folder in Hugging Face layout.",
    );
  }
  const width = config.hidden_size ?? config.n_embd ?? config.d_model;
  const { vocab_size: stored } = config;
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(stored)) {
    throw inputError("config.json does not say the model's width and vocabulary", {
      file,
      key: "vocab_size",
    });
  }
  const rows = Math.max(tokens, stored as number);
  return { rows, noise: newRowNoise(rows - (stored as number), width as number, seed) };
}
