import { setTimeout as delay } from 'node:timers/promises';

/** Looks until `look` no longer throws, for what nothing tells of; then it fails as the last look did. */
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
