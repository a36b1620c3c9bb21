import { claimOverdue, type Database, type Kysely } from '@antrean/db';
import { lifecycleOf } from '@antrean/domain';
import { orderJobId, type Producer } from '@antrean/queue';
import type { Logger } from 'pino';

const BATCH = 500;
const NEXT_LOOK_MS = 30_000;

export interface Sweeper {
  stop(): Promise<void>;
}

/** Adds again the job of every order that sits past its deadline. Returns how many there were. */
async function sweepOnce(db: Kysely<Database>, producer: Producer, log: Logger): Promise<number> {
  const overdue = await claimOverdue(db, { limit: BATCH, nextDueAt: new Date(Date.now() + NEXT_LOOK_MS) });
  for (const order of overdue) {
    const { job } = lifecycleOf(order.state);
    if (job === undefined || job === 'reserve-order') continue;
    await producer.add(job, { orderId: order.orderId, requestId: order.requestId }, orderJobId(job, order));
    log.info(
      { orderId: order.orderId, requestId: order.requestId, state: order.state, job },
      'overdue order swept',
    );
  }
  return overdue.length;
}

export function startSweeper(
  db: Kysely<Database>,
  producer: Producer,
  log: Logger,
  intervalMs: number,
): Sweeper {
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = running
      .then(() => sweepOnce(db, producer, log))
      .catch((error: unknown) =>
        log.error({ err: error }, 'sweep failed; it is tried again at the next interval'),
      );
  }, intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
