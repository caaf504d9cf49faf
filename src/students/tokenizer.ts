/** Tokenizers of students, on @huggingface/tokenizers, made safe for untrusted text and equal to the Python library's ids. */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { inputError } from "../util/errors.ts";
import { type AddedTokenEntry, specialTokenEntry, type TokenizerDocument } from "./bpe.ts";
import {
  agreeingPreTokenizer,
  checkPreTokenizer,
  type LibraryPreTokenizer,
  useSplits,
} from "./pre-tokenizers.ts";
import { precompiledCharsmap } from "./precompiled-charsmap.ts";
import {
  addIfMissing,
  readTokenizerFiles,
  type TokenizerFiles,
  writeTokenizerFiles,
} from "./tokenizer-files.ts";
import type { Tokenizer } from "./tokenizer-interface.ts";

/**
 * Opens the tokenizer of a model folder.
 *
 * @throws SkipthinkError (exit 2) when files are missing, malformed, or name no end-of-sequence token
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  return openTokenizer(await readTokenizerFiles(folder), folder);
}

/** A tokenizer over a freshly trained tokenizer.json object whose first special token ends a text. */
export function tokenizerFromDocument(document: TokenizerDocument): Tokenizer {
  const endOfText = document.added_tokens.find((token) => token.special)?.content;
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: endOfText,
    eos_token: endOfText,
    unk_token: endOfText,
    clean_up_tokenization_spaces: false,
  };
  return openTokenizer({ document: structuredClone(document), config }, "tokenizer.json");
}

function openTokenizer(files: TokenizerFiles, place: string): Tokenizer {
  const { document, config } = files;
  checkPreTokenizer(document.pre_tokenizer, place);
  checkModel(document, place);
  const vocabulary = vocabularyOf(document);
  const endOfText = contentOf(config.eos_token) ?? knownEndOfText(document, vocabulary);
  const idOfEnd =
    endOfText === undefined
      ? undefined
      : (document.added_tokens.find((token) => token.content === endOfText)?.id ?? vocabulary.get(endOfText));
  if (endOfText === undefined || idOfEnd === undefined) {
    throw inputError(
      `the tokenizer of ${place} has no end-of-sequence token${endOfText === undefined ? "" : ` "${endOfText}"`}`,
      { file: place, key: "eos_token" },
      "Name it as eos_token in tokenizer_config.json.",
    );
  }
  addIfMissing(document, specialTokenEntry(idOfEnd, endOfText));
  checkIds(document, place);
  for (const token of document.added_tokens) {
    // The token that ends a text is never shown as text, whatever the file says of it.
    if (token.content === endOfText) token.special = true;
    const ordinary = vocabulary.get(token.content);
    if (ordinary !== undefined && ordinary !== token.id) {
      throw inputError(
        `the tokenizer of ${place} gives "${token.content}" two ids, ${ordinary} and ${token.id}`,
        { file: place, key: "added_tokens" },
      );
    }
  }
  // What is not said is written, so that transformers reads back the same tokenizer.
  config.tokenizer_class ??= "PreTrainedTokenizerFast";
  config.eos_token ??= endOfText;
  try {
    return new LoadedTokenizer(files, idOfEnd);
  } catch (error) {
    throw inputError(`the tokenizer of ${place} cannot be used: ${(error as Error).message.slice(0, 300)}`, {
      file: place,
    });
  }
}

class LoadedTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly endOfSequence: number;
  private readonly files: TokenizerFiles;
  private readonly library: HuggingFaceTokenizer;
  /** Contents by id; holes of a sparse vocabulary are undefined. */
  private readonly contents: (string | undefined)[];
  private readonly added: Map<string, AddedTokenEntry>;
  private readonly specialIds: Set<number>;

  constructor(files: TokenizerFiles, endOfSequence: number) {
    this.files = files;
    this.endOfSequence = endOfSequence;
    const { added_tokens } = files.document;
    this.added = new Map(added_tokens.map((token) => [token.content, token]));
    this.specialIds = new Set(added_tokens.filter((token) => token.special).map((token) => token.id));

    this.library = new HuggingFaceTokenizer(runtimeDocument(files.document), {
      ...files.config,
      // The library would treat its contents as special tokens of the text.
      additional_special_tokens: [],
    });
    useSplits(this.library.pre_tokenizer as LibraryPreTokenizer | null);
    useCharsmaps(this.library.normalizer as LibraryNormalizer | null);
    useWholeBytes(this.library.decoder as LibraryDecoder | null);
    // For decoding, the hidden control tokens get their true contents back (ids to text only).
    this.contents = this.library.model!.vocab;
    for (const { id, content } of added_tokens) this.contents[id] = content;
    if (this.library.decoder !== null) {
      this.library.decoder.added_tokens = added_tokens as never;
    }
    this.vocabularySize = this.contents.length;
  }

  encode(text: string): number[] {
    if (text === "") return [];
    // A lone surrogate has no UTF-8 form; the hidden special tokens rely on none being there.
    const wellFormed = text.replace(/\p{Surrogate}/gu, "\uFFFD");
    return this.library.encode(wellFormed, { add_special_tokens: false }).ids;
  }

  decode(ids: readonly number[], options: { keepSpecial?: boolean } = {}): string {
    const known = ids.filter(
      (id) => this.contents[id] !== undefined && (options.keepSpecial === true || !this.specialIds.has(id)),
    );
    if (known.length === 0) return "";
    // Never "cleaned up": removing spaces before punctuation would change what the student wrote.
    return this.library.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  idOf(token: string): number | undefined {
    return this.added.get(token)?.id ?? this.library.model!.tokens_to_ids.get(token);
  }

  withAddedTokens(tokens: readonly string[]): Tokenizer {
    const document = { ...this.files.document, added_tokens: [...this.files.document.added_tokens] };
    let next = this.vocabularySize;
    for (const content of new Set(tokens)) {
      if (content === "") throw inputError("an added token cannot be empty", { key: "added_tokens" });
      const id = this.idOf(content);
      if (id === undefined) addIfMissing(document, specialTokenEntry(next++, content));
      else if (!this.added.has(content)) addIfMissing(document, specialTokenEntry(id, content));
    }
    return new LoadedTokenizer({ document, config: this.files.config }, this.endOfSequence);
  }

  async save(folder: string): Promise<void> {
    await writeTokenizerFiles(folder, this.files);
  }
}

/** Added tokens of letters, digits and white space are plain text written short (e.g. runs of spaces); others are control. */
const plainText = /^[\p{L}\p{M}\p{N}\s]+$/u;
const isControl = (token: AddedTokenEntry) => token.special || !plainText.test(token.content);

/**
 * The document as the library gets it: no text can reach a control token, and pre-tokenizers whose JavaScript version
 * differs from the Python library's are replaced by ones that agree with it.
 */
function runtimeDocument(document: TokenizerDocument): TokenizerDocument {
  // Lone surrogates cannot occur in text given to the model (see encode), so these contents match nothing.
  const hidden = new Map(document.added_tokens.filter(isControl).map((t) => [t.content, `\uD800${t.id}`]));
  const hide = (content: string) => hidden.get(content) ?? content;
  const { model } = document;
  const vocab = Array.isArray(model.vocab)
    ? (model.vocab as [string, number][]).map(([content, score]) => [hide(content), score])
    : Object.fromEntries(Object.entries(model.vocab as object).map(([content, id]) => [hide(content), id]));
  const runtimeModel: Record<string, unknown> = { ...model, vocab };
  if (typeof model.unk_token === "string") runtimeModel.unk_token = hide(model.unk_token);
  if (Array.isArray(model.merges)) {
    runtimeModel.merges = (model.merges as (string | [string, string])[]).filter(
      (merge) => !hidden.has(Array.isArray(merge) ? merge.join("") : merge.replace(" ", "")),
    );
  }
  return {
    ...document,
    added_tokens: document.added_tokens.filter((token) => !isControl(token)),
    pre_tokenizer: agreeingPreTokenizer(document.pre_tokenizer),
    post_processor: null,
    model: runtimeModel,
  };
}

/** The parts of the library's normalizers that are used here. */
interface LibraryNormalizer {
  normalize(text: string): string;
  /** Of a `Precompiled` normalizer. */
  charsmap?: string | null;
  /** Of a `Sequence`. */
  normalizers?: (LibraryNormalizer | null)[];
}

/** The library's `Precompiled` normalizer does not read its character map: one that does takes its place. */
function useCharsmaps(normalizer: LibraryNormalizer | null): void {
  if (normalizer === null) return;
  if (typeof normalizer.charsmap === "string") {
    normalizer.normalize = precompiledCharsmap(normalizer.charsmap, "tokenizer.json");
  }
  for (const part of normalizer.normalizers ?? []) useCharsmaps(part);
}

/** The parts of the library's decoders that are used here. */
interface LibraryDecoder {
  /** Of a `ByteFallback` decoder, among others. */
  text_decoder?: { decode(bytes: Uint8Array): string };
  config: { type?: string };
  /** Of a `Sequence`. */
  decoders?: (LibraryDecoder | null)[];
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs of byte tokens as the Python library decodes them: U+FEFF stays, and each byte of a run that is not UTF-8 is U+FFFD. */
function useWholeBytes(decoder: LibraryDecoder | null): void {
  if (decoder === null) return;
  if (decoder.config.type === "ByteFallback") {
    decoder.text_decoder = {
      decode(bytes) {
        try {
          return strictUtf8.decode(bytes);
        } catch {
          return "\uFFFD".repeat(bytes.length);
        }
      },
    };
  }
  for (const part of decoder.decoders ?? []) useWholeBytes(part);
}

/** @throws SkipthinkError (exit 2) for an added token that shares its id with another token: one of the two could not be written */
function checkIds({ model, added_tokens }: TokenizerDocument, place: string): void {
  const entries = Array.isArray(model.vocab)
    ? (model.vocab as [string, number][]).map(([content], id) => [id, content] as const)
    : Object.entries(model.vocab as Record<string, number>).map(([content, id]) => [id, content] as const);
  const contents = new Map(entries);
  for (const { id, content } of added_tokens) {
    const other = contents.get(id);
    if (other !== undefined && other !== content) {
      throw inputError(
        `the tokenizer of ${place} gives "${other}" and "${content}" one id, ${id}`,
        { file: place, key: "added_tokens" },
        "Download or save the tokenizer again; added tokens need ids of their own.",
      );
    }
    contents.set(id, content);
  }
}

/** @throws SkipthinkError (exit 2) for what the library would read and compute otherwise than Python's */
function checkModel({ model }: TokenizerDocument, place: string): void {
  if (!Array.isArray(model.vocab) || model.byte_fallback !== true) return;
  throw inputError(
    `the tokenizer of ${place} asks for "model.byte_fallback", which is not supported for Unigram vocabularies`,
    { file: place, key: "model.byte_fallback" },
    "Take a student whose tokenizer is a BPE, or a Unigram without byte fallback as T5's.",
  );
}

function vocabularyOf(document: TokenizerDocument): Map<string, number> {
  const { vocab } = document.model;
  return Array.isArray(vocab)
    ? new Map((vocab as [string, number][]).map(([content], id) => [content, id]))
    : new Map(Object.entries(vocab as Record<string, number>));
}

/** Special-token fields of tokenizer_config.json are strings or objects with a `content`. */
function contentOf(field: unknown): string | undefined {
  if (typeof field === "string") return field;
  const content = (field as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

/** The end of text where no configuration names it: the usual contents, in the order of their age. */
function knownEndOfText(
  document: TokenizerDocument,
  vocabulary: ReadonlyMap<string, number>,
): string | undefined {
  return ["<|endoftext|>", "</s>"].find(
    (content) => vocabulary.has(content) || document.added_tokens.some((token) => token.content === content),
  );
}
