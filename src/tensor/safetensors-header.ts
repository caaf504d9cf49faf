/** The header of a safetensors file: JSON that is checked in full before a single tensor is read. Files are untrusted. */
import { inputError, type SkipthinkError } from "../util/errors.ts";
import { bytesPerElement, type Dtype, isDtype } from "./dtypes.ts";

/** The reference implementation's cap; a model of a million tensors fits. */
export const maxHeaderBytes = 100_000_000;

export interface TensorEntry {
  dtype: Dtype;
  shape: readonly number[];
  /** First byte within the data section. */
  begin: number;
  /** One past the last byte within the data section. */
  end: number;
}

export interface SafetensorsHeader {
  metadata: Readonly<Record<string, string>>;
  tensors: ReadonlyMap<string, TensorEntry>;
}

/**
 * Parses and checks a header. The tensors must cover the data section without overlap or gap, as the format demands, so no
 * byte is read twice and none is hidden.
 *
 * @param dataBytes size of the data section that follows the header
 * @throws SkipthinkError (exit 2) naming file and tensor
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const refuse = (reason: string, tensor?: string): SkipthinkError =>
    inputError(
      `${file} is not a sound safetensors file: ${tensor === undefined ? "" : `tensor "${tensor.slice(0, 200)}": `}${reason}`,
      tensor === undefined ? { file } : { file, key: tensor },
      "Download or save the file again.",
    );
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    throw refuse("the header is not valid JSON");
  }
  if (!isObject(json)) throw refuse("the header is not a JSON object");
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) throw refuse("the name occurs twice in the header", repeated);

  const metadata: Record<string, string> = {};
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") {
      if (!isObject(value)) throw refuse("__metadata__ is not an object");
      for (const [key, entry] of Object.entries(value)) {
        if (typeof entry !== "string") throw refuse("__metadata__ holds something else than text");
        metadata[key] = entry;
      }
      continue;
    }
    tensors.set(
      name,
      parseEntry(value, dataBytes, (reason) => refuse(reason, name)),
    );
  }

  let covered = 0;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (begin < covered) throw refuse("its bytes overlap another tensor's", name);
    if (begin > covered) throw refuse(`${begin - covered} bytes before it belong to no tensor`, name);
    covered = end;
  }
  if (covered !== dataBytes) throw refuse(`${dataBytes - covered} bytes at the end belong to no tensor`);
  return { metadata, tensors };
}

function parseEntry(
  value: unknown,
  dataBytes: number,
  refuse: (reason: string) => SkipthinkError,
): TensorEntry {
  if (!isObject(value)) throw refuse("its entry is not an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) throw refuse(`the data type ${JSON.stringify(dtype)?.slice(0, 40)} is unknown`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw refuse("the shape is not a list of sizes");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw refuse("data_offsets are not two byte offsets");
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw refuse("data_offsets run backwards");
  if (end > dataBytes) throw refuse(`it ends at byte ${end}, but the file holds ${dataBytes} bytes of data`);
  const expected = shape.reduce((product, length) => product * length, bytesPerElement[dtype]);
  if (expected !== end - begin) {
    throw refuse(
      `${dtype} [${shape.slice(0, 16).join(", ")}] takes ${expected} bytes, but it has ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The first key that an object of `json` (valid JSON) holds twice; JSON.parse would silently keep the last. */
function findRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
      // Only keys are followed by a colon.
      let next = i + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] !== ":") continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}
