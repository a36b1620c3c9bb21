import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface MeasuredProcess {
  pid: number;
  /** Starts the work of a benchmark's worker. */
  go(): void;
  /** Resolves with the report of a benchmark's worker; undefined for an app. */
  stop(): Promise<unknown>;
}

const STOPPED_WITHIN_MS = 40_000;

/** Resolves once the process is ready. `isApp`: it works from its start, and stops at SIGTERM. */
export async function startMeasured(
  file: string,
  o: {
    args?: readonly string[];
    env?: Readonly<Record<string, string>>;
    execArgv?: readonly string[];
    isApp?: boolean;
  } = {},
): Promise<MeasuredProcess> {
  const child = fork(file, o.args ?? [], {
    env: { ...process.env, ...o.env },
    execArgv: [...(o.execArgv ?? [])],
    // The log of an app is not used.
    stdio: o.isApp === true ? ['ignore', 'ignore', 'inherit', 'ipc'] : 'inherit',
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const exited = once(child, 'exit');
  const [first] = (await Promise.race([once(child, 'message'), exited])) as unknown[];
  if (first !== 'ready') throw new Error(`${file} ended with ${String(first)} before it was ready.`);
  let report: unknown;
  child.on('message', (message: { report?: unknown }) => {
    if (message.report !== undefined) ({ report } = message);
  });
  return {
    pid: child.pid ?? 0,
    go: () => void child.send('go'),
    async stop() {
      if (o.isApp === true) child.kill('SIGTERM');
      else if (child.connected) child.send('stop');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
      await exited;
      clearTimeout(timer);
      return report;
    },
  };
}

/** A proxy of the Redis of this URL that delays everything by `delayMs` each way, so a round trip by twice as much. */
export async function startProxy(redisUrl: string, delayMs: number): Promise<{ url: string; stop(): void }> {
  const { port } = new URL(redisUrl);
  const child = fork(path.join(import.meta.dirname, 'proxy.ts'), [port, String(delayMs)]);
  running.add(child);
  child.once('exit', () => running.delete(child));
  const [proxyPort] = (await once(child, 'message')) as [number];
  return { url: `redis://127.0.0.1:${proxyPort}`, stop: () => void child.kill('SIGKILL') };
}
