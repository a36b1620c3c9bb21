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
import { ONLINE_GATEWAYS, orderJobOf, wibDay } from '@antrean/domain';
import { orderJobId, type Producer } from '@antrean/queue';
import { drainSwitchChanges, type Keyspace, type Redis } from '@antrean/redis';
import type { Logger } from 'pino';

const BATCH = 500;
const NEXT_SWEEP_MS = 30_000;
/** Limits of waiting jobs; more would only wait longer in the queue. */
const MAX_WAITING_EXPIRIES = 500;
const MAX_WAITING_PAYMENTS = 5_000;
/** The gateways' rate limits pace status checks: more jobs than this would only wait longer in the queue. */
const MAX_WAITING_STATUS_CHECKS = 200;

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

/** Adds the job of every order past its deadline again. */
export async function sweepOrders({
  db,
  producer,
  log,
  now,
}: Omit<SweeperDependencies, 'redis' | 'keyspace'>): Promise<void> {
  const at = now();
  const nextDueAt = new Date(at.getTime() + NEXT_SWEEP_MS);
  const [expiries, payments] = await Promise.all([
    producer.waitingCount('expiries'),
    producer.waitingCount('payments'),
  ]);
  const limit = Math.min(BATCH, MAX_WAITING_EXPIRIES - expiries, MAX_WAITING_PAYMENTS - payments);
  if (limit <= 0) return;
  for (const order of await claimOverdue(db, { limit, now: at, nextDueAt })) {
    const job = orderJobOf(order.state);
    if (job === undefined || job === 'reserve-order') continue;
    await producer.add(job, { orderId: order.orderId, requestId: order.requestId }, orderJobId(job, order));
    log.info(
      { orderId: order.orderId, requestId: order.requestId, state: order.state, job },
      'overdue order swept',
    );
  }
}

/** Adds the jobs of due status checks and refunds. */
export async function sweepPayments({
  db,
  producer,
  now,
}: Omit<SweeperDependencies, 'redis' | 'keyspace'>): Promise<void> {
  const limit = MAX_WAITING_STATUS_CHECKS - (await producer.waitingCount('reconciliation'));
  if (limit <= 0) return;
  const due = { limit, now: now() };
  const nextAt = new Date(due.now.getTime() + 2 * NEXT_SWEEP_MS);
  const round = due.now.getTime();
  const refunds = await claimRefundsDue(db, { ...due, nextDueAt: nextAt });
  await producer.addAll(
    'send-refund',
    refunds.map((refundId) => ({ payload: { refundId }, jobId: `send-refund-${refundId}-${round}` })),
  );
  const attempts = await claimDueStatusChecks(db, { ...due, nextPollAfter: nextAt });
  await producer.addAll(
    'reconcile-payment',
    attempts.map((attemptId) => ({ payload: { attemptId }, jobId: `reconcile-${attemptId}-${round}` })),
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
  // The oldest missing report of each gateway; a new round only when the tries of the last one must be over.
  const round = Math.floor(now().getTime() / (6 * HOUR_MS));
  for (const [gateway, [oldest]] of Map.groupBy(missing, (report) => report.gateway)) {
    if (oldest === undefined) continue;
    const { day } = oldest;
    await producer.add('settlement-report', { gateway, day }, `settlement-${gateway}-${day}-${round}`);
  }
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
  let running: Promise<void> | undefined;
  const sweeps = [sweepOrders, sweepPayments, sweepSettings, every(HOUR_MS, sweepHourly)];
  const sweepAll = async () => {
    for (const sweep of sweeps) {
      await sweep(deps).catch((error: unknown) =>
        deps.log.error({ err: error }, 'sweep failed; it runs again at the next interval'),
      );
    }
    running = undefined;
  };
  const timer = setInterval(() => {
    // A sweep that takes longer than the interval is not started twice.
    running ??= sweepAll();
  }, intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      await running;
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
