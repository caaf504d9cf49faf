/**
 * Converts a checkpoint of llama2.c (legacy format, float32) and its tokenizer into a Hugging Face Llama folder, which our engine
 * and transformers read alike.
 *
 *   npx tsc -p tsconfig.tools.json && node build/scripts/convert-llama2c.js stories260K.bin tok512.bin <folder>
 */
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { TokenizerDocument } from "../src/students/bpe.ts";
import { specialTokenEntry } from "../src/students/bpe.ts";
import { llamaParameterShapes, newLlamaConfig, parseLlamaConfig } from "../src/students/llama-config.ts";
import { writeModelFolder } from "../src/students/model-folder.ts";
import { writeTokenizerFiles } from "../src/students/tokenizer-files.ts";
import { inputError } from "../src/util/errors.ts";

const [beginOfText, endOfText] = [1, 2];
/** The first ids: unknown, begin, end, then one per byte value. */
const byteTokens = 3;
const firstPiece = byteTokens + 256;

/** @throws SkipthinkError (exit 2) naming the file that is not what it should be */
export async function convertLlama2c(checkpoint: string, tokenizer: string, folder: string): Promise<void> {
  const model = readCheckpoint(await readFile(checkpoint), checkpoint);
  const document = readTokenizer(await readFile(tokenizer), model.vocabularySize, tokenizer);
  await writeModelFolder(folder, model);
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<s>",
    eos_token: "</s>",
    unk_token: "<unk>",
    clean_up_tokenization_spaces: false,
  };
  await writeTokenizerFiles(folder, { document, config });
}

/** Seven int32 sizes, then float32 matrices [out, in], those of one kind for all layers together. */
function readCheckpoint(bytes: Buffer, file: string) {
  const header = Array.from({ length: 7 }, (_, i) => (bytes.length < 28 ? 0 : bytes.readInt32LE(4 * i)));
  const [width, inner, layers, heads, keyValueHeads, vocabulary, contextLength] = header as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const tied = vocabulary > 0;
  const vocabularySize = Math.abs(vocabulary);
  const config = {
    ...newLlamaConfig({
      vocabularySize,
      contextLength,
      width,
      inner,
      layers,
      heads,
      keyValueHeads,
      endOfText,
    }),
    rms_norm_eps: 1e-5,
    bos_token_id: beginOfText,
    tie_word_embeddings: tied,
  };
  const parsed = parseLlamaConfig(config, file);
  const shapes = llamaParameterShapes(parsed);
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
  const half = parsed.head_dim / 2;
  // Cosines and sines of the positions are stored too; ours are computed.
  const rotary = 2 * contextLength * half;
  const expected = 28 + 4 * ([...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0) + rotary);
  if (bytes.length !== expected) {
    throw inputError(
      `${file} has ${bytes.length} bytes; a checkpoint of these sizes has ${expected}`,
      { file },
      "Give a llama2.c checkpoint in its legacy float32 format.",
    );
  }

  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 28, bytes.byteOffset + expected));
  let position = 0;
  const tensors: { name: string; shape: number[]; data: Float32Array }[] = [];
  const take = (name: string, turn = (data: Float32Array, _rowLength: number) => data) => {
    const shape = shapes.get(name)!;
    const data = values.subarray(position, position + sizeOf(shape));
    position += data.length;
    tensors.push({ name, shape, data: turn(data, shape.at(-1)!) });
  };
  const takeLayers = (part: string, turn?: (data: Float32Array, rowLength: number) => Float32Array) => {
    for (let layer = 0; layer < layers; layer++) take(`model.layers.${layer}.${part}.weight`, turn);
  };
  const rows = (data: Float32Array, rowLength: number) => turnedRows(data, rowLength, half);
  take("model.embed_tokens.weight");
  takeLayers("input_layernorm");
  takeLayers("self_attn.q_proj", rows);
  takeLayers("self_attn.k_proj", rows);
  takeLayers("self_attn.v_proj");
  takeLayers("self_attn.o_proj");
  takeLayers("post_attention_layernorm");
  takeLayers("mlp.gate_proj");
  takeLayers("mlp.down_proj");
  takeLayers("mlp.up_proj");
  take("model.norm.weight");
  position += rotary;
  if (!tied) take("lm_head.weight");
  return { config, tensors, vocabularySize };
}

/** Rows of each head from neighbouring pairs (0, 1), (2, 3), … to the pairs of transformers (0, half), (1, half + 1), … */
function turnedRows(data: Float32Array, rowLength: number, half: number): Float32Array {
  const turned = new Float32Array(data.length);
  for (let row = 0; row * rowLength < data.length; row++) {
    const inHead = row % (2 * half);
    const from = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    turned.set(data.subarray(from * rowLength, (from + 1) * rowLength), row * rowLength);
  }
  return turned;
}

/**
 * Pieces of a SentencePiece BPE vocabulary with their scores. Merges are not stored: a pair merges where its join is a piece, the
 * join of the highest score first.
 */
function readTokenizer(bytes: Buffer, vocabularySize: number, file: string): TokenizerDocument {
  const pieces: { text: string; score: number }[] = [];
  let position = 4;
  while (position + 8 <= bytes.length) {
    const length = bytes.readInt32LE(position + 4);
    const text = length < 0 ? "" : bytes.toString("utf8", position + 8, position + 8 + length);
    // The file holds pieces as text: a space for the mark of a word's start.
    pieces.push({ text: text.replaceAll(" ", "\u2581"), score: bytes.readFloatLE(position) });
    position += 8 + Math.max(length, 0);
  }
  if (position !== bytes.length || pieces.length !== vocabularySize || vocabularySize <= firstPiece) {
    throw inputError(
      `${file} does not hold the ${vocabularySize} pieces of the checkpoint's vocabulary`,
      { file },
      "Give the tokenizer file that the checkpoint was trained with.",
    );
  }
  const special = ["<unk>", "<s>", "</s>"];
  const vocab = Object.fromEntries(pieces.map(({ text }, id) => [special[id] ?? text, id]));
  const merges: { parts: [string, string]; score: number; ids: [number, number] }[] = [];
  for (const { text, score } of pieces.slice(firstPiece)) {
    const characters = [...text];
    for (let cut = 1; cut < characters.length; cut++) {
      const parts: [string, string] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
      if (!parts.every((part) => Object.hasOwn(vocab, part))) continue;
      merges.push({ parts, score, ids: [vocab[parts[0]]!, vocab[parts[1]]!] });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => specialTokenEntry(id, content)),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "\u2581" },
        { type: "Replace", pattern: { String: " " }, content: "\u2581" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [beginOfText], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "\u2581" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: merges.map(({ parts }) => parts),
    },
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [checkpoint, tokenizer, folder] = process.argv.slice(2);
  if (checkpoint === undefined || tokenizer === undefined || folder === undefined) {
    console.error("usage: node build/scripts/convert-llama2c.js <model.bin> <tokenizer.bin> <folder>");
    process.exit(2);
  }
  await convertLlama2c(checkpoint, tokenizer, folder);
  console.error(`wrote ${folder}`);
}
