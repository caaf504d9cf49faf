/** Pre-tokenizers against the pieces that the Python library (tokenizers 0.23.3, pre_tokenize_str) cuts the same text into. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer } from "../../src/students/tokenizer.ts";

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "skipthink-pre-tokenizers-"));
});
afterAll(() => rm(parent, { recursive: true }));

const text = "café-- don't\u200dx_1²!? \u0085\ufeff日、a--";

/** One token per character; its content says whether it begins a piece. */
const tokens = ["</s>", "[UNK]", ...[...new Set(text)].flatMap((character) => [character, `##${character}`])];

async function load(preTokenizer: object) {
  const folder = await mkdtemp(join(parent, "tokenizer-"));
  const document = {
    added_tokens: [{ id: 0, content: "</s>", special: true }],
    pre_tokenizer: preTokenizer,
    model: {
      type: "WordPiece",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
  };
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(document));
  return await loadTokenizer(folder);
}

async function piecesOf(preTokenizer: object): Promise<string[]> {
  const pieces: string[] = [];
  for (const id of (await load(preTokenizer)).encode(text)) {
    const token = tokens[id]!;
    if (token.startsWith("##")) pieces.push(pieces.pop()! + token.slice(2));
    else pieces.push(token);
  }
  return pieces;
}

/** Pieces with a bar between them, which the text does not hold. */
it.each<[object, string]>([
  [{ type: "Whitespace" }, "café|--|don|'|t\u200dx_1|²!?|\ufeff|日|、|a|--"],
  [{ type: "BertPreTokenizer" }, "café|-|-|don|'|t\u200dx|_|1²|!|?|\ufeff日|、|a|-|-"],
  [{ type: "Punctuation" }, "café|-|-| don|'|t\u200dx|_|1²|!|?| \u0085\ufeff日|、|a|-|-"],
  [{ type: "Punctuation", behavior: "Removed" }, "café| don|t\u200dx|1²| \u0085\ufeff日|a"],
  [
    { type: "Punctuation", behavior: "Isolated" },
    "café|-|-| don|'|t\u200dx|_|1²|!|?| \u0085\ufeff日|、|a|-|-",
  ],
  [
    { type: "Punctuation", behavior: "MergedWithPrevious" },
    "café-|-| don'|t\u200dx_|1²!|?| \u0085\ufeff日、|a-|-",
  ],
  [
    { type: "Punctuation", behavior: "MergedWithNext" },
    "café|-|- don|'t\u200dx|_1²|!|? \u0085\ufeff日|、a|-|-",
  ],
  [
    { type: "Punctuation", behavior: "Contiguous" },
    "café|--| don|'|t\u200dx|_|1²|!?| \u0085\ufeff日|、|a|--",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "Removed", invert: false },
    "café| don't\u200dx_1²!? \u0085\ufeff日、a",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "Isolated", invert: false },
    "café|-|-| don't\u200dx_1²!? \u0085\ufeff日、a|-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "MergedWithPrevious", invert: false },
    "café-|-| don't\u200dx_1²!? \u0085\ufeff日、a-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "MergedWithNext", invert: false },
    "café|-|- don't\u200dx_1²!? \u0085\ufeff日、a|-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "Contiguous", invert: false },
    "café|--| don't\u200dx_1²!? \u0085\ufeff日、a|--",
  ],
  [{ type: "Split", pattern: { String: "-" }, behavior: "Removed", invert: true }, "-|-|-|-"],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "Isolated", invert: true },
    "café|-|-| don't\u200dx_1²!? \u0085\ufeff日、a|-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "MergedWithPrevious", invert: true },
    "café|-|- don't\u200dx_1²!? \u0085\ufeff日、a|-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "MergedWithNext", invert: true },
    "café-|-| don't\u200dx_1²!? \u0085\ufeff日、a-|-",
  ],
  [
    { type: "Split", pattern: { String: "-" }, behavior: "Contiguous", invert: true },
    "café|--| don't\u200dx_1²!? \u0085\ufeff日、a|--",
  ],
  [
    { type: "Split", pattern: { Regex: "(-)|a*" }, behavior: "Removed", invert: false },
    "c|f|é| |d|o|n|'|t|\u200d|x|_|1|²|!|?| |\u0085|\ufeff|日|、",
  ],
  [
    { type: "Split", pattern: { Regex: "(-)|a*" }, behavior: "Isolated", invert: false },
    "c|a|f|é|-|-| |d|o|n|'|t|\u200d|x|_|1|²|!|?| |\u0085|\ufeff|日|、|a|-|-",
  ],
  [
    { type: "Split", pattern: { Regex: "(-)|a*" }, behavior: "MergedWithPrevious", invert: false },
    "ca|f|é-|-| |d|o|n|'|t|\u200d|x|_|1|²|!|?| |\u0085|\ufeff|日|、a|-|-",
  ],
  [
    { type: "Split", pattern: { Regex: "(-)|a*" }, behavior: "MergedWithNext", invert: false },
    "c|af|é|-|- |d|o|n|'|t|\u200d|x|_|1|²|!|?| |\u0085|\ufeff|日|、|a|-|-",
  ],
  [
    { type: "Split", pattern: { Regex: "(-)|a*" }, behavior: "Contiguous", invert: false },
    "c|a|f|é|--| |d|o|n|'|t|\u200d|x|_|1|²|!|?| |\u0085|\ufeff|日|、|a--",
  ],
  [
    {
      type: "Sequence",
      pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Punctuation", behavior: "MergedWithNext" }],
    },
    "café|-|-|don|'t\u200dx|_1²|!|?|\ufeff日|、a|-|-",
  ],
])("%j cuts as in Python", async (preTokenizer, pieces) => {
  expect(await piecesOf(preTokenizer)).toEqual(pieces.split("|"));
});

describe("refuses by key", () => {
  const split = { type: "Split", pattern: { String: "-" }, behavior: "Removed", invert: false };
  it.each<[object, string]>([
    [{ ...split, behavior: undefined }, "pre_tokenizer.behavior"],
    [{ ...split, behavior: "removed" }, "pre_tokenizer.behavior"],
    [{ type: "Punctuation", behavior: "Split" }, "pre_tokenizer.behavior"],
    [
      { type: "Sequence", pretokenizers: [split, { ...split, pattern: {} }] },
      "pre_tokenizer.pretokenizers.1.pattern",
    ],
  ])("%j", async (preTokenizer, key) => {
    await expect(load(preTokenizer)).rejects.toMatchObject({
      name: "SkipthinkError",
      exitCode: 2,
      place: { key },
      remedy: expect.stringContaining("Save the tokenizer again"),
    });
  });
});
