/** A bounded cache: all entries are dropped when they are old, or too many. */
export class TtlCache<V> {
  readonly #forMs: number;
  readonly #most: number;
  #entries = new Map<string, V>();
  #since = 0;

  constructor(limits: { forMs: number; most: number }) {
    this.#forMs = limits.forMs;
    this.#most = limits.most;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    const now = performance.now();
    const isFull = this.#entries.size >= this.#most && !this.#entries.has(key);
    if (isFull || now - this.#since >= this.#forMs) {
      this.#entries = new Map();
      this.#since = now;
    }
    this.#entries.set(key, value);
  }
}
