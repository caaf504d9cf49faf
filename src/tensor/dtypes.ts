/** Element types of stored tensors, and their conversion from and to float32. Little-endian, as every host of Node.js. */

/** Bytes per element of each type that a safetensors file may hold. */
export const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof bytesPerElement;

/** Types that convert to and from float32. */
export type FloatDtype = "F32" | "F16" | "BF16";

export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(bytesPerElement, name);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** float32 values of `bits` (one half-precision number each), into `target` from index `offset` on. Exact. */
export function decodeHalves(
  bits: Uint16Array,
  dtype: "F16" | "BF16",
  target: Float32Array,
  offset: number,
): void {
  if (dtype === "F16") {
    const table = float16Table();
    for (let i = 0; i < bits.length; i++) target[offset + i] = table[bits[i]!]!;
    return;
  }
  // bfloat16 is the upper half of a float32. Written as bits: a float store could change the payload of a NaN.
  const targetBits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < bits.length; i++) targetBits[offset + i] = bits[i]! << 16;
}

/** Half-precision bits of float32 values: rounded to nearest, ties to even; too large becomes infinity; NaN stays NaN. */
export function encodeHalves(values: Float32Array, dtype: "F16" | "BF16"): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const encode = dtype === "F16" ? float16Bits : bfloat16Bits;
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) bits[i] = encode(source[i]!);
  return bits;
}

function bfloat16Bits(float32: number): number {
  // A NaN keeps its upper bits and is made quiet, lest rounding turn it into infinity.
  if ((float32 & 0x7fffffff) > 0x7f800000) return (float32 >>> 16) | 0x0040;
  return (float32 + 0x7fff + ((float32 >>> 16) & 1)) >>> 16;
}

function float16Bits(float32: number): number {
  const sign = (float32 >>> 16) & 0x8000;
  const magnitude = float32 & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // From 65520 on, halfway between the largest float16 and the next power, values round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: re-bias the exponent (127 to 15) and round away 13 bits; a carry moves into the exponent as it should.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // At most half of the smallest subnormal, 2^-25: the tie goes to the even 0.
  if (magnitude <= 0x33000000) return sign;
  // Subnormal: the significand in units of 2^-24.
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

let table: Float32Array | undefined;

/** The float32 value of each float16. [65536], made on first use. */
function float16Table(): Float32Array {
  if (table !== undefined) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    let value: number;
    if (exponent === 31) value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) value = fraction * 2 ** -24;
    else value = (1 + fraction / 1024) * 2 ** (exponent - 15);
    table[bits] = bits & 0x8000 ? -value : value;
  }
  return table;
}
