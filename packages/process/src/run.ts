import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { createLog, type LogLevel } from './log.ts';

export interface Running {
  stop(): Promise<void>;
}

/** Past its own deadline, a process that still has not stopped is ended. */
const LAST_RESORT_MS = 5_000;

/** The configuration, or the end of the process with what is wrong with it. */
export function configOrExit<C>(read: () => C): C {
  try {
    return read();
  } catch (error) {
    console.error(error instanceof Error ? error.message : 'The configuration cannot be read.');
    return process.exit(1);
  }
}

/**
 * Where V8 has seen objects of one place in the code outlive two collections, it makes all of that place among old objects
 * from then on. On a busy server these are what requests are made of: each, dead among the old, keeps alive what it refers
 * to, and V8 sees itself confirmed.
 * Every other API process came there and stayed, and read a fifth fewer statuses a second (docs/benchmarks.md).
 */
const V8_FLAGS = '--no-allocation-site-pretenuring';

/** Starts a process, and stops it in order on SIGTERM, SIGINT or an uncaught error. */
export async function runProcess(
  { name, logLevel, shutdownDeadlineMs }: { name: string; logLevel: LogLevel; shutdownDeadlineMs: number },
  start: (log: Logger) => Promise<Running>,
): Promise<void> {
  setFlagsFromString(V8_FLAGS);
  const log = createLog(name, logLevel);
  // Before starting, so that a signal that comes meanwhile is not lost.
  let running: Running | undefined;
  closeWithGrace({ delay: shutdownDeadlineMs + LAST_RESORT_MS, logger: log }, async ({ err }) => {
    if (err !== undefined) log.fatal({ err }, 'uncaught error');
    await running?.stop();
  });
  running = await start(log);
  // For a supervisor that waits for this, as pm2 and our own launcher do.
  process.send?.('ready');
}
