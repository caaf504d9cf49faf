/** SentencePiece model files and their character maps, on small ones made here byte by byte. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { precompiledCharsmap } from "../../src/students/precompiled-charsmap.ts";
import { readSentencePiece } from "../../src/students/sentencepiece.ts";
import { loadTokenizer } from "../../src/students/tokenizer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-sentencepiece-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A double-array trie with one block of 256 units per node, and the replacements behind it. */
function charsmap(entries: Record<string, string>): Buffer {
  const keys = Object.keys(entries);
  const replacements = Buffer.from(keys.map((key) => `${entries[key]}\0`).join(""));
  const nodes = new Set(
    keys.flatMap((key) => [...Buffer.from(key)].map((_, i, all) => all.slice(0, i + 1).join())),
  );
  const blocks = ["", ...nodes];
  const units = new Uint32Array(0x100 * (blocks.length + 1));
  const baseOf = (node: string) => 0x100 * (blocks.indexOf(node) + 1);
  units[0] = baseOf("") << 10;
  let position = 0;
  const values = new Map(
    keys.map((key) => {
      const entry = [[...Buffer.from(key)].join(), position] as const;
      position += Buffer.byteLength(entries[key]!) + 1;
      return entry;
    }),
  );
  for (const node of nodes) {
    const bytes = node.split(",").map(Number);
    const label = bytes.at(-1)!;
    const index = baseOf(bytes.slice(0, -1).join()) ^ label;
    const leaf = values.get(node);
    units[index] = ((index ^ baseOf(node)) << 10) | (leaf === undefined ? 0 : 0x100) | label;
    if (leaf !== undefined) units[baseOf(node)] = leaf | 0x80000000;
  }
  const size = Buffer.alloc(4);
  size.writeUInt32LE(units.byteLength);
  return Buffer.concat([size, Buffer.from(units.buffer), replacements]);
}

const map = charsmap({ "①": "1", A: "a", "\n": " ", "\r\n": "?", ﬁ: "fi", "\u200b": "" });

describe("character maps", () => {
  const normalize = precompiledCharsmap(map.toString("base64"), "tokenizer.json");

  it("replace what they hold and leave the rest", () => {
    expect(normalize("A① ﬁn\nB\u200bé日")).toBe("a1 fin Bé日");
    expect(normalize("")).toBe("");
  });

  it("look up a short grapheme as a whole, by the shortest key it begins with, as the Python library does", () => {
    // The accent goes with its letter; a longer grapheme is taken character by character.
    expect(normalize("A\u0301")).toBe("a");
    expect(normalize("A\u0301\u0302\u0303")).toBe("a\u0301\u0302\u0303");
    expect(normalize("BA\u0301B")).toBe("BaB");
    expect(normalize("\r\n")).toBe("?");
  });

  it("refuse to be cut short", () => {
    const cut = (bytes: number) => () =>
      precompiledCharsmap(map.subarray(0, bytes).toString("base64"), "some/tokenizer.json");
    for (const bytes of [0, 3, 4, 100]) {
      expect(cut(bytes)).toThrow(/some\/tokenizer\.json: the precompiled_charsmap .* cut short/);
    }
  });
});

/** Protobuf fields: varints for numbers, bytes for the rest. */
function message(...fields: [number, number | Uint8Array | string, "float"?][]): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
  return Buffer.concat(
    fields.map(([field, value, kind]) => {
      if (kind === "float") {
        const bytes = Buffer.alloc(4);
        bytes.writeFloatLE(Number(value));
        return Buffer.concat([Buffer.from(varint(field * 8 + 5)), bytes]);
      }
      if (typeof value === "number") return Buffer.from([...varint(field * 8), ...varint(value)]);
      const bytes = Buffer.from(value as Uint8Array);
      return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

const piece = (content: string, score: number, type?: number) =>
  [
    1,
    message([1, content], [2, score, "float"], ...(type === undefined ? [] : [[3, type] as [3, number]])),
  ] as [number, Buffer];
const pieces = [
  piece("<pad>", 0, 3),
  piece("</s>", 0, 3),
  piece("<unk>", 0, 2),
  piece("\u2581", -2),
  piece("\u2581a", -2.5),
  piece("a", -3),
  piece("1", -3),
  piece("b", -3),
];
const settings = (type: number) => [2, message([1, "a\nb"], [3, type], [4, 8])] as [number, Buffer];
const model = message(...pieces, settings(1), [3, message([1, "nmt_nfkc"], [2, map], [3, 1])]);

describe("SentencePiece models", () => {
  it("become a tokenizer.json object", () => {
    const document = readSentencePiece(model, 2, "spiece.model");
    expect(document.added_tokens.map(({ id, content, special }) => [id, content, special])).toEqual([
      [0, "<pad>", true],
      [1, "</s>", true],
      [2, "<unk>", true],
      [8, "<extra_id_1>", true],
      [9, "<extra_id_0>", true],
    ]);
    expect(document.model).toMatchObject({ type: "Unigram", unk_id: 2 });
    expect((document.model.vocab as unknown[])[4]).toEqual(["\u2581a", -2.5]);
    expect(document.normalizer).toEqual({
      type: "Precompiled",
      precompiled_charsmap: map.toString("base64"),
    });
  });

  it("are read where there is no tokenizer.json, with the sentinels that the configuration names", async () => {
    await writeFile(join(folder, "spiece.model"), model);
    const plain = await loadTokenizer(folder);
    expect([plain.vocabularySize, plain.endOfSequence, plain.idOf("<extra_id_0>")]).toEqual([108, 1, 107]);
    expect(plain.encode("A ①\u200b\nab")).toEqual([4, 3, 6, 4, 7]);
    expect(plain.decode([4, 3, 6, 4, 7])).toBe("a 1 ab");
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ extra_ids: 3 }));
    const named = await loadTokenizer(folder);
    expect(named.vocabularySize).toBe(11);
    const saved = await mkdtemp(join(folder, "saved-"));
    await named.save(saved);
    const again = await loadTokenizer(saved);
    expect(again.encode("A ①\u200b\nab")).toEqual([4, 3, 6, 4, 7]);
    expect(again.vocabularySize).toBe(11);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["another kind of model", message(...pieces, settings(2)), /Unigram/],
    ["no unknown piece", message(...pieces.filter((_, i) => i !== 2)), /no unknown piece/],
    ["byte pieces", message(...pieces, piece("<0x00>", 0, 6)), /falls back to bytes/],
    ["an end inside a piece", model.subarray(0, 20), /ends too early/],
    ["a length beyond the file", Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0x7f), /ends too early/],
    ["something else", Buffer.from("version https"), /no protobuf message|ends too early|unknown piece/],
  ])("refuse %s by the file's name", (_, bytes, reason) => {
    const reading = () => readSentencePiece(bytes, 0, "some/spiece.model");
    expect(reading).toThrow(reason);
    expect(reading).toThrow(/some\/spiece\.model/);
  });
});
