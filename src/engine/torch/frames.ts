/**
 * Messages to and from the PyTorch worker: a length, a JSON object, and the arrays that it names. The other end is
 * python/skipthink_torch/skipthink_torch/frames.py.
 *
 *     uint32 JSON bytes | uint64 array bytes | JSON | arrays
 *
 * Figures that may be NaN or infinite travel as arrays, since JSON has no such numbers.
 */

/** Arrays by name; little-endian as every machine this runs on. */
export type Arrays = Record<string, Int32Array | Float32Array | Float64Array | Uint8Array>;

export interface Frame {
  message: Record<string, unknown>;
  arrays: Arrays;
}

const headerBytes = 12;
const types = { int32: Int32Array, float32: Float32Array, float64: Float64Array, uint8: Uint8Array } as const;
type TypeName = keyof typeof types;

export function encodeFrame(message: Record<string, unknown>, arrays: Arrays = {}): Uint8Array[] {
  const listed = Object.entries(arrays).map(([name, array]) => [name, typeName(array), array.length]);
  const text = Buffer.from(JSON.stringify({ ...message, arrays: listed }));
  const parts = Object.values(arrays).map((array) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength),
  );
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(text.length, 0);
  header.writeBigUInt64LE(BigInt(parts.reduce((sum, part) => sum + part.length, 0)), 4);
  return [header, text, ...parts];
}

function typeName(array: Arrays[string]): TypeName {
  return array.constructor.name.replace("Array", "").toLowerCase() as TypeName;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  private readonly parts: Buffer[] = [];
  private length = 0;
  private needed = headerBytes;

  /** Whole frames that `bytes` completes. @throws SyntaxError for what is no JSON */
  push(bytes: Buffer): Frame[] {
    this.parts.push(bytes);
    this.length += bytes.length;
    const frames: Frame[] = [];
    // Parts are joined only when there is enough of them, so that a large frame is copied once.
    while (this.length >= this.needed) {
      const joined = Buffer.concat(this.parts);
      const end = frameEnd(joined);
      if (joined.length < end) {
        this.keep(joined, end);
        break;
      }
      frames.push(decodeFrame(joined.subarray(0, end)));
      this.keep(joined.subarray(end), headerBytes);
    }
    return frames;
  }

  private keep(rest: Buffer, needed: number): void {
    this.parts.length = 0;
    this.parts.push(rest);
    this.length = rest.length;
    this.needed = needed;
  }
}

function frameEnd(bytes: Buffer): number {
  return headerBytes + bytes.readUInt32LE(0) + Number(bytes.readBigUInt64LE(4));
}

function decodeFrame(bytes: Buffer): Frame {
  let at = headerBytes + bytes.readUInt32LE(0);
  const { arrays: listed, ...message } = JSON.parse(bytes.toString("utf8", headerBytes, at)) as {
    arrays?: [string, TypeName, number][];
  } & Record<string, unknown>;
  const arrays: Arrays = {};
  for (const [name, type, length] of listed ?? []) {
    const end = at + length * types[type].BYTES_PER_ELEMENT;
    // A copy: views of other than byte arrays must start at a multiple of their size.
    const copy = new Uint8Array(bytes.subarray(at, end));
    arrays[name] = new types[type](copy.buffer);
    at = end;
  }
  return { message, arrays };
}
