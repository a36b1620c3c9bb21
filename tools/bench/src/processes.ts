// How a benchmark and its worker processes speak: the worker says that it is ready, works once it is told to go, and
// stops and reports when it is told so.
import { once } from 'node:events';
import { type NodeProcess, startNode } from '@antrean/testing';
import type { Collected } from './watched.ts';

const READY = 'ready';
const GO = 'go';
const STOP = 'stop';
/** For an app that is watched; see watched.ts. */
const COLLECT = 'collect';

export interface WorkerProcess {
  go(): void;
  /** With a signal's name when it was killed; undefined while it runs. */
  exitCode(): number | NodeJS.Signals | undefined;
  /** Resolves with the worker's report; one that has not stopped within the time is killed. */
  stop(withinMs?: number): Promise<unknown>;
}

/** A file of this folder. Resolves once the worker is ready. */
export async function startProcess(file: string, args: readonly string[]): Promise<WorkerProcess> {
  const started = startNode(`tools/bench/src/${file}`, { args, prints: 'shown' });
  const { child, ended } = started;
  let exitCode: number | NodeJS.Signals | undefined;
  let report: unknown;
  void (async () => {
    exitCode = await ended;
  })();
  await started.ready();
  child.on('message', (message) => {
    ({ report } = message as { report: unknown });
  });
  return {
    go: () => void child.send(GO),
    exitCode: () => exitCode,
    async stop(withinMs = 15_000) {
      if (child.connected) child.send(STOP);
      const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
      const code = await ended;
      clearTimeout(timer);
      if (code !== 0) throw new Error(`${file} did not stop in order (${code}); see above.`);
      return report;
    },
  };
}

/** Has a watched app collect its garbage; resolves with what is still there, in bytes. */
export async function collectGarbage({ child }: NodeProcess): Promise<number> {
  const answered = once(child, 'message', { signal: AbortSignal.timeout(10_000) });
  child.send(COLLECT);
  const [{ liveBytes }] = (await answered) as [Collected];
  return liveBytes;
}

/** In the worker: `start` runs at the word, and what it returns stops it and answers what is to be reported. */
export function serve(start: () => Promise<() => Promise<unknown>>): void {
  let started = Promise.resolve(async (): Promise<unknown> => undefined);
  process.on('message', (message) => {
    if (message === GO) started = start();
    if (message === STOP) {
      void started.then((stop) => stop()).then((report) => process.send?.({ report }, () => process.exit(0)));
    }
  });
  // Its benchmark has ended.
  process.once('disconnect', () => process.exit(1));
  process.send?.(READY);
}
