// How a benchmark and its worker processes speak: the worker says that it is ready, works once it is told to go, and
// stops and reports when it is told so.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Collected } from './watched.ts';

const READY = 'ready';
const GO = 'go';
const STOP = 'stop';
/** For an app that is watched; see watched.ts. */
const COLLECT = 'collect';

export interface WorkerProcess {
  go(): void;
  /** Null when it was killed; undefined while it runs. */
  exitCode(): number | null | undefined;
  /** Resolves with the worker's report; one that has not stopped within the time is killed. */
  stop(withinMs?: number): Promise<unknown>;
}

const running = new Set<ChildProcess>();

/** Resolves once the worker is ready. */
export async function startProcess(file: string, args: readonly string[]): Promise<WorkerProcess> {
  const child = fork(path.join(import.meta.dirname, file), args);
  running.add(child);
  let exitCode: number | null | undefined;
  let report: unknown;
  child.once('exit', (code) => {
    exitCode = code;
    running.delete(child);
  });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(child, 'message').then(([message]) => message as unknown), exited]);
  if (first !== READY) throw new Error(`${file} ended with ${exitCode} before it was ready; see above.`);
  child.on('message', (message) => {
    ({ report } = message as { report: unknown });
  });
  return {
    go: () => void child.send(GO),
    exitCode: () => exitCode,
    async stop(withinMs = 15_000) {
      if (child.connected) child.send(STOP);
      const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
      await exited;
      clearTimeout(timer);
      if (exitCode !== 0) throw new Error(`${file} did not stop in order (${exitCode}); see above.`);
      return report;
    },
  };
}

const repoRoot = path.join(import.meta.dirname, '../../..');

/** Stops an app in order. */
export interface StopApp {
  (): Promise<void>;
  /** Of the app's process. */
  readonly pid: number;
  /** Has a watched app collect its garbage; resolves with what is still there, in bytes. */
  collect(): Promise<number>;
}

/**
 * An app of ours as it runs in production, but that nobody reads its log. Resolves once it listens, with what stops it
 * in order.
 */
export async function startApp(
  entry: string,
  env: Readonly<Record<string, string>>,
  { isWatched = false } = {},
): Promise<StopApp> {
  const child = fork(path.join(repoRoot, entry), [], {
    env: { ...process.env, ...env },
    ...(isWatched ? { execArgv: ['--import', path.join(import.meta.dirname, 'watched.ts')] } : {}),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  running.add(child);
  const exited = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  const first = await Promise.race([once(child, 'message').then(([message]) => message as unknown), exited]);
  if (first !== READY) throw new Error(`${entry} ended with ${String(first)} before it listened; see above.`);
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.kill('SIGTERM');
    await exited;
    clearTimeout(timer);
  };
  const collect = async () => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(10_000) });
    child.send(COLLECT);
    const [{ liveBytes }] = (await answered) as [Collected];
    return liveBytes;
  };
  return Object.assign(stop, { pid: child.pid ?? 0, collect });
}

/** Those still there, when a run has failed. */
export function killProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
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
  // Its benchmark is gone.
  process.once('disconnect', () => process.exit(1));
  process.send?.(READY);
}
