/**
 * The inner loops of AdamW on four float32 at a time, as a WebAssembly module of two functions, written out here instruction by
 * instruction. V8 does not vectorize loops: square root and division one by one take two and a half times as long.
 *
 * A module works on its own memory only. Weights, gradients and moments therefore live in it (a session reads and writes there as in
 * any other array) and are never copied.
 */

// The module's memory: four sums of squares, and what is allocated in it.
const sumsAt = 0;
const allocatedAt = 64;
/** The most that 32-bit addresses reach. */
export const largestAllocation = 2 ** 32 - allocatedAt;

export interface AdamWKernel {
  /** What `addSquares` adds to: [4] */
  sums: Float64Array;
  /** Adds the square of number i from the given byte on to sum i mod 4; of up to three numbers after `count` too. @param count above 0 */
  addSquares(count: number, at: number): void;
  /** An array in the module's memory. Byte `at` counts from the beginning of what is allocated; a multiple of 4. */
  array(at: number, length: number): Float32Array;
  /** Updates `count` numbers from the given bytes on, and up to three after them. @param count above 0 */
  update(
    count: number,
    gradientAt: number,
    weightsAt: number,
    firstMomentAt: number,
    secondMomentAt: number,
    scalars: Scalars,
  ): void;
}

/** What the formula has besides arrays, in the order in which the function takes it. */
export type Scalars = [
  clip: number,
  beta1: number,
  firstGain: number,
  beta2: number,
  secondGain: number,
  stepSize: number,
  secondScale: number,
  epsilon: number,
  kept: number,
];

/** What is used of WebAssembly's JavaScript interface, whose types come with the browser's only. */
interface WebAssemblyInterface {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => {
    exports: {
      memory: { buffer: ArrayBuffer };
      addSquares(bytes: number, at: number): void;
      update(bytes: number, ...rest: number[]): void;
    };
  };
}

/** @param bytes to allocate, at most `largestAllocation`. @throws RangeError where there is not so much memory */
export function createAdamWKernel(bytes: number): AdamWKernel {
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
  const { memory, addSquares, update } = new Instance(new Module(moduleBytes(bytes))).exports;
  return {
    sums: new Float64Array(memory.buffer, sumsAt, 4),
    addSquares: (count, at) => addSquares(4 * count, allocatedAt + at),
    array: (at, length) => new Float32Array(memory.buffer, allocatedAt + at, length),
    update: (count, gradientAt, weightsAt, firstMomentAt, secondMomentAt, scalars) =>
      update(
        4 * count,
        allocatedAt + gradientAt,
        allocatedAt + weightsAt,
        allocatedAt + firstMomentAt,
        allocatedAt + secondMomentAt,
        ...scalars,
      ),
  };
}

const [f32, v128, i32] = [0x7d, 0x7b, 0x7f];
const scalarCount = 9;
const arrayCount = 4;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

const get = (local: number): number[] => [0x20, ...unsigned(local)];
const set = (local: number): number[] => [0x21, ...unsigned(local)];
const tee = (local: number): number[] => [0x22, ...unsigned(local)];
const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest];
/** Takes the address from the stack. */
const load = (at = 0): number[] => simd(0x00, 4, ...unsigned(at));
/** Takes the address and the value from the stack. */
const store = (at = 0): number[] => simd(0x0b, 4, ...unsigned(at));
const addInteger = [0x6a];
const [splat, squareRoot, add, subtract, multiply, divide] = [0x13, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7].map(
  (code) => simd(code),
) as [number[], number[], number[], number[], number[], number[]];
// Two float64 each: of the two lower float32, and their arithmetic.
const [promoteLow, addDouble, multiplyDouble] = [0x5f, 0xf0, 0xf2].map((code) => simd(code)) as [
  number[],
  number[],
  number[],
];
/** The upper half of two equal vectors. */
const upperHalf = simd(0x0d, ...Array.from({ length: 16 }, (_, i) => 8 + i));

/** `body` for offset = 0, 16, … while offset < bytes. */
const loop = (body: number[], offset: number, bytes: number): number[] => [
  ...[0x03, 0x40],
  ...body,
  ...[...get(offset), 0x41, 16, ...addInteger, ...tee(offset)],
  ...[...get(bytes), 0x49, 0x0d, 0],
  0x0b,
];

/** Sums of squares. Parameters: bytes, address. Locals: offset; the four numbers, their halves as float64, two pairs of sums. */
function addSquaresBody(): number[] {
  const [bytes, start, offset, numbers, half, lower, upper] = [0, 1, 2, 3, 4, 5, 6];
  const address = [0x41, 0];
  const square = [...promoteLow, ...tee(half), ...get(half), ...multiplyDouble];
  return [
    ...[2, 1, i32, 4, v128],
    ...[...address, ...load(sumsAt), ...set(lower), ...address, ...load(sumsAt + 16), ...set(upper)],
    ...loop(
      [
        ...[...get(start), ...get(offset), ...addInteger, ...load(), ...set(numbers)],
        ...[...get(lower), ...get(numbers), ...square, ...addDouble, ...set(lower)],
        ...[...get(upper), ...get(numbers), ...get(numbers), ...upperHalf, ...square],
        ...[...addDouble, ...set(upper)],
      ],
      offset,
      bytes,
    ),
    ...[...address, ...get(lower), ...store(sumsAt), ...address, ...get(upper), ...store(sumsAt + 16)],
    0x0b,
  ];
}

/** AdamW. Parameters: bytes, four addresses, the scalars. Locals: offset; each scalar four times; what is computed. */
function updateBody(): number[] {
  const bytes = 0;
  const [gradientAt, weightsAt, firstMomentAt, secondMomentAt] = [1, 2, 3, 4];
  const firstScalar = 1 + arrayCount;
  const offset = firstScalar + scalarCount;
  const [clip, beta1, firstGain, beta2, secondGain, stepSize, secondScale, epsilon, kept] = Array.from(
    { length: scalarCount },
    (_, i) => offset + 1 + i,
  ) as [number, number, number, number, number, number, number, number, number];
  const [g, m, v] = [0, 1, 2].map((i) => offset + 1 + scalarCount + i) as [number, number, number];
  const scalars = Array.from({ length: scalarCount }, (_, i) => [
    ...get(firstScalar + i),
    ...splat,
    ...set(clip + i),
  ]);
  const address = (array: number): number[] => [...get(array), ...get(offset), ...addInteger];
  const number = (array: number): number[] => [...address(array), ...load()];
  return [
    ...[2, 1, i32, scalarCount + 3, v128],
    ...scalars.flat(),
    ...loop(
      [
        // g = gradient · clip
        ...[number(gradientAt), get(clip), multiply, set(g)].flat(),
        // m = β₁ m + (1 − β₁) g
        ...[address(firstMomentAt), number(firstMomentAt), get(beta1), multiply].flat(),
        ...[get(g), get(firstGain), multiply, add, tee(m), store()].flat(),
        // v = β₂ v + (1 − β₂) g²
        ...[address(secondMomentAt), number(secondMomentAt), get(beta2), multiply].flat(),
        ...[get(g), get(secondGain), multiply, get(g), multiply, add, tee(v), store()].flat(),
        // w = kept · w − stepSize · m / (scale · √v + ε)
        ...[
          address(weightsAt),
          number(weightsAt),
          get(kept),
          multiply,
          get(stepSize),
          get(m),
          multiply,
        ].flat(),
        ...[get(v), squareRoot, get(secondScale), multiply, get(epsilon), add].flat(),
        ...[divide, subtract, store()].flat(),
      ],
      offset,
      bytes,
    ),
    0x0b,
  ];
}

/** The module in WebAssembly's binary format (core specification, section 5): types, functions, memory, exports, code. */
function moduleBytes(bytes: number): Uint8Array {
  const counted = (content: number[]): number[] => [...unsigned(content.length), ...content];
  const section = (id: number, content: number[]): number[] => [id, ...counted(content)];
  const name = (text: string): number[] => counted([...new TextEncoder().encode(text)]);
  const parameters = [...Array<number>(1 + arrayCount).fill(i32), ...Array<number>(scalarCount).fill(f32)];
  const pages = unsigned(Math.ceil((allocatedAt + bytes) / 65536));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [2, ...[0x60, 2, i32, i32, 0], ...[0x60, ...counted(parameters), 0]]),
    ...section(3, [2, 0, 1]),
    ...section(5, [1, 0, ...pages]),
    ...section(7, [3, ...name("memory"), 2, 0, ...name("addSquares"), 0, 0, ...name("update"), 0, 1]),
    ...section(10, [2, ...counted(addSquaresBody()), ...counted(updateBody())]),
  ]);
}
