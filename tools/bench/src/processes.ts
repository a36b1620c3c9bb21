// The messages between a benchmark and its worker processes: the worker says that it is ready, starts on demand, and on
// demand stops and reports.
import { once } from 'node:events';
import { type NodeProcess, startNode } from '@antrean/testing';
import type { Collected } from './watched.ts';

const READY = 'ready';
const GO = 'go';
const STOP = 'stop';
/** For a watched app; see watched.ts. */
const COLLECT = 'collect';

export interface WorkerProcess {
  go(): void;
  /** The name of the signal if it was killed; undefined while it runs. */
  exitCode(): number | NodeJS.Signals | undefined;
  /** Resolves with the worker's report; a worker that does not stop in time is killed. */
  stop(withinMs?: number): Promise<unknown>;
}

/** Starts a file of this folder. Resolves once the worker is ready. */
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
      if (code !== 0) throw new Error(`${file} did not stop cleanly (${code}); see above.`);
      return report;
    },
  };
}

/** Lets a watched app collect its garbage; resolves with the bytes of live memory. */
export async function collectGarbage({ child }: NodeProcess): Promise<number> {
  const answered = once(child, 'message', { signal: AbortSignal.timeout(10_000) });
  child.send(COLLECT);
  const [{ liveBytes }] = (await answered) as [Collected];
  return liveBytes;
}

/** In the worker: `start` runs on demand; the function that it returns stops it and returns the report. */
export function serve(start: () => Promise<() => Promise<unknown>>): void {
  let started = Promise.resolve(async (): Promise<unknown> => undefined);
  process.on('message', (message) => {
    if (message === GO) started = start();
    if (message === STOP) {
      void started.then((stop) => stop()).then((report) => process.send?.({ report }, () => process.exit(0)));
    }
  });
  // The benchmark has ended.
  process.once('disconnect', () => process.exit(1));
  process.send?.(READY);
}
