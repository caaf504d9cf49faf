import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHalves, encodeHalves } from "../../src/tensor/dtypes.ts";

const decode = (bits: number[], dtype: "F16" | "BF16") => {
  const target = new Float32Array(bits.length);
  decodeHalves(Uint16Array.from(bits), dtype, target, 0);
  return [...target];
};
const encode = (values: number[], dtype: "F16" | "BF16") => [
  ...encodeHalves(Float32Array.from(values), dtype),
];

describe("half precision", () => {
  it("decodes known float16 numbers", () => {
    expect(decode([0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0x7e00], "F16")).toEqual([
      0,
      -0,
      1,
      -2,
      65504,
      2 ** -24,
      2 ** -14,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it("decodes known bfloat16 numbers", () => {
    expect(decode([0x3f80, 0xc000, 0x4049, 0x7f80, 0x8000], "BF16")).toEqual([
      1,
      -2,
      3.140625,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
  });

  it.each(["F16", "BF16"] as const)("%s: every number survives a round trip through float32", (dtype) => {
    const bits = Uint16Array.from({ length: 65536 }, (_, index) => index);
    const values = new Float32Array(bits.length);
    decodeHalves(bits, dtype, values, 0);
    const back = encodeHalves(values, dtype);
    for (let i = 0; i < bits.length; i++) {
      if (Number.isNaN(values[i])) expect(decode([back[i]!], dtype)[0]).toBeNaN();
      else if (back[i] !== i) expect.fail(`${dtype} 0x${i.toString(16)} became 0x${back[i]!.toString(16)}`);
    }
  });

  it("rounds ties to even", () => {
    // 1 + 2^-11 lies halfway between 1 (even) and 1 + 2^-10; 1 + 3·2^-11 halfway between an odd and an even neighbour.
    expect(encode([1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20], "F16")).toEqual([
      0x3c00, 0x3c02, 0x3c01,
    ]);
    expect(encode([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20], "BF16")).toEqual([
      0x3f80, 0x3f82, 0x3f81,
    ]);
    // Subnormal float16: halves of the smallest step.
    expect(encode([2 ** -25, 3 * 2 ** -25, 2 ** -25 + 2 ** -40, -(2 ** -26)], "F16")).toEqual([
      0, 2, 1, 0x8000,
    ]);
  });

  it("overflows to infinity where rounding says so", () => {
    expect(encode([65519, 65520, -1e10], "F16")).toEqual([0x7bff, 0x7c00, 0xfc00]);
    expect(encode([3.4028234e38, Number.NaN], "BF16")).toEqual([0x7f80, 0x7fc0]);
  });

  it("finds the nearest float16 of any value in range", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const [bits] = encode([value], "F16");
        const error = Math.abs(decode([bits!], "F16")[0]! - value);
        const magnitude = bits! & 0x7fff;
        for (const other of [magnitude - 1, magnitude + 1]) {
          if (other < 0 || other > 0x7bff) continue;
          const rival = Math.abs(decode([(bits! & 0x8000) | other], "F16")[0]! - value);
          expect(rival).toBeGreaterThanOrEqual(error);
          if (rival === error) expect(magnitude & 1).toBe(0);
        }
      }),
    );
  });
});
