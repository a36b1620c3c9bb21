import { projectAllStorefronts } from '@antrean/backoffice';
import {
  addSwitchChanges,
  auditMoney,
  claimOverdue,
  claimRefundsDue,
  claimDueStatusChecks,
  type Database,
  type Kysely,
  missingReports,
  pruneCommandOutcomes,
  pruneGatewayApiLog,
} from '@antrean/db';
import { ONLINE_GATEWAYS, ORDER_STATES, orderJobOf, wibDay } from '@antrean/domain';
import { type JobName, JOBS, orderJobId, type Producer, sweptJobId } from '@antrean/queue';
import { drainSwitchChanges, type Keyspace, type Redis } from '@antrean/redis';
import type { Logger } from 'pino';
import { sweepPaymentEvents } from './sweep-payment-events.ts';

const NEXT_SWEEP_MS = 30_000;
/**
 * The most waiting jobs of each kind that the sweeper adds to; more would only wait longer in the queue. Each kind has a
 * limit of its own: work that waits for a gateway stops no other work.
 */
const MAX_WAITING = {
  'create-payment': 500,
  'expire-order': 500,
  'release-hold': 500,
  'send-refund': 200,
  // The gateways' rate limits pace status checks.
  'reconcile-payment': 200,
} as const satisfies Partial<Record<JobName, number>>;

export interface Sweeper {
  stop(): Promise<void>;
}

interface SweeperDependencies {
  db: Kysely<Database>;
  redis: Redis;
  keyspace: Keyspace;
  producer: Pick<Producer, 'add' | 'addAll' | 'waitingCount'>;
  log: Logger;
  now: () => Date;
}

/** The number of jobs of this kind that may be added now. */
async function roomFor(
  producer: Pick<Producer, 'waitingCount'>,
  job: keyof typeof MAX_WAITING,
): Promise<number> {
  return Math.max(0, MAX_WAITING[job] - (await producer.waitingCount(JOBS[job].queue)));
}

/** The jobs that the sweeper adds for orders, each with the states of the orders that it moves on. */
const ORDER_JOBS = Map.groupBy(ORDER_STATES, orderJobOf);

/** Adds the job of every order past its deadline again: of each job as many as it has room for, the oldest first. */
export async function sweepOrders({
  db,
  producer,
  log,
  now,
}: Omit<SweeperDependencies, 'redis' | 'keyspace'>): Promise<void> {
  const at = now();
  const nextDueAt = new Date(at.getTime() + NEXT_SWEEP_MS);
  for (const [job, states] of ORDER_JOBS) {
    if (job === undefined || job === 'reserve-order') continue;
    const limit = await roomFor(producer, job);
    if (limit === 0) continue;
    for (const order of await claimOverdue(db, { states, limit, now: at, nextDueAt })) {
      await producer.add(job, { orderId: order.orderId, requestId: order.requestId }, orderJobId(job, order));
      log.info(
        { orderId: order.orderId, requestId: order.requestId, state: order.state, job },
        'overdue order swept',
      );
    }
  }
}

/** Adds the jobs of due refunds and status checks. */
export async function sweepPayments({
  db,
  producer,
  now,
}: Omit<SweeperDependencies, 'redis' | 'keyspace'>): Promise<void> {
  const at = now();
  const nextAt = new Date(at.getTime() + 2 * NEXT_SWEEP_MS);
  const round = at.getTime();
  const refundLimit = await roomFor(producer, 'send-refund');
  if (refundLimit > 0) {
    const refunds = await claimRefundsDue(db, { limit: refundLimit, now: at, nextDueAt: nextAt });
    await producer.addAll(
      'send-refund',
      refunds.map((refundId) => ({
        payload: { refundId },
        jobId: sweptJobId('send-refund', refundId, round),
      })),
    );
  }
  const limit = await roomFor(producer, 'reconcile-payment');
  if (limit === 0) return;
  const attempts = await claimDueStatusChecks(db, { limit, now: at, nextPollAfter: nextAt });
  await producer.addAll(
    'reconcile-payment',
    attempts.map((attemptId) => ({
      payload: { attemptId },
      jobId: sweptJobId('reconcile-payment', attemptId, round),
    })),
  );
}

/** Stores the changes of switches in PostgreSQL, and copies the storefronts from PostgreSQL to Redis. */
async function sweepSettings({ db, redis, keyspace }: SweeperDependencies): Promise<void> {
  await drainSwitchChanges(redis, keyspace, (changes) =>
    addSwitchChanges(
      db,
      changes.map(({ changeId, changedAt, ...change }) => ({
        ...{ ...change, id: changeId, at: new Date(changedAt) },
      })),
    ),
  );
  await projectAllStorefronts(db, redis, keyspace);
}

const HOUR_MS = 3_600_000;
/** By then the gateways' lists of the day are complete. */
const REPORT_AFTER_MIDNIGHT_MS = 2 * HOUR_MS;
/** Missing reports of this many days are made later. */
const REPORT_DAYS = 7;

/** Hourly tasks: reports of past days, an audit of the money ledger, deletion of old records. */
async function sweepHourly({ db, producer, log, now }: SweeperDependencies): Promise<void> {
  const days = Array.from({ length: REPORT_DAYS }, (_, index) =>
    wibDay(new Date(now().getTime() - REPORT_AFTER_MIDNIGHT_MS - (index + 1) * 24 * HOUR_MS)),
  );
  const missing = await missingReports(db, ONLINE_GATEWAYS, days);
  // Every missing report, the oldest first: a day that cannot be done does not block the next. A failed one is made again
  // every six hours, and none is added while it still runs: a report of 100,000 payments takes hours.
  const round = Math.floor(now().getTime() / (6 * HOUR_MS));
  for (const { gateway, day } of missing)
    await producer.add(
      'settlement-report',
      { gateway, day },
      sweptJobId('settlement-report', `${gateway}-${day}`, round),
    );
  const { differences, sumRupiah } = await auditMoney(db, {
    since: new Date(now().getTime() - 25 * HOUR_MS),
  });
  if (sumRupiah !== 0) log.error({ sumRupiah }, 'the accounts of the money ledger do not sum to zero');
  for (const difference of differences)
    log.error(difference, 'the money ledger of an order differs from its attempts and refunds');
  await pruneGatewayApiLog(db);
  await pruneCommandOutcomes(db);
}

export function startSweeper(deps: SweeperDependencies, intervalMs: number): Sweeper {
  // Side by side: pruning or a slow gateway of one kind holds up no order.
  const sweeps = [sweepOrders, sweepPayments, sweepPaymentEvents, sweepSettings, every(HOUR_MS, sweepHourly)];
  const running = new Map<(typeof sweeps)[number], Promise<void>>();
  const start = (sweep: (typeof sweeps)[number]) => {
    // A sweep that takes longer than the interval is not started twice.
    if (running.has(sweep)) return;
    const run = sweep(deps)
      .catch((error: unknown) =>
        deps.log.error({ err: error }, 'sweep failed; it runs again at the next interval'),
      )
      .finally(() => running.delete(sweep));
    running.set(sweep, run);
  };
  const timer = setInterval(() => sweeps.forEach(start), intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(running.values());
    },
  };
}

/** Runs at the first call, and then once in each interval; after a failure it is retried sooner. */
function every(intervalMs: number, sweep: (deps: SweeperDependencies) => Promise<void>): typeof sweep {
  let nextAt = Number.NEGATIVE_INFINITY;
  return async (deps) => {
    const at = deps.now().getTime();
    if (at < nextAt) return;
    nextAt = at + intervalMs / 6;
    await sweep(deps);
    nextAt = at + intervalMs;
  };
}
