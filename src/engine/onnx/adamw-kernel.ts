/**
 * The inner loops of AdamW on four float32 at a time, as a WebAssembly module of two functions, written out here instruction by
 * instruction. V8 does not vectorize loops: square root and division one by one take two and a half times as long.
 *
 * A module works on its own memory only. Weights, gradients and moments therefore live in it (a session reads and writes there as in
 * any other array) and are never copied.
 *
 * An array is gone through in several equal parts side by side. A processor fetches a few lines of memory ahead of each place that is
 * being read; from one place after the other that is a fraction of what memory gives.
 */

/** Parts that the sum of squares, which reads one array, and the update, which reads four, go through side by side. */
const [sumParts, updateParts] = [8, 2] as const;
const vectorBytes = 16;
/** Arrays end at multiples of this, counted from where they begin, with zeros after their numbers: all parts are of whole vectors. */
export const arrayPadding = vectorBytes * sumParts;

// The module's memory: four sums of squares, and what is allocated in it.
const sumsAt = 0;
const allocatedAt = 64;
/** The most that 32-bit addresses reach. */
export const largestAllocation = 2 ** 32 - allocatedAt;

export interface AdamWKernel {
  /** What `addSquares` adds to: [4] */
  sums: Float64Array;
  /** Adds the squares of the numbers from the given byte on to the sums, with what follows up to `arrayPadding`. @param count above 0 */
  addSquares(count: number, at: number): void;
  /** An array in the module's memory. Byte `at` counts from the beginning of what is allocated; a multiple of 4. */
  array(at: number, length: number): Float32Array;
  /** Updates `count` numbers from the given bytes on, with what follows up to `arrayPadding`. @param count above 0 */
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
      addSquares(partBytes: number, at: number): void;
      update(partBytes: number, ...rest: number[]): void;
    };
  };
}

/** @param bytes to allocate, at most `largestAllocation`. @throws RangeError where there is not so much memory */
export function createAdamWKernel(bytes: number): AdamWKernel {
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
  const { memory, addSquares, update } = new Instance(new Module(moduleBytes(bytes))).exports;
  return {
    sums: new Float64Array(memory.buffer, sumsAt, 4),
    addSquares: (count, at) => addSquares(partBytes(count, sumParts), allocatedAt + at),
    array: (at, length) => new Float32Array(memory.buffer, allocatedAt + at, length),
    update: (count, gradientAt, weightsAt, firstMomentAt, secondMomentAt, scalars) =>
      update(
        partBytes(count, updateParts),
        allocatedAt + gradientAt,
        allocatedAt + weightsAt,
        allocatedAt + firstMomentAt,
        allocatedAt + secondMomentAt,
        ...scalars,
      ),
  };
}

/** Bytes of each of `parts` equal parts of whole vectors that hold `count` numbers. */
function partBytes(count: number, parts: number): number {
  return vectorBytes * Math.ceil((4 * count) / (vectorBytes * parts));
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
  ...[...get(offset), 0x41, vectorBytes, ...addInteger, ...tee(offset)],
  ...[...get(bytes), 0x49, 0x0d, 0],
  0x0b,
];

/** `body` for at = start, start + bytes, …: the same place in each part. */
const forEachPart = (
  parts: number,
  { start, at, bytes }: { start: number[]; at: number; bytes: number },
  body: (part: number) => number[],
): number[] => [
  ...[...start, ...set(at)],
  ...Array.from({ length: parts }, (_, part) => [
    ...(part === 0 ? [] : [...get(at), ...get(bytes), ...addInteger, ...set(at)]),
    ...body(part),
  ]).flat(),
];

/** Sums of squares. Parameters: bytes of a part, address. Locals: offset, address; four numbers, half of them as float64, sums of each part. */
function addSquaresBody(): number[] {
  const [bytes, start, offset, at, numbers, half, firstSum] = [0, 1, 2, 3, 4, 5, 6];
  const square = [...promoteLow, ...tee(half), ...get(half), ...multiplyDouble];
  const sums = (part: number): [lower: number, upper: number] => [
    firstSum + 2 * part,
    firstSum + 2 * part + 1,
  ];
  const addPart = (part: number): number[] => {
    const [lower, upper] = sums(part);
    return [
      ...[...get(at), ...load(), ...set(numbers)],
      ...[...get(lower), ...get(numbers), ...square, ...addDouble, ...set(lower)],
      ...[...get(upper), ...get(numbers), ...get(numbers), ...upperHalf, ...square],
      ...[...addDouble, ...set(upper)],
    ];
  };
  const address = [0x41, 0];
  /** Adds the lower (0) or upper (1) sums of all parts to what is stored. */
  const addSums = (which: 0 | 1): number[] => {
    const place = sumsAt + vectorBytes * which;
    const parts = Array.from({ length: sumParts }, (_, part) => [...get(sums(part)[which]), ...addDouble]);
    return [...address, ...address, ...load(place), ...parts.flat(), ...store(place)];
  };
  return [
    ...[2, 2, i32, 2 + 2 * sumParts, v128],
    ...loop(
      forEachPart(sumParts, { start: [...get(start), ...get(offset), ...addInteger], at, bytes }, addPart),
      offset,
      bytes,
    ),
    ...[...addSums(0), ...addSums(1)],
    0x0b,
  ];
}

/** AdamW. Parameters: bytes of a part, four addresses, the scalars. Locals: offset in a part and in the arrays; scalars four times; results. */
function updateBody(): number[] {
  const bytes = 0;
  const [gradientAt, weightsAt, firstMomentAt, secondMomentAt] = [1, 2, 3, 4];
  const firstScalar = 1 + arrayCount;
  const offset = firstScalar + scalarCount;
  const at = offset + 1;
  const [clip, beta1, firstGain, beta2, secondGain, stepSize, secondScale, epsilon, kept] = Array.from(
    { length: scalarCount },
    (_, i) => at + 1 + i,
  ) as [number, number, number, number, number, number, number, number, number];
  const [g, m, v] = [0, 1, 2].map((i) => at + 1 + scalarCount + i) as [number, number, number];
  const scalars = Array.from({ length: scalarCount }, (_, i) => [
    ...get(firstScalar + i),
    ...splat,
    ...set(clip + i),
  ]);
  const address = (array: number): number[] => [...get(array), ...get(at), ...addInteger];
  const number = (array: number): number[] => [...address(array), ...load()];
  const formula = [
    // g = gradient · clip
    ...[number(gradientAt), get(clip), multiply, set(g)].flat(),
    // m = β₁ m + (1 − β₁) g
    ...[address(firstMomentAt), number(firstMomentAt), get(beta1), multiply].flat(),
    ...[get(g), get(firstGain), multiply, add, tee(m), store()].flat(),
    // v = β₂ v + (1 − β₂) g²
    ...[address(secondMomentAt), number(secondMomentAt), get(beta2), multiply].flat(),
    ...[get(g), get(secondGain), multiply, get(g), multiply, add, tee(v), store()].flat(),
    // w = kept · w − stepSize · m / (scale · √v + ε)
    ...[address(weightsAt), number(weightsAt), get(kept), multiply, get(stepSize), get(m), multiply].flat(),
    ...[get(v), squareRoot, get(secondScale), multiply, get(epsilon), add].flat(),
    ...[divide, subtract, store()].flat(),
  ];
  return [
    ...[2, 2, i32, scalarCount + 3, v128],
    ...scalars.flat(),
    ...loop(
      forEachPart(updateParts, { start: get(offset), at, bytes }, () => formula),
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
