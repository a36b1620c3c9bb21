import { setTimeout as wait } from 'node:timers/promises';
import type { Send } from './state.ts';

const defaultDelays = [250, 1000, 3000, 8000];

/** Posts a webhook in the background, again after each delay until a 2xx; `stop` drops what is left. */
export function createSender(
  delays: readonly number[] = defaultDelays,
  onGiveUp: (url: string) => void,
): { send: Send; stop: () => void } {
  const stopped = new AbortController();
  async function deliver(url: string, headers: Record<string, string>, body: string): Promise<void> {
    for (const delay of [0, ...delays]) {
      try {
        await wait(delay, undefined, { signal: stopped.signal, ref: false });
        const r = await fetch(url, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body,
          redirect: 'manual',
          signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(15_000)]),
        });
        await r.body?.cancel();
        if (r.ok) return;
      } catch {
        if (stopped.signal.aborted) return;
      }
    }
    onGiveUp(url);
  }
  return {
    send: (url, headers, body) => void deliver(url, headers, JSON.stringify(body)),
    stop: () => stopped.abort(),
  };
}
