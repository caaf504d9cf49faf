/** Tiny random students as model folders, with a tokenizer of the texts they will read: what whole runs in tests start from. */
import { trainByteLevelBpe } from "../../src/students/bpe.ts";
import {
  gpt2ParameterShapes,
  initializeGpt2,
  newGpt2Config,
  parseGpt2Config,
} from "../../src/students/gpt2-config.ts";
import { writeModelFolder } from "../../src/students/model-folder.ts";
import { tokenizerFromDocument } from "../../src/students/tokenizer.ts";
import type { Tokenizer } from "../../src/students/tokenizer-interface.ts";
import { generateBuiltin } from "../../src/tasks/builtin/index.ts";

export type TinyTokenizer = Tokenizer & { save(folder: string): Promise<void> };

/** A byte-level BPE of the texts. */
export function tinyTokenizer(texts: readonly string[], vocabularySize = 320): TinyTokenizer {
  return tokenizerFromDocument(
    trainByteLevelBpe(texts, { vocabularySize, endOfText: "<|endoftext|>", splitDigits: true }),
  );
}

/** Questions, rationales and answers of the coin task, as students read them. */
export function coinTexts(): string[] {
  return generateBuiltin("coin_flip", { train: 12, dev: 0, test: 0 }, 1).train.map(
    ({ question, text, answer }) => `${question} ${text} --> ${answer}`,
  );
}

/** A GPT-2 of one layer. @param spare rows that the embedding has beyond the tokenizer's */
export async function writeTinyGpt2(
  folder: string,
  tokenizer: TinyTokenizer,
  { contextLength, spare = 0 }: { contextLength: number; spare?: number },
): Promise<void> {
  const config = newGpt2Config({
    vocabularySize: tokenizer.vocabularySize + spare,
    contextLength,
    width: 16,
    layers: 1,
    heads: 2,
    endOfText: tokenizer.endOfSequence,
  });
  const parsed = parseGpt2Config(config, "config.json");
  const shapes = gpt2ParameterShapes(parsed);
  await writeTiny(folder, tokenizer, config, shapes, initializeGpt2(parsed, 1));
}

/** Config, weights and tokenizer into the folder. */
export async function writeTiny(
  folder: string,
  tokenizer: TinyTokenizer,
  config: object,
  shapes: ReadonlyMap<string, readonly number[]>,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const tensors = [...shapes].map(([name, shape]) => ({ name, shape, data: weights.get(name)! }));
  await writeModelFolder(folder, { config: { ...config }, tensors });
  await tokenizer.save(folder);
}
