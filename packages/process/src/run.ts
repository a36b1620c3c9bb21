import { setImmediate as nextImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { createLog, type LogLevel } from './log.ts';

export interface Running {
  stop(): Promise<void>;
}

/** Added to the shutdown deadline. A process that still runs after that is ended. */
const LAST_RESORT_MS = 5_000;

/** Reads the configuration. When it is invalid, prints why and ends the process. */
export function configOrExit<C>(read: () => C): C {
  try {
    return read();
  } catch (error) {
    console.error(error instanceof Error ? error.message : 'The configuration cannot be read.');
    return process.exit(1);
  }
}

/**
 * When objects of one allocation site survive two collections, V8 allocates that site in old space from then
 * on. On a busy server these are the objects of requests: dead in old space, each keeps its references alive,
 * and V8 sees its guess confirmed.
 * Half of the API processes ended up in this state and served a fifth fewer status reads a second
 * (docs/benchmarks.md).
 */
const V8_FLAGS = '--no-allocation-site-pretenuring';

/**
 * Has V8 optimize `process.nextTick` before the process creates ticks of many shapes. Without it the API of Node 24
 * spent a tenth of its CPU time on writing the properties of ticks (docs/benchmarks.md), probably on V8's slow path.
 */
async function optimizeNextTick(): Promise<void> {
  const nothing = () => undefined;
  for (let batch = 0; batch < 30; batch += 1) {
    for (let n = 0; n < 100; n += 1) process.nextTick(nothing);
    await nextImmediate();
  }
}

/** Starts a process. Stops it gracefully on SIGTERM, SIGINT or an uncaught error. */
export async function runProcess(
  { name, logLevel, shutdownDeadlineMs }: { name: string; logLevel: LogLevel; shutdownDeadlineMs: number },
  start: (log: Logger) => Promise<Running>,
): Promise<void> {
  setFlagsFromString(V8_FLAGS);
  const log = createLog(name, logLevel);
  // Registered before the start, so that no signal is lost meanwhile.
  let running: Running | undefined;
  closeWithGrace({ delay: shutdownDeadlineMs + LAST_RESORT_MS, logger: log }, async ({ err }) => {
    if (err !== undefined) log.fatal({ err }, 'uncaught error');
    await running?.stop();
  });
  await optimizeNextTick();
  running = await start(log);
  log.info('ready');
  // Tells a supervisor that waits for it, such as pm2 or our own launcher.
  process.send?.('ready');
}
