/**
 * TensorBoard event files, written by hand: a file of TFRecords (length, masked CRC of the length, data, masked CRC of the
 * data), each the protobuf message `tensorflow.Event` (event.proto, summary.proto) with scalar values.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";

export interface ScalarEvent {
  /** Unix time, seconds. */
  wallTime: number;
  step: number;
  /** Tag → value, e.g. `train/loss`; values that are no finite number are left out. */
  scalars: Readonly<Record<string, number>>;
}

/** Bytes of an event file: the version record that readers insist on, then one record per event. */
export function eventFile(events: readonly ScalarEvent[], startedAt: number): Uint8Array {
  const version = new BinaryWriter();
  version.tag(1, 1).double(startedAt);
  version.tag(3, 2).string("brain.Event:2");
  const records = [version.finish(), ...events.map(encodeEvent)].map(record);
  return Buffer.concat(records);
}

function encodeEvent({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, 1).double(wallTime);
  writer.tag(2, 0).int64(step);
  writer.tag(5, 2).fork(); // summary
  for (const [tag, value] of Object.entries(scalars)) {
    if (!Number.isFinite(value)) continue;
    writer.tag(1, 2).fork(); // value
    writer.tag(1, 2).string(tag);
    writer.tag(2, 5).float(value);
    writer.join();
  }
  writer.join();
  return writer.finish();
}

/** One TFRecord, all numbers little-endian. */
function record(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length + 4);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return bytes;
}

/** The masking of TFRecords: a CRC of data that holds CRCs would be weak. */
export function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C (Castagnoli), reflected. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of data) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffff_ffff) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1;
  return value;
});
