// The process of the stampede that settles payments at a steady rate. Arguments: DATABASE_URL, REDIS_URL, number of
// payments, payments a second. It ends when all are settled.
import { setTimeout as delay } from 'node:timers/promises';
import { insertAttempt, type PaymentAttempt } from '@antrean/db';
import { JOBS } from '@antrean/queue';
import { applyPaymentStatus } from '@antrean/worker';
import { openDependencies } from './dependencies.ts';
import { serve } from './processes.ts';

export interface PaymentReport {
  /** From the call to its answer, with failed attempts. */
  latenciesMs: number[];
  failedTries: number;
}

const [databaseUrl = '', redisUrl = '', payments = '', perSecond = ''] = process.argv.slice(2);
const amounts = new Map<string, number>();
const notHere = () => Promise.reject(new Error('This process does not ask for that.'));
const { deps } = await openDependencies(databaseUrl, redisUrl, [
  {
    name: 'midtrans',
    create: notHere,
    refund: notHere,
    refundStatus: notHere,
    strayStatus: notHere,
    listPaid: notHere,
    status: async ({ attemptId }) => ({
      kind: 'paid',
      amountRupiah: amounts.get(attemptId) ?? 0,
      currency: 'IDR',
      transactionId: attemptId,
      mayReverse: false,
    }),
    close: async () => ({ kind: 'paid' }),
  },
]);
const settle = (attempt: PaymentAttempt) => applyPaymentStatus(deps, attempt);

const attempts = await insertAttempts(Number(payments));
const report: PaymentReport = { latenciesMs: [], failedTries: 0 };

serve(async () => {
  const all = payAll();
  return async () => {
    await all;
    return report;
  };
});

async function insertAttempts(wanted: number): Promise<PaymentAttempt[]> {
  const orders = await deps.db
    .selectFrom('orders')
    .select(['id as orderId', 'totalRupiah'])
    .where('state', '=', 'reserved')
    .limit(wanted)
    .execute();
  if (orders.length < wanted) throw new Error(`Only ${orders.length} of ${wanted} orders are reserved.`);
  return Promise.all(
    orders.map(({ orderId, totalRupiah }) => {
      const id = `${orderId}-1`;
      const amountRupiah = totalRupiah ?? 0;
      amounts.set(id, amountRupiah);
      const expiresAt = new Date(Date.now() + 30 * 60_000);
      return insertAttempt(
        deps.db,
        { id, orderId, number: 1, gateway: 'midtrans', amountRupiah, expiresAt },
        'bench',
      );
    }),
  );
}

/** Starts each payment on time, even if earlier ones have not ended, so that a slow one delays no other. */
async function payAll(): Promise<void> {
  const startedAt = performance.now();
  const under: Promise<void>[] = [];
  for (const [index, attempt] of attempts.entries()) {
    await delay(Math.max(startedAt + (index * 1_000) / Number(perSecond) - performance.now(), 0));
    under.push(pay(attempt));
  }
  await Promise.all(under);
}

/** Retries as the job would. */
async function pay(attempt: PaymentAttempt): Promise<void> {
  const { attempts: tries, backoffMs } = JOBS['apply-payment-event'];
  const startedAt = performance.now();
  for (let number = 1; ; number += 1) {
    try {
      const outcome = await settle(attempt);
      if (outcome !== 'paid') throw new Error(`A payment ended as ${outcome}.`);
      report.latenciesMs.push(performance.now() - startedAt);
      return;
    } catch (error) {
      if (number >= tries || typeof (error as { code?: unknown }).code !== 'string') throw error;
      report.failedTries += 1;
      await delay(Math.random() * backoffMs * 2 ** (number - 1));
    }
  }
}
