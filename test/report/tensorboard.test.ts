import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { runEvents } from "../../src/pipeline/stages/tensorboard.ts";
import { crc32c, eventFile, maskedCrc } from "../../src/report/tensorboard.ts";
import { sampleData } from "./sample-data.ts";

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

const python = process.env.SKIPTHINK_PYTHON ?? resolve(import.meta.dirname, "../../.venv/bin/python");
const readable = ((): boolean => {
  try {
    execFileSync(python, ["-c", "import tensorboard"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Two steps of each of three epochs, of which the second was kept. */
const lines = Array.from({ length: 6 }, (_, i) => ({
  step: i + 1,
  epoch: Math.floor(i / 2),
  stage: "answer",
  loss: 3 / (i + 1),
  learningRate: 0.001,
  gradientNorm: 0.5,
  tokens: 120,
  paddedTokens: 128,
  targetTokens: 100,
  trainedTokens: 100 * (i + 1),
  seconds: 0.25 * (i + 1),
}));
const result = {
  ...sampleData().methods.full!,
  accuracy: 0.75,
  devAccuracy: 0.8,
  selectedEpoch: 2,
  meanGeneratedTokens: 40,
  secondsPerProblem: 0.01,
};

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

  it("of a run have each step, and the kept student's figures at the step it was kept at", () => {
    const [first, ...others] = runEvents(lines, result, 1000);
    expect(first).toEqual({
      wallTime: 1000.25,
      step: 1,
      scalars: {
        "train/loss": 3,
        "train/learning_rate": 0.001,
        "train/gradient_norm": 0.5,
        "train/trained_tokens": 100,
        "train/epoch": 0,
      },
    });
    const kept = others.at(-1)!;
    expect(others).toHaveLength(lines.length);
    expect(kept).toEqual({
      wallTime: 1001,
      step: 4,
      scalars: {
        "test/accuracy": 0.75,
        "test/generated_tokens": 40,
        "test/seconds_per_problem": 0.01,
        "dev/accuracy": 0.8,
      },
    });
    const { selectedEpoch: _, ...unselected } = result;
    expect(runEvents(lines, unselected, 1000).at(-1)).toMatchObject({ wallTime: 1001.5, step: 6 });
    expect(runEvents([], unselected, 1000)).toMatchObject([{ wallTime: 1000, step: 0 }]);
  });

  it.skipIf(!readable)(`are read by TensorBoard itself (skipped where ${python} has none)`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "skipthink-events-"));
    try {
      const events = runEvents(lines, result, 1000);
      await writeFile(join(folder, "events.out.tfevents.1000.skipthink"), eventFile(events, 1000));
      const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
tags = events.Tags()["scalars"]
print(json.dumps({tag: [[e.wall_time, e.step, e.value] for e in events.Scalars(tag)] for tag in tags}))`;
      const read: Record<string, unknown> = JSON.parse(
        execFileSync(python, ["-c", program, folder], { encoding: "utf8" }),
      );
      const wanted: Record<string, unknown[]> = {};
      for (const { wallTime, step, scalars } of events) {
        for (const [tag, value] of Object.entries(scalars)) {
          wanted[tag] ??= [];
          wanted[tag].push([wallTime, step, Math.fround(value)]);
        }
      }
      expect(read).toEqual(wanted);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("of no events is the version alone", () => {
    expect(records(eventFile([], 5))).toHaveLength(1);
  });
});
