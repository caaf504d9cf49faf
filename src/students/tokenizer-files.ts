/** Hugging Face tokenizer files: reading them from a model folder, old forms included, and writing them back. */
import { join } from "node:path";
import { z } from "zod";
import { writeTextAtomically } from "../tensor/atomic-file.ts";
import { inputError } from "../util/errors.ts";
import { type AddedTokenEntry, specialTokenEntry, type TokenizerDocument } from "./bpe.ts";
import { checkJson, parseJson, readBytesIfThere, readJsonIfThere, readTextIfThere } from "./json-file.ts";
import { readSentencePiece } from "./sentencepiece.ts";

/** tokenizer.json and tokenizer_config.json of one tokenizer, kept as they were except for what is changed on purpose. */
export interface TokenizerFiles {
  document: TokenizerDocument;
  config: Record<string, unknown>;
}

/** No known vocabulary reaches ten million; ids index arrays, so a hostile one must not be huge. */
const largestId = 10_000_000;

const addedTokenSchema = z.object({
  id: z.number().int().min(0).max(largestId),
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});

/** Token to id. Checked in place: a copy would lose a token named "__proto__". */
const vocabularySchema = z.custom<Record<string, number>>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((id) => Number.isInteger(id) && id >= 0 && id <= largestId),
  "expected an object of token ids",
);

/** What is read of tokenizer.json here; the rest is the library's to check. */
const documentSchema = z.object({
  added_tokens: z
    .array(addedTokenSchema)
    .nullish()
    .transform((tokens) => tokens ?? []),
  pre_tokenizer: z.looseObject({}).nullish(),
  model: z.object({
    type: z.enum(["BPE", "Unigram", "WordPiece"]).optional(),
    vocab: z.union([vocabularySchema, z.array(z.tuple([z.string(), z.number()]))]),
  }),
});

const configSchema = z.looseObject({
  /** Sentinel tokens that T5 has beyond those of its SentencePiece model. */
  extra_ids: z.number().int().min(0).max(1000).optional(),
  tokenizer_class: z.string().nullish(),
  added_tokens_decoder: z
    .record(
      z.string().refine((id) => /^\d{1,8}$/.test(id) && Number(id) <= largestId),
      addedTokenSchema.omit({ id: true }),
    )
    .optional(),
});

/**
 * Reads the tokenizer of a model folder: tokenizer.json, or what came before it: T5's spiece.model, GPT-2's vocab.json and
 * merges.txt.
 *
 * @throws SkipthinkError (exit 2) naming the file, and the key where one is wrong
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const config = (await readJsonIfThere(join(folder, "tokenizer_config.json"), configSchema)) ?? {};
  const document =
    (await readDocument(join(folder, "tokenizer.json"))) ??
    (await readPieces(join(folder, "spiece.model"), config.extra_ids ?? defaultSentinels)) ??
    (await readVocabularyAndMerges(folder, config.tokenizer_class));
  // transformers adds what only the configuration names; its ids are kept.
  for (const [id, entry] of Object.entries(config.added_tokens_decoder ?? {})) {
    addIfMissing(document, { id: Number(id), ...entry });
  }
  document.added_tokens.sort((a, b) => a.id - b.id);
  return { document, config };
}

/** Writes both files atomically. An `added_tokens_decoder` in the configuration is brought up to date. */
export async function writeTokenizerFiles(folder: string, files: TokenizerFiles): Promise<void> {
  const config = structuredClone(files.config);
  if (config.added_tokens_decoder !== undefined) {
    config.added_tokens_decoder = Object.fromEntries(
      files.document.added_tokens.map(({ id, ...entry }) => [String(id), entry]),
    );
  }
  await writeTextAtomically(join(folder, "tokenizer.json"), JSON.stringify(files.document));
  await writeTextAtomically(join(folder, "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

export function addIfMissing(document: TokenizerDocument, entry: AddedTokenEntry): void {
  if (document.added_tokens.some((token) => token.content === entry.content)) return;
  document.added_tokens.push(entry);
}

async function readDocument(path: string): Promise<TokenizerDocument | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const json = parseJson(text, path);
  const { added_tokens } = checkJson(json, documentSchema, path);
  // The file's own keys and their order are kept; what old files leave out is null.
  const document: TokenizerDocument = { ...(json as TokenizerDocument), added_tokens };
  for (const part of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) document[part] ??= null;
  return document;
}

/** What transformers takes where a T5 tokenizer does not say. */
const defaultSentinels = 100;

async function readPieces(path: string, sentinels: number): Promise<TokenizerDocument | undefined> {
  const bytes = await readBytesIfThere(path);
  return bytes === undefined ? undefined : readSentencePiece(bytes, sentinels, path);
}

/** @param tokenizerClass the one that tokenizer_config.json names */
async function readVocabularyAndMerges(
  folder: string,
  tokenizerClass: string | null | undefined,
): Promise<TokenizerDocument> {
  const vocabularyPath = join(folder, "vocab.json");
  const mergesPath = join(folder, "merges.txt");
  const vocabularyText = await readTextIfThere(vocabularyPath);
  const mergesText = await readTextIfThere(mergesPath);
  if (vocabularyText === undefined || mergesText === undefined) {
    throw inputError(
      `${folder} has no tokenizer`,
      { file: join(folder, "tokenizer.json") },
      "Give a model folder with tokenizer.json, or with spiece.model, or with vocab.json and merges.txt.",
    );
  }
  // Other classes cut text into other words (Qwen2's takes digits one by one), which these two files do not say.
  if (tokenizerClass && !/^GPT2Tokenizer(?:Fast)?$/.test(tokenizerClass)) {
    const file = join(folder, "tokenizer_config.json");
    throw inputError(
      `${file} names the class ${tokenizerClass.slice(0, 80)}; vocab.json and merges.txt alone are read for GPT-2's only`,
      { file, key: "tokenizer_class" },
      "Load the tokenizer with AutoTokenizer of transformers and save it again into the folder, which writes tokenizer.json.",
    );
  }
  const vocab = checkJson(parseJson(vocabularyText, vocabularyPath), vocabularySchema, vocabularyPath);
  const merges: [string, string][] = [];
  mergesText.split(/\r?\n/).forEach((text, index) => {
    if (text === "" || (index === 0 && text.startsWith("#version"))) return;
    const parts = text.split(" ");
    const [left, right] = parts;
    if (
      parts.length !== 2 ||
      left === undefined ||
      right === undefined ||
      !Object.hasOwn(vocab, left + right)
    ) {
      throw inputError(`${mergesPath}, line ${index + 1}: not a pair of tokens whose join is in vocab.json`, {
        file: mergesPath,
        line: index + 1,
      });
    }
    merges.push([left, right]);
  });
  const endOfText = Object.hasOwn(vocab, "<|endoftext|>") ? vocab["<|endoftext|>"] : undefined;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: endOfText === undefined ? [] : [specialTokenEntry(endOfText, "<|endoftext|>")],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}
