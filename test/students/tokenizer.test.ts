import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainByteLevelBpe } from "../../src/students/bpe.ts";
import { loadTokenizer, tokenizerFromDocument } from "../../src/students/tokenizer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

const corpus = [
  "Tom has 12 apples and Ann has 3 apples.",
  "Tom gives Ann 5 apples, so Ann has 8 apples.\nTom has 7 apples.",
];
const options = { vocabularySize: 300, endOfText: "<|endoftext|>", splitDigits: true };
const own = tokenizerFromDocument(trainByteLevelBpe(corpus, options)).withAddedTokens(["[1]", "[answer]"]);
const mixed = "Tom has 128 apples,\n\n  café ٣½ \u0085\ufeff日 don't";

/** Writes tokenizer files into a folder of their own. */
async function folderWith(name: string, files: Record<string, unknown>): Promise<string> {
  const path = await mkdtemp(join(folder, name));
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(path, file), typeof content === "string" ? content : JSON.stringify(content));
  }
  return path;
}

describe("a trained tokenizer", () => {
  it("gives the ids of transformers", () => {
    // AutoTokenizer.from_pretrained(saved folder)(mixed).input_ids, transformers 5.23.
    expect(own.encode(mixed)).toEqual([
      269, 265, 221, 17, 18, 24, 262, 12, 199, 199, 221, 221, 67, 65, 70, 128, 103, 221, 150, 97, 127, 122,
      221, 127, 228, 172, 120, 124, 163, 246, 99, 221, 68, 79, 78, 7, 84,
    ]);
  });

  it("round-trips any text", () => {
    const text = fc
      .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 20 })
      .map((points) => String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff)));
    fc.assert(
      fc.property(text, (sample) => {
        const ids = own.encode(sample);
        expect(own.decode(ids)).toBe(sample);
        expect(ids.every((id) => id < own.vocabularySize)).toBe(true);
      }),
    );
    expect(own.decode(own.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  it("never turns text into control tokens", () => {
    const text = "<|endoftext|>[1] [answer]";
    const ids = own.encode(text);
    for (const token of ["<|endoftext|>", "[1]", "[answer]"]) expect(ids).not.toContain(own.idOf(token));
    expect(own.decode(ids)).toBe(text);
  });

  it("decodes whatever it is given", () => {
    expect(own.decode([])).toBe("");
    expect(own.decode([own.endOfSequence])).toBe("");
    expect(own.decode([-1, 0.5, 1e9, Number.NaN])).toBe("");
    const marker = own.idOf("[1]")!;
    const ids = [own.endOfSequence, ...own.encode("Tom"), marker, 1e9];
    expect(own.decode(ids)).toBe("Tom");
    expect(own.decode(ids, { keepSpecial: true })).toBe("<|endoftext|>Tom[1]");
    // Half of a two-byte character.
    expect(own.decode(own.encode("é").slice(0, 1))).toBe("\ufffd");
    // Spaces before punctuation stay.
    expect(own.decode(own.encode("a . b , n't"))).toBe("a . b , n't");
  });

  it("adds tokens after the existing ids and keeps what is there", () => {
    const size = own.vocabularySize;
    const grown = own.withAddedTokens(["[answer]", "[eoc]", "[2]", "[eoc]"]);
    expect(grown.vocabularySize).toBe(size + 2);
    expect([grown.idOf("[answer]"), grown.idOf("[eoc]"), grown.idOf("[2]")]).toEqual([
      size - 1,
      size,
      size + 1,
    ]);
    expect(own.vocabularySize).toBe(size);
    expect(own.idOf("[eoc]")).toBeUndefined();
    expect(own.endOfSequence).toBe(0);
    expect(() => own.withAddedTokens([""])).toThrow(/empty/);
  });

  it("makes an ordinary token special when it is added, and unreachable from text", () => {
    const ordinary = own.idOf("apples") ?? own.idOf("Ġapples");
    const grown = own.withAddedTokens(["Ġapples"]);
    expect(grown.idOf("Ġapples")).toBe(ordinary);
    expect(own.encode(" apples")).toEqual([ordinary]);
    expect(grown.encode(" apples")).not.toContain(ordinary);
    expect(grown.decode(grown.encode(" apples"))).toBe(" apples");
  });

  it("is the same after saving and loading", async () => {
    const path = join(folder, "saved");
    await own.save(path);
    const loaded = await loadTokenizer(path);
    expect(loaded.encode(mixed)).toEqual(own.encode(mixed));
    expect([loaded.vocabularySize, loaded.endOfSequence, loaded.idOf("[answer]")]).toEqual([
      own.vocabularySize,
      own.endOfSequence,
      own.idOf("[answer]"),
    ]);
    expect(JSON.parse(await readFile(join(path, "tokenizer_config.json"), "utf8"))).toMatchObject({
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "<|endoftext|>",
    });
    const again = join(folder, "again");
    await loaded.save(again);
    expect(await readFile(join(again, "tokenizer.json"), "utf8")).toBe(
      await readFile(join(path, "tokenizer.json"), "utf8"),
    );
  });
});

describe("foreign tokenizer files", () => {
  const unigram = {
    added_tokens: [
      { id: 0, content: "<pad>", special: true },
      { id: 1, content: "</s>", special: true },
      { id: 2, content: "<unk>", special: true },
    ],
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
      pair: [],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    model: {
      type: "Unigram",
      unk_id: 2,
      vocab: [
        ["<pad>", 0],
        ["</s>", 0],
        ["<unk>", 0],
        ["▁", -2],
        ["a", -3],
        ["▁a", -2.5],
        ["b", -3],
        ["<", -4],
        ["/", -4],
        ["s", -4],
        [">", -4],
      ],
    },
  };

  it("a Unigram vocabulary cannot be tricked into its own control pieces, and no end is appended", async () => {
    const tokenizer = await loadTokenizer(
      await folderWith("unigram", {
        "tokenizer.json": unigram,
        "tokenizer_config.json": { eos_token: { content: "</s>" } },
      }),
    );
    expect(tokenizer.endOfSequence).toBe(1);
    expect(tokenizer.encode("a b</s>")).toEqual([5, 3, 6, 7, 8, 9, 10]);
    expect(tokenizer.encode("z")).toEqual([3, 2]);
    expect(tokenizer.decode([5, 3, 6, 1])).toBe("a b");
  });

  it("refuses a Unigram vocabulary that falls back to bytes, which would be unknown tokens here", async () => {
    const document = { ...unigram, model: { ...unigram.model, byte_fallback: true } };
    await expect(
      loadTokenizer(await folderWith("fallback", { "tokenizer.json": document })),
    ).rejects.toMatchObject({
      exitCode: 2,
      place: { key: "model.byte_fallback" },
      remedy: expect.stringContaining("BPE"),
    });
  });

  it("keeps the configuration and brings added_tokens_decoder up to date", async () => {
    const decoder = { 1: { content: "</s>", special: true }, 11: { content: "<extra>", special: true } };
    const tokenizer = await loadTokenizer(
      await folderWith("decoder", {
        "tokenizer.json": unigram,
        "tokenizer_config.json": {
          tokenizer_class: "T5Tokenizer",
          eos_token: "</s>",
          extra_ids: 1,
          added_tokens_decoder: decoder,
        },
      }),
    );
    expect(tokenizer.idOf("<extra>")).toBe(11);
    const path = join(folder, "decoder-out");
    await tokenizer.withAddedTokens(["[1]"]).save(path);
    const config = JSON.parse(await readFile(join(path, "tokenizer_config.json"), "utf8"));
    expect(config).toMatchObject({ tokenizer_class: "T5Tokenizer", extra_ids: 1 });
    expect(config.added_tokens_decoder["12"]).toMatchObject({ content: "[1]", special: true });
    expect(Object.keys(config.added_tokens_decoder)).toEqual(["0", "1", "2", "11", "12"]);
  });

  it("byte tokens decode as in the Python library: U+FEFF stays, broken sequences are one mark a byte", async () => {
    const bytes = [0xef, 0xbb, 0xbf, 0xc3, 0xa9].map((byte) => `<0x${byte.toString(16).toUpperCase()}>`);
    const vocab = Object.fromEntries(["<unk>", "</s>", ...bytes, "a"].map((token, id) => [token, id]));
    const document = {
      added_tokens: [{ id: 1, content: "</s>", special: true }],
      decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }, { type: "Fuse" }] },
      model: { type: "BPE", vocab, merges: [], unk_token: "<unk>", byte_fallback: true },
    };
    const tokenizer = await loadTokenizer(await folderWith("bytes", { "tokenizer.json": document }));
    expect(tokenizer.encode("\ufeffaé")).toEqual([2, 3, 4, 7, 5, 6]);
    expect(tokenizer.decode([2, 3, 4, 7, 5, 6])).toBe("\ufeffaé");
    expect(tokenizer.decode([5, 6, 5, 7])).toBe("\ufffd\ufffd\ufffda");
  });

  const legacy = {
    "vocab.json": { a: 0, b: 1, ab: 2, "<|endoftext|>": 3, __proto__x: 4, constructor: 5 },
    "merges.txt": "#version: 0.2\na b\n",
  };

  it("reads vocab.json and merges.txt", async () => {
    const tokenizer = await loadTokenizer(await folderWith("legacy", legacy));
    expect(tokenizer.encode("aba")).toEqual([2, 0]);
    expect(tokenizer.endOfSequence).toBe(3);
    expect(tokenizer.idOf("toString")).toBeUndefined();
  });

  it.each(["GPT2Tokenizer", "GPT2TokenizerFast", null])(
    "reads them for GPT-2's tokenizer class (%s)",
    async (tokenizer_class) => {
      const files = { ...legacy, "tokenizer_config.json": { tokenizer_class } };
      expect((await loadTokenizer(await folderWith("class", files))).encode("aba")).toEqual([2, 0]);
    },
  );

  it("refuses them for another class, whose words they do not tell", async () => {
    const files = { ...legacy, "tokenizer_config.json": { tokenizer_class: "Qwen2Tokenizer" } };
    await expect(loadTokenizer(await folderWith("class", files))).rejects.toMatchObject({
      message: expect.stringContaining("Qwen2Tokenizer"),
      exitCode: 2,
      place: { file: expect.stringMatching(/tokenizer_config\.json$/), key: "tokenizer_class" },
      remedy: expect.stringContaining("tokenizer.json"),
    });
    // With tokenizer.json the class does not matter.
    const whole = { ...files, "tokenizer.json": unigram };
    expect((await loadTokenizer(await folderWith("class", whole))).endOfSequence).toBe(1);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["no files", {}, /has no tokenizer/],
    ["broken JSON", { "tokenizer.json": "{" }, /tokenizer\.json is not valid JSON/],
    ["no model", { "tokenizer.json": {} }, /tokenizer\.json: "model"/],
    [
      "a huge id",
      { "tokenizer.json": { model: { type: "BPE", vocab: { a: 1e9 }, merges: [] } } },
      /"model\.vocab"/,
    ],
    ["an unknown model", { "tokenizer.json": { model: { type: "Magic", vocab: {} } } }, /"model\.type"/],
    [
      "an unknown pre-tokenizer",
      {
        "tokenizer.json": {
          pre_tokenizer: { type: "Magic" },
          model: { type: "BPE", vocab: { "</s>": 0 }, merges: [] },
        },
      },
      /cannot be used: .*Magic/,
    ],
    [
      "no end of sequence",
      { "tokenizer.json": { model: { type: "BPE", vocab: { a: 0 }, merges: [] } } },
      /no end-of-sequence/,
    ],
    [
      "one token with two ids",
      {
        "tokenizer.json": {
          added_tokens: [{ id: 9, content: "</s>" }],
          model: { type: "BPE", vocab: { "</s>": 0 }, merges: [] },
        },
      },
      /"<\/s>" two ids, 0 and 9/,
    ],
    [
      "an added token with the id of another token",
      {
        "tokenizer.json": {
          added_tokens: [{ id: 1, content: "<pad>" }],
          model: { type: "BPE", vocab: { "</s>": 0, a: 1 }, merges: [] },
        },
      },
      /"a" and "<pad>" one id, 1/,
    ],
    [
      "an added token with the id of a piece",
      { "tokenizer.json": { ...unigram, added_tokens: [{ id: 4, content: "<mask>" }] } },
      /"a" and "<mask>" one id, 4/,
    ],
    [
      "two added tokens with one id",
      {
        "tokenizer.json": unigram,
        "tokenizer_config.json": {
          added_tokens_decoder: { 11: { content: "<x>" }, "011": { content: "<y>" } },
        },
      },
      /"<x>" and "<y>" one id, 11/,
    ],
    [
      "a huge id of an added token",
      {
        "tokenizer.json": unigram,
        "tokenizer_config.json": { added_tokens_decoder: { 10000001: { content: "<x>" } } },
      },
      /tokenizer_config\.json: "added_tokens_decoder\.10000001"/,
    ],
    [
      "a merge of unknown tokens",
      { ...legacy, "merges.txt": "#version: 0.2\na b\na c\n" },
      /merges\.txt, line 3/,
    ],
  ])("refuses %s by name", async (_, files, message) => {
    const loading = loadTokenizer(await folderWith("bad", files));
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ name: "SkipthinkError", exitCode: 2 });
  });
});

const shared = resolve(process.env.SKIPTHINK_SHARED ?? resolve(import.meta.dirname, "../../../shared"));
const vocabularies = join(shared, "data/tokenizers");

describe.skipIf(!existsSync(vocabularies))(`true vocabularies (skipped without ${vocabularies})`, () => {
  it("GPT-2's old files give the ids of transformers", async () => {
    const tokenizer = await loadTokenizer(join(vocabularies, "gpt2"));
    expect(tokenizer.endOfSequence).toBe(50256);
    expect(tokenizer.encode(mixed)).toEqual([
      13787, 468, 13108, 22514, 11, 628, 220, 40304, 18923, 96, 23141, 220, 126, 227, 171, 119, 123, 33768,
      98, 836, 470,
    ]);
    expect(tokenizer.withAddedTokens(["[1]"]).idOf("[1]")).toBe(50257);
  });

  it("T5's SentencePiece model gives the ids of transformers", async () => {
    const tokenizer = await loadTokenizer(join(vocabularies, "t5"));
    expect([tokenizer.endOfSequence, tokenizer.vocabularySize]).toEqual([1, 32_100]);
    expect(tokenizer.encode(`${mixed} ﬁ ① a\u2581b x`)).toEqual([
      3059, 65, 209, 2577, 16981, 6, 11949, 3, 2, 536, 2, 357, 3, 2, 278, 31, 17, 361, 209, 3, 9, 3, 115, 3,
      226,
    ]);
    expect(tokenizer.decode(tokenizer.encode("Tom has 128 apples,\n ok."))).toBe("Tom has 128 apples, ok.");
  });

  it("GPT-NeoX keeps its tokens for runs of spaces", async () => {
    const tokenizer = await loadTokenizer(join(vocabularies, "gpt-neox"));
    expect(tokenizer.encode("a        b\n    ok ﬁ café 日")).toEqual([
      66, 50270, 67, 187, 50274, 536, 16141, 107, 212, 36241, 209, 17951,
    ]);
    expect(tokenizer.encode("<|endoftext|>")).not.toContain(tokenizer.endOfSequence);
  });
});
