import { setTimeout as delay } from 'node:timers/promises';
import type { OrderQueue } from './order-queue.ts';
import type { WorkerProcess } from './processes.ts';

const POLL_MS = 10;

export interface Drain {
  perSecond: number;
  done: number;
  failed: number;
  elapsedMs: number;
  /** The lowest number of waiting orders during the measurement. */
  lowestWaiting: number;
}

/**
 * Starts workers that are ready, and measures their orders a second from the moment at which `warmUp` orders are done, so
 * that connecting and compiling do not count, until `isOver`.
 */
export async function drain(
  queue: OrderQueue,
  workers: readonly WorkerProcess[],
  {
    warmUp,
    isOver,
    onWarm,
  }: {
    warmUp: number;
    isOver: (now: { done: number; left: number; elapsedMs: number }) => boolean;
    onWarm?: () => void;
  },
): Promise<Drain> {
  const before = await queue.counts();
  for (const worker of workers) worker.go();
  let start = warmUp === 0 ? { done: 0, at: performance.now() } : undefined;
  let lowestWaiting = Number.POSITIVE_INFINITY;
  for (;;) {
    const counts = await queue.counts();
    const at = performance.now();
    for (const worker of workers) {
      if (worker.exitCode() !== undefined) throw new Error('A worker ended during the run; see above.');
    }
    const done = counts.done - before.done;
    if (start === undefined && done >= warmUp) {
      start = { done, at };
      onWarm?.();
    }
    if (start !== undefined) {
      lowestWaiting = Math.min(lowestWaiting, counts.waiting);
      const elapsedMs = at - start.at;
      if (isOver({ done, left: counts.left, elapsedMs })) {
        const failed = counts.failed - before.failed;
        return {
          perSecond: ((done - start.done) * 1_000) / elapsedMs,
          done,
          failed,
          elapsedMs,
          lowestWaiting,
        };
      }
    }
    await delay(POLL_MS);
  }
}
