import { setTimeout as delay } from 'node:timers/promises';

/** Repeats `look` until it does not throw, for changes without an event. At the timeout it throws the last error. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  { timeoutMs = 20_000, intervalMs = 20 } = {},
): Promise<T> {
  const endAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > endAt) throw error;
    }
    await delay(intervalMs);
  }
}
