/** safetensors files: read tensor by tensor from an open file, written atomically. */
import { type FileHandle, open } from "node:fs/promises";
import { inputError, type SkipthinkError } from "../util/errors.ts";
import { type StagedFile, stageFile, writeFully } from "./atomic-file.ts";
import {
  bytesPerElement,
  type Dtype,
  decodeHalves,
  encodeHalves,
  type FloatDtype,
  isFloatDtype,
} from "./dtypes.ts";
import { maxHeaderBytes, parseHeader, type SafetensorsHeader } from "./safetensors-header.ts";

/** Bytes moved at a time; bounds the memory beyond the tensor itself, and stays below what one read call allows. */
const transferBytes = 4 * 1024 * 1024;

export interface TensorInfo {
  dtype: Dtype;
  shape: readonly number[];
}

export interface SafetensorsFile {
  /** Names in the order of the header. */
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  /** @throws SkipthinkError (exit 2) when there is no such tensor */
  info(name: string): TensorInfo;
  /**
   * The tensor's values, row-major; F16 and BF16 are widened exactly.
   *
   * @throws SkipthinkError (exit 2) when there is no such tensor, when it is not of a float type, or when the file has shrunk
   */
  readFloat32(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a safetensors file and checks its whole header. No tensor is read yet.
 *
 * @throws SkipthinkError (exit 2) naming the file, and the tensor where one is wrong
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw inputError(`cannot open ${path} (${(error as NodeJS.ErrnoException).code})`, { file: path });
  }
  try {
    const { header, dataStart } = await readHeader(handle, path);
    return new OpenFile(path, handle, header, dataStart);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readHeader(handle: FileHandle, path: string) {
  const stat = await handle.stat();
  if (!stat.isFile()) throw inputError(`${path} is not a file`, { file: path });
  if (stat.size < 8) throw truncated(path);
  const prefix = new Uint8Array(8);
  await readFully(handle, prefix, 0, path);
  // Above 2^53 the conversion is inexact, but still far above the cap.
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (headerBytes > maxHeaderBytes || headerBytes > stat.size - 8) {
    throw inputError(
      `${path} is not a sound safetensors file: the header claims ${headerBytes} bytes, ` +
        (headerBytes > maxHeaderBytes
          ? `more than the ${maxHeaderBytes} allowed`
          : `the file has ${stat.size}`),
      { file: path },
      "Download or save the file again.",
    );
  }
  const bytes = new Uint8Array(headerBytes);
  await readFully(handle, bytes, 8, path);
  const dataStart = 8 + headerBytes;
  return { header: parseHeader(bytes, stat.size - dataStart, path), dataStart };
}

class OpenFile implements SafetensorsFile {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  private readonly path: string;
  private readonly handle: FileHandle;
  private readonly header: SafetensorsHeader;
  private readonly dataStart: number;

  constructor(path: string, handle: FileHandle, header: SafetensorsHeader, dataStart: number) {
    this.path = path;
    this.handle = handle;
    this.header = header;
    this.dataStart = dataStart;
    this.names = [...header.tensors.keys()];
    this.metadata = header.metadata;
  }

  has(name: string): boolean {
    return this.header.tensors.has(name);
  }

  info(name: string): TensorInfo {
    const { dtype, shape } = this.entry(name);
    return { dtype, shape };
  }

  async readFloat32(name: string): Promise<Float32Array> {
    const { dtype, begin, end } = this.entry(name);
    if (!isFloatDtype(dtype)) {
      throw inputError(
        `tensor "${name}" of ${this.path} holds ${dtype}, not F32, F16 or BF16`,
        { file: this.path, key: name },
        "Save the model in float32, float16 or bfloat16.",
      );
    }
    // The header was checked against the size of the file, so this is never more than the file justifies.
    const values = new Float32Array((end - begin) / bytesPerElement[dtype]);
    const start = this.dataStart + begin;
    if (dtype === "F32") {
      const bytes = new Uint8Array(values.buffer);
      for (let at = 0; at < bytes.length; at += transferBytes) {
        await readFully(this.handle, bytes.subarray(at, at + transferBytes), start + at, this.path, name);
      }
      return values;
    }
    const bits = new Uint16Array(Math.min(values.length, transferBytes / 2));
    for (let at = 0; at < values.length; at += bits.length) {
      const part = bits.subarray(0, Math.min(bits.length, values.length - at));
      const bytes = new Uint8Array(part.buffer, 0, part.byteLength);
      await readFully(this.handle, bytes, start + 2 * at, this.path, name);
      decodeHalves(part, dtype, values, at);
    }
    return values;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private entry(name: string) {
    const entry = this.header.tensors.get(name);
    if (entry === undefined) {
      throw inputError(`${this.path} has no tensor "${name}"`, { file: this.path, key: name });
    }
    return entry;
  }
}

async function readFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
  path: string,
  tensor?: string,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw truncated(path, tensor);
    done += bytesRead;
  }
}

function truncated(path: string, tensor?: string): SkipthinkError {
  return inputError(
    `${path} ends too early${tensor === undefined ? "" : `, inside tensor "${tensor}"`}`,
    tensor === undefined ? { file: path } : { file: path, key: tensor },
    "Download or save the file again.",
  );
}

export interface TensorToWrite {
  name: string;
  shape: readonly number[];
  /** Row-major values. */
  data: Float32Array;
  /** Type in the file; F32 unless said otherwise. Halves are rounded to nearest even. */
  dtype?: FloatDtype;
}

/**
 * Writes tensors to a safetensors file, atomically. Their data follow in the order given.
 *
 * @throws SkipthinkError for a repeated name or data that disagree with their shape, and when the system refuses to write
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await (await stageSafetensors(path, tensors, metadata)).commit();
}

/** As writeSafetensors, but the file takes its place only when committed. */
export async function stageSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Promise<StagedFile> {
  const header = encodeHeader(path, tensors, metadata);
  return stageFile(path, async (handle) => {
    await writeFully(handle, header);
    for (const { data, dtype = "F32" } of tensors) {
      for (let at = 0; at < data.length; at += transferBytes / 4) {
        const part = data.subarray(at, at + transferBytes / 4);
        const encoded = dtype === "F32" ? part : encodeHalves(part, dtype);
        await writeFully(handle, new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength));
      }
    }
  });
}

/** Length prefix and JSON, padded with spaces so that the data start at a multiple of 8. */
function encodeHeader(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const entries = new Map<string, unknown>();
  if (metadata !== undefined) entries.set("__metadata__", metadata);
  let end = 0;
  for (const { name, shape, data, dtype = "F32" } of tensors) {
    if (name === "__metadata__" || entries.has(name)) {
      throw inputError(`cannot write ${path}: two tensors named "${name}"`, { file: path, key: name });
    }
    if (shape.reduce((product, length) => product * length, 1) !== data.length) {
      throw inputError(
        `cannot write ${path}: tensor "${name}" has ${data.length} values, which is not [${shape.join(", ")}]`,
        { file: path, key: name },
      );
    }
    const begin = end;
    end += data.length * bytesPerElement[dtype];
    entries.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}
