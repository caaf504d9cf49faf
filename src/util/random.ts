/** Seeded random streams. A stream is named, so that adding a draw in one place never shifts another place. */

/** xoshiro128** generator; its four 32-bit words of state can be saved and restored. */
export class RandomStream {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed any integer @param name the stream's purpose, e.g. "train/shuffle/epoch-3" */
  constructor(seed: number, name = "") {
    // The words come from splitmix32 over an FNV-1a hash of seed and name.
    let hash = 0x811c9dc5;
    for (const character of `${seed}/${name}`) {
      hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) >>> 0;
    }
    const next = (): number => {
      hash = (hash + 0x9e3779b9) >>> 0;
      let word = hash;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      return (word ^ (word >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  /** Uniform integer in [0, 2^32). */
  nextUint32(): number {
    const scrambled = Math.imul(this.b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** Uniform real in [0, 1), 53 bits. */
  next(): number {
    return ((this.nextUint32() >>> 5) * 0x4000000 + (this.nextUint32() >>> 6)) / 0x20000000000000;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Uniform integer in [low, high], both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new RangeError("pick from an empty list");
    return values[this.below(values.length)] as T;
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(values: readonly T[]): T[] {
    const copy = [...values];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }

  /** Standard normal (Box-Muller, one of the pair). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  state(): [number, number, number, number] {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0];
  }
}
