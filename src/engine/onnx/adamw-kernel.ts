/**
 * The inner loop of AdamW on four float32 at a time, as a WebAssembly module of one function, written out here instruction by
 * instruction. V8 does not vectorize loops: square root and division one by one take two and a half times as long.
 */

/** Numbers per array that one call works on; four arrays of them fit a core's second-level cache. */
export const blockLength = 8192;

/** Where the block of each array begins in the module's memory. */
const [weightsAt, gradientAt, firstMomentAt, secondMomentAt] = [0, 1, 2, 3].map(
  (index) => 4 * blockLength * index,
) as [number, number, number, number];

export interface AdamWKernel {
  weights: Float32Array;
  gradient: Float32Array;
  firstMoment: Float32Array;
  secondMoment: Float32Array;
  /** Updates the first `count` numbers of the block (and up to three after them). */
  update(
    count: number,
    clip: number,
    beta1: number,
    firstGain: number,
    beta2: number,
    secondGain: number,
    stepSize: number,
    secondScale: number,
    epsilon: number,
    kept: number,
  ): void;
}

/** What is used of WebAssembly's JavaScript interface, whose types come with the browser's only. */
interface WebAssemblyInterface {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => {
    exports: { memory: { buffer: ArrayBuffer }; update(bytes: number, ...scalars: number[]): void };
  };
}

export function createAdamWKernel(): AdamWKernel {
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
  const { memory, update } = new Instance(new Module(moduleBytes())).exports;
  const block = (at: number): Float32Array => new Float32Array(memory.buffer, at, blockLength);
  return {
    weights: block(weightsAt),
    gradient: block(gradientAt),
    firstMoment: block(firstMomentAt),
    secondMoment: block(secondMomentAt),
    update: (count, ...scalars) => update(4 * count, ...scalars),
  };
}

const [f32, v128, i32] = [0x7d, 0x7b, 0x7f];
const scalarCount = 9;
/** Locals: the parameters (byte count, scalars), the byte offset, each scalar four times, and what is computed. */
const bytes = 0;
const offset = 1 + scalarCount;
const [clip, beta1, firstGain, beta2, secondGain, stepSize, secondScale, epsilon, kept] = Array.from(
  { length: scalarCount },
  (_, i) => offset + 1 + i,
) as [number, number, number, number, number, number, number, number, number];
const [g, m, v] = [0, 1, 2].map((i) => offset + 1 + scalarCount + i) as [number, number, number];

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

const get = (local: number): number[] => [0x20, ...unsigned(local)];
const set = (local: number): number[] => [0x21, ...unsigned(local)];
const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest];
const load = (at: number): number[] => [...get(offset), ...simd(0x00, 4, ...unsigned(at))];
/** Takes the address and the value that lie on the stack. */
const store = (at: number): number[] => simd(0x0b, 4, ...unsigned(at));
const [splat, squareRoot, add, subtract, multiply, divide] = [0x13, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7].map(
  (code) => simd(code),
) as [number[], number[], number[], number[], number[], number[]];

/** The function's instructions. */
function body(): number[] {
  const scalars = Array.from({ length: scalarCount }, (_, i) => [...get(1 + i), ...splat, ...set(clip + i)]);
  return [
    ...scalars.flat(),
    ...[0x03, 0x40], // loop
    // g = gradient · clip
    ...[load(gradientAt), get(clip), multiply, set(g)].flat(),
    // m = β₁ m + (1 − β₁) g
    ...[get(offset), load(firstMomentAt), get(beta1), multiply].flat(),
    ...[get(g), get(firstGain), multiply, add, [0x22, m], store(firstMomentAt)].flat(),
    // v = β₂ v + (1 − β₂) g²
    ...[get(offset), load(secondMomentAt), get(beta2), multiply].flat(),
    ...[get(g), get(secondGain), multiply, get(g), multiply, add, [0x22, v], store(secondMomentAt)].flat(),
    // w = kept · w − stepSize · m / (scale · √v + ε)
    ...[get(offset), load(weightsAt), get(kept), multiply, get(stepSize), get(m), multiply].flat(),
    ...[get(v), squareRoot, get(secondScale), multiply, get(epsilon), add].flat(),
    ...[divide, subtract, store(weightsAt)].flat(),
    // offset += 16; again while offset < bytes
    ...[get(offset), [0x41, 16, 0x6a, 0x22, offset], get(bytes), [0x49, 0x0d, 0]].flat(),
    0x0b,
    0x0b,
  ];
}

/** The module in WebAssembly's binary format (core specification, section 5): types, functions, memory, exports, code. */
function moduleBytes(): Uint8Array {
  const counted = (content: number[]): number[] => [...unsigned(content.length), ...content];
  const section = (id: number, content: number[]): number[] => [id, ...counted(content)];
  const name = (text: string): number[] => counted([...new TextEncoder().encode(text)]);
  const locals = [2, 1, i32, scalarCount + 3, v128];
  const pages = (16 * blockLength) / 65536;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 1 + scalarCount, i32, ...Array<number>(scalarCount).fill(f32), 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, pages]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("update"), 0, 0]),
    ...section(10, [1, ...counted([...locals, ...body()])]),
  ]);
}
