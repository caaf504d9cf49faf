/** SentencePiece model files (spiece.model) of Unigram vocabularies, as T5 has them, read into a tokenizer.json object. */
import { inputError, type SkipthinkError } from "../util/errors.ts";
import { specialTokenEntry, type TokenizerDocument } from "./bpe.ts";

/** `ModelProto.SentencePiece.Type` */
const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
const unigram = 1;

interface Piece {
  content: string;
  score: number;
  type: number;
}

/**
 * Reads a Unigram model the way transformers converts T5's: the file's character map, words split at white space and marked by
 * U+2581, control pieces as special tokens, and `sentinels` more, `<extra_id_n>` with the last one first.
 *
 * @throws SkipthinkError (exit 2) naming the file, for one that is malformed or holds another kind of model
 */
export function readSentencePiece(bytes: Uint8Array, sentinels: number, file: string): TokenizerDocument {
  const refuse = (reason: string): SkipthinkError =>
    inputError(
      `${file} is not a SentencePiece model that can be read: ${reason}`,
      { file },
      "Load the tokenizer in transformers and save it again, which writes tokenizer.json.",
    );
  const pieces: Piece[] = [];
  let modelType = unigram;
  let charsmap: Uint8Array = new Uint8Array(0);
  for (const { field, value } of fieldsOf(bytes, refuse)) {
    if (field === 1 && value instanceof Uint8Array) pieces.push(pieceOf(value, refuse));
    if (field === 2 && value instanceof Uint8Array) {
      for (const part of fieldsOf(value, refuse)) if (part.field === 3) modelType = Number(part.value);
    }
    if (field === 3 && value instanceof Uint8Array) {
      for (const part of fieldsOf(value, refuse)) {
        if (part.field === 2 && part.value instanceof Uint8Array) charsmap = part.value;
      }
    }
  }
  if (modelType !== unigram) throw refuse("it is not of the Unigram type");
  const unknown = pieces.findIndex(({ type }) => type === pieceTypes.unknown);
  if (unknown < 0) throw refuse("it has no unknown piece");
  if (pieces.some(({ type }) => type === pieceTypes.byte)) throw refuse("it falls back to bytes");

  const extra = Array.from({ length: sentinels }, (_, i) => `<extra_id_${sentinels - 1 - i}>`);
  const special = pieces.flatMap(({ content, type }, id) =>
    type === pieceTypes.control || type === pieceTypes.unknown ? [specialTokenEntry(id, content)] : [],
  );
  const endOfText = special.find(({ content }) => content === "</s>");
  const metaspace = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [...special, ...extra.map((content, i) => specialTokenEntry(pieces.length + i, content))],
    normalizer:
      charsmap.length === 0
        ? null
        : { type: "Precompiled", precompiled_charsmap: Buffer.from(charsmap).toString("base64") },
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] },
    post_processor: endOfText === undefined ? null : appending(endOfText.content, endOfText.id),
    decoder: metaspace,
    model: {
      type: "Unigram",
      unk_id: unknown,
      vocab: [
        ...pieces.map(({ content, score }) => [content, score]),
        ...extra.map((content) => [content, 0]),
      ],
      byte_fallback: false,
    },
  };
}

/** A post-processor that ends each text by a token, for transformers; ours leaves that to the items. */
function appending(content: string, id: number): Record<string, unknown> {
  const text = (name: string) => ({ Sequence: { id: name, type_id: 0 } });
  const end = { SpecialToken: { id: content, type_id: 0 } };
  return {
    type: "TemplateProcessing",
    single: [text("A"), end],
    pair: [text("A"), end, text("B"), end],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}

function pieceOf(bytes: Uint8Array, refuse: (reason: string) => SkipthinkError): Piece {
  const piece: Piece = { content: "", score: 0, type: pieceTypes.normal };
  for (const { field, value } of fieldsOf(bytes, refuse)) {
    if (field === 1 && value instanceof Uint8Array) piece.content = Buffer.from(value).toString("utf8");
    if (field === 2 && value instanceof Uint8Array && value.length === 4) {
      piece.score = new DataView(value.buffer, value.byteOffset).getFloat32(0, true);
    }
    if (field === 3) piece.type = Number(value);
  }
  return piece;
}

/** The fields of a protobuf message: numbers for varints, bytes (views, not copies) for all others. */
function* fieldsOf(
  bytes: Uint8Array,
  refuse: (reason: string) => SkipthinkError,
): Generator<{ field: number; value: number | Uint8Array }> {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = bytes[position++];
      if (byte === undefined) throw refuse("it ends too early");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw refuse("a number is too long");
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - position) throw refuse("it ends too early");
    position += length;
    return bytes.subarray(position - length, position);
  };
  while (position < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const wire = key % 8;
    if (wire === 0) yield { field, value: varint() };
    else if (wire === 1) yield { field, value: take(8) };
    else if (wire === 2) yield { field, value: take(varint()) };
    else if (wire === 5) yield { field, value: take(4) };
    else throw refuse("it is no protobuf message");
  }
}
