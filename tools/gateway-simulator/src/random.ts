export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  seed(seed: number): void;
}

/** mulberry32: the same seed gives the same faults and waits. */
export function createRandom(seed: number): Random {
  let state = seed;
  return {
    seed(given) {
      state = given;
    },
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}
