import { mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSafetensors, type TensorToWrite, writeSafetensors } from "../../src/tensor/safetensors.ts";
import { exitCodes, SkipthinkError } from "../../src/util/errors.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with this header text (and claimed length) and so many bytes of data. */
async function craft(header: string | Uint8Array, dataBytes = 0, claimed?: bigint): Promise<string> {
  const path = join(folder, "crafted.safetensors");
  const text = Buffer.from(header as string);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(text.length));
  await writeFile(path, Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]));
  return path;
}

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("safetensors", () => {
  it("round-trips any tensors exactly in F32", async () => {
    const tensor = fc.array(fc.nat({ max: 4 }), { maxLength: 3 }).chain((shape) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return fc.record({
        shape: fc.constant(shape),
        data: fc.float32Array({ minLength: length, maxLength: length }),
      });
    });
    const name = fc
      .string({ unit: fc.constantFrom("a", "1", ".", "é", "😀", '"', "\\", "_") })
      .filter((text) => text !== "__metadata__");
    const path = join(folder, "round.safetensors");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 5 }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
        async (tensors, metadata) => {
          await writeSafetensors(
            path,
            tensors.map(([key, value]) => ({ name: key, ...value })),
            metadata,
          );
          const file = await openSafetensors(path);
          try {
            expect(new Set(file.names)).toEqual(new Set(tensors.map(([key]) => key)));
            for (const [key, value] of Object.entries(metadata)) {
              if (key !== "__proto__") expect(file.metadata[key]).toBe(value);
            }
            for (const [key, { shape, data }] of tensors) {
              expect(file.info(key)).toEqual({ dtype: "F32", shape });
              const read = await file.readFloat32(key);
              expect(Buffer.from(read.buffer).equals(Buffer.from(data.slice().buffer))).toBe(true);
            }
          } finally {
            await file.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("stores halves and reads them back as float32", async () => {
    const path = join(folder, "halves.safetensors");
    const data = Float32Array.of(1, -0.5, 65504, 1 / 3);
    await writeSafetensors(path, [
      { name: "half", shape: [4], data, dtype: "F16" },
      { name: "brain", shape: [2, 2], data, dtype: "BF16" },
    ]);
    const file = await openSafetensors(path);
    expect(file.info("half").dtype).toBe("F16");
    expect([...(await file.readFloat32("half"))]).toEqual([1, -0.5, 65504, 0.333251953125]);
    expect([...(await file.readFloat32("brain"))]).toEqual([1, -0.5, 65536, 0.333984375]);
    await file.close();
  });

  it("moves tensors larger than one transfer", async () => {
    const path = join(folder, "large.safetensors");
    const data = Float32Array.from({ length: 2_200_000 }, (_, index) => index % 2048);
    await writeSafetensors(path, [
      { name: "full", shape: [data.length], data },
      { name: "half", shape: [data.length], data, dtype: "F16" },
    ]);
    const file = await openSafetensors(path);
    for (const name of ["full", "half"]) {
      const read = await file.readFloat32(name);
      expect(Buffer.from(read.buffer).equals(Buffer.from(data.buffer))).toBe(true);
    }
    await file.close();
  });

  it("tells about integer tensors but does not read them as floats", async () => {
    const path = await craft(
      JSON.stringify({ ids: entry("I64", [2], 0, 16), n: entry("I32", [], 16, 20) }),
      20,
    );
    const file = await openSafetensors(path);
    expect(file.info("ids")).toEqual({ dtype: "I64", shape: [2] });
    expect(file.info("n")).toEqual({ dtype: "I32", shape: [] });
    await expect(file.readFloat32("ids")).rejects.toThrow(/"ids".*I64/);
    expect(() => file.info("other")).toThrow(/no tensor "other"/);
    await file.close();
  });

  it.each<[string, string | Uint8Array, number, bigint | undefined, RegExp]>([
    ["a header longer than the file", "{}", 0, 1000n, /claims 1000 bytes/],
    ["a header above the cap", "{}", 0, 2n ** 63n, /more than the 100000000 allowed/],
    ["broken JSON", "{", 0, undefined, /not valid JSON/],
    ["an empty header", "", 0, undefined, /not valid JSON/],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), 0, undefined, /not valid JSON/],
    ["a list", "[]", 0, undefined, /not a JSON object/],
    ["a tensor that is no object", '{"w":3}', 0, undefined, /"w".*not an object/],
    ["metadata that are no text", '{"__metadata__":{"a":1}}', 0, undefined, /__metadata__/],
    [
      "an unknown type",
      JSON.stringify({ w: entry("F31", [1], 0, 4) }),
      4,
      undefined,
      /"w".*"F31" is unknown/,
    ],
    [
      "a type off the prototype",
      JSON.stringify({ w: entry("toString", [1], 0, 4) }),
      4,
      undefined,
      /unknown/,
    ],
    ["a negative size", JSON.stringify({ w: entry("F32", [-1], 0, 4) }), 4, undefined, /"w".*shape/],
    ["a fractional size", JSON.stringify({ w: entry("F32", [0.5], 0, 2) }), 2, undefined, /"w".*shape/],
    [
      "offsets out of range",
      JSON.stringify({ w: entry("F32", [2], 0, 8) }),
      4,
      undefined,
      /"w".*holds 4 bytes/,
    ],
    [
      "offsets that run backwards",
      JSON.stringify({ w: entry("F32", [1], 4, 0) }),
      4,
      undefined,
      /"w".*backwards/,
    ],
    [
      "a length unlike the shape",
      JSON.stringify({ w: entry("F16", [3], 0, 4) }),
      4,
      undefined,
      /"w".*takes 6 bytes/,
    ],
    [
      "a shape that overflows",
      JSON.stringify({ w: entry("F32", [2 ** 52, 2 ** 52, 2 ** 52], 0, 4) }),
      4,
      undefined,
      /"w".*takes/,
    ],
    [
      "overlapping tensors",
      JSON.stringify({ a: entry("F32", [2], 0, 8), b: entry("F32", [1], 4, 8) }),
      8,
      undefined,
      /"b".*overlap/,
    ],
    [
      "the same bytes twice",
      JSON.stringify({ a: entry("F32", [1], 0, 4), b: entry("F32", [1], 0, 4) }),
      4,
      undefined,
      /"b".*overlap/,
    ],
    ["a gap", JSON.stringify({ w: entry("F32", [1], 4, 8) }), 8, undefined, /"w".*belong to no tensor/],
    [
      "hidden bytes at the end",
      JSON.stringify({ w: entry("F32", [1], 0, 4) }),
      9,
      undefined,
      /5 bytes at the end/,
    ],
    [
      "a name that occurs twice",
      `{"w":${JSON.stringify(entry("F32", [1], 0, 4))}, "\\u0077" :${JSON.stringify(entry("F32", [1], 0, 4))}}`,
      4,
      undefined,
      /"w".*twice/,
    ],
  ])("refuses %s", async (_, header, dataBytes, claimed, message) => {
    const path = await craft(header, dataBytes, claimed);
    const error = await openSafetensors(path).then(
      () => expect.fail("opened"),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SkipthinkError);
    expect((error as SkipthinkError).exitCode).toBe(exitCodes.usage);
    expect((error as SkipthinkError).place.file).toBe(path);
    expect((error as SkipthinkError).message).toMatch(message);
  });

  it("never fails otherwise than by refusing, whatever the header says", async () => {
    const value: fc.Arbitrary<unknown> = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.record({
        dtype: fc.constantFrom("F32", "F16", "I64", "Q4"),
        shape: fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 3 }),
        data_offsets: fc.array(fc.integer({ min: -4, max: 40 }), { minLength: 1, maxLength: 3 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), value, { maxKeys: 4 }),
        fc.nat({ max: 40 }),
        async (header, dataBytes) => {
          try {
            const file = await openSafetensors(await craft(JSON.stringify(header), dataBytes));
            await file.close();
          } catch (error) {
            expect(error).toBeInstanceOf(SkipthinkError);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("refuses a truncated file, also one that shrinks after it was opened", async () => {
    const path = join(folder, "truncated.safetensors");
    await writeSafetensors(path, [{ name: "w", shape: [4], data: new Float32Array(4) }]);
    const file = await openSafetensors(path);
    await truncate(path, (await stat(path)).size - 1);
    await expect(file.readFloat32("w")).rejects.toThrow(/ends too early, inside tensor "w"/);
    await file.close();
    await expect(openSafetensors(path)).rejects.toThrow(/tensor "w"/);
    await truncate(path, 5);
    await expect(openSafetensors(path)).rejects.toThrow(/ends too early/);
    await expect(openSafetensors(join(folder, "absent"))).rejects.toThrow(/cannot open .*ENOENT/);
  });

  it("refuses to write what it could not read back, and leaves no file", async () => {
    const path = join(folder, "out", "w.safetensors");
    const one: TensorToWrite = { name: "w", shape: [1], data: new Float32Array(1) };
    await expect(writeSafetensors(path, [one, one])).rejects.toThrow(/two tensors named "w"/);
    await expect(writeSafetensors(path, [{ ...one, shape: [2] }])).rejects.toThrow(
      /1 values, which is not \[2\]/,
    );
    await expect(readdir(join(folder, "out"))).rejects.toThrow("ENOENT");
  });
});
