import { BinaryReader } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { crc32c, eventFile, maskedCrc } from "../../src/report/tensorboard.ts";

/** The records of a TFRecord file, their checksums checked. */
function records(file: Uint8Array): Buffer[] {
  const bytes = Buffer.from(file);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc(data));
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** Fields of a message: number → raw values. */
function fields(data: Uint8Array): Record<number, unknown[]> {
  const reader = new BinaryReader(data);
  const found: Record<number, unknown[]> = {};
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value =
      type === 1
        ? reader.double()
        : type === 0
          ? Number(reader.int64())
          : type === 5
            ? reader.float()
            : reader.bytes();
    found[field] = [...(found[field] ?? []), value];
  }
  return found;
}

const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString("utf8");

describe("TensorBoard event files", () => {
  it("have the checksum of TFRecords: CRC-32C (RFC 3720), masked", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    // rotate right by 15 and add the constant, done on its own here
    const rotated = ((BigInt(0xe3069283) << 17n) | (BigInt(0xe3069283) >> 15n)) & 0xffff_ffffn;
    expect(maskedCrc(Buffer.from("123456789"))).toBe(Number((rotated + 0xa282ead8n) & 0xffff_ffffn));
  });

  it("hold the version first and then one event per step", () => {
    const file = eventFile(
      [
        { wallTime: 1000.5, step: 1, scalars: { "train/loss": 2.5, "train/gradient_norm": Number.NaN } },
        { wallTime: 1001, step: 300, scalars: { "train/loss": 1.25, "dev/accuracy": 0.5 } },
      ],
      1000,
    );
    const [version, first, second, ...others] = records(file);
    expect(others).toEqual([]);
    expect(fields(version!)[1]).toEqual([1000]);
    expect(text(fields(version!)[3]![0])).toBe("brain.Event:2");
    expect(fields(first!)).toMatchObject({ 1: [1000.5], 2: [1] });
    const values = (event: Buffer) =>
      (fields(fields(event)[5]![0] as Uint8Array)[1] ?? []).map((value) => {
        const { 1: tag, 2: scalar } = fields(value as Uint8Array);
        return [text(tag![0]), scalar![0]];
      });
    expect(values(first!)).toEqual([["train/loss", 2.5]]);
    expect(fields(second!)[2]).toEqual([300]);
    expect(values(second!)).toEqual([
      ["train/loss", 1.25],
      ["dev/accuracy", 0.5],
    ]);
  });

  it("of no events is the version alone", () => {
    expect(records(eventFile([], 5))).toHaveLength(1);
  });
});
