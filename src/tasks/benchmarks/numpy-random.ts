/**
 * NumPy's legacy `RandomState(seed).permutation(n)`, because the published splits are defined by it: MT19937 (Matsumoto and
 * Nishimura 1998) and Fisher-Yates with rejection sampling under a bit mask. For splits only; everything of our own draws
 * from RandomStream.
 */

const stateLength = 624;
const shift = 397;

class MersenneTwister {
  private readonly state = new Uint32Array(stateLength);
  private position = stateLength;

  constructor(seed: number) {
    let word = seed >>> 0;
    for (let i = 0; i < stateLength; i++) {
      this.state[i] = word;
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i + 1) >>> 0;
    }
  }

  nextUint32(): number {
    if (this.position === stateLength) this.twist();
    let word = this.state[this.position++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < stateLength; i++) {
      const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % stateLength]! & 0x7fffffff);
      const odd = mixed & 1 ? 0x9908b0df : 0;
      state[i] = state[(i + shift) % stateLength]! ^ (mixed >>> 1) ^ odd;
    }
    this.position = 0;
  }
}

/** The numbers 0 … n - 1 in the order of `numpy.random.RandomState(seed).permutation(n)`. */
export function numpyPermutation(seed: number, n: number): number[] {
  const random = new MersenneTwister(seed);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j: number;
    do j = (random.nextUint32() & mask) >>> 0;
    while (j > i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
