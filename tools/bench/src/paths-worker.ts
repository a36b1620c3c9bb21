// A process that uses every path of an order after its reservation once, so that the statistics of a large database show
// whether a statement scans a whole table. Arguments: DATABASE_URL, REDIS_URL.
import { randomUUID } from 'node:crypto';
import {
  claimOverdue,
  claimDueStatusChecks,
  insertAttempt,
  openPaymentEvents,
  readOrders,
  recordEventOutcome,
  storePaymentEvent,
} from '@antrean/db';
import { applyOrderCommands, createHandlers, reserveOrders } from '@antrean/worker';
import { aBuyer, anAcceptedOrder, anOrder, sql } from '@antrean/testing';
import { openDependencies } from './dependencies.ts';
import { serve } from './processes.ts';
import { skuOf } from './shop.ts';
import { SALE_PRODUCT } from './stored-orders.ts';

/** The number of orders of each kind, in one batch. */
const EACH = 20;

const [databaseUrl = '', redisUrl = ''] = process.argv.slice(2);
const notHere = () => Promise.reject(new Error('This process does not ask for that.'));
const { deps } = await openDependencies(databaseUrl, redisUrl, [
  {
    name: 'midtrans',
    create: notHere,
    refund: notHere,
    refundStatus: notHere,
    strayStatus: notHere,
    listPaid: notHere,
    status: async () => ({ kind: 'closed', reason: 'expired', reversesPayment: false }),
    close: async () => ({ kind: 'closed' }),
  },
]);
const { db } = deps;
const handlers = createHandlers(deps, {
  gate: { through: (work) => work() },
  reservations: { submit: notHere },
});

serve(async () => {
  const done = goEveryWay();
  return () => done;
});

async function goEveryWay(): Promise<void> {
  await reserveInSale();
  // The sweeper finds orders by their deadline; some become due now.
  await sql`
    update orders set due_at = now() where id in
      (select id from orders where due_at is not null and state = 'reserved' order by due_at limit ${3 * EACH})`.execute(
    db,
  );
  const swept = await claimOverdue(db, {
    states: ['reserved', 'awaiting_payment', 'closing', 'payment_hold'],
    limit: 3 * EACH,
    now: new Date(),
    nextDueAt: new Date(Date.now() + 60_000),
  });
  const ids = swept.filter(({ state }) => state === 'reserved').map(({ orderId }) => orderId);
  if (ids.length < 2 * EACH) throw new Error(`Only ${ids.length} reserved orders are overdue.`);
  const totals = new Map<string, number>();
  for (const { orderId, totalRupiah } of await readOrders(db, ids)) {
    totals.set(orderId, totalRupiah ?? 0);
    const attempt = { id: `${orderId}-1`, orderId, number: 1, gateway: 'midtrans' } as const;
    await insertAttempt(db, { ...attempt, amountRupiah: totalRupiah ?? 0, expiresAt: new Date() }, 'bench');
  }
  const paid = ids.slice(0, EACH);
  const changes = [
    ...paid.map((orderId) => {
      const attemptId = `${orderId}-1`;
      const amountRupiah = totals.get(orderId) ?? 0;
      const received = { amountRupiah, currency: 'IDR', transactionId: attemptId, mayReverse: false };
      return { kind: 'pay', orderId, attemptId, received, actor: 'midtrans' } as const;
    }),
    ...paid.map((orderId) => {
      return { kind: 'ship', orderId, carrier: 'JNE', trackingNumber: orderId, actor: 'bench' } as const;
    }),
  ];
  await applyOrderCommands(db, changes);
  const goods = { sku: skuOf(0), quantity: 1, reference: randomUUID(), actor: 'bench', reason: 'bench' };
  await applyOrderCommands(db, [{ kind: 'receive', ...goods }]);
  for (const orderId of ids.slice(EACH, 2 * EACH)) {
    const cancel = { orderId, requestId: 'bench', requestedBy: 'customer' } as const;
    await handlers['cancel-order'](cancel, { jobId: `cancel-${orderId}`, attempt: 1 });
  }
  const asked = await askAboutSome(paid.map((orderId) => `${orderId}-1`));
  if (asked < EACH) throw new Error(`Only ${asked} of ${EACH} payments are checked.`);
  const event = { gateway: 'midtrans', dedupeKey: randomUUID(), attemptId: `${paid[0]}-1` } as const;
  await storePaymentEvent(db, { ...event, payload: {} });
  await openPaymentEvents(db, [event.attemptId]);
  await recordEventOutcome(db, { ...event, outcome: 'paid' });
}

/** Checks payments that have just become due, as the sweeper does. */
async function askAboutSome(attemptIds: readonly string[]): Promise<number> {
  await sql`update payment_attempts set next_poll_at = now() where id = any(${attemptIds})`.execute(db);
  const nextPollAfter = new Date(Date.now() + 60_000);
  const asked = await claimDueStatusChecks(db, { limit: 10 * EACH, now: new Date(), nextPollAfter });
  return asked.filter((id) => attemptIds.includes(id)).length;
}

async function reserveInSale(): Promise<void> {
  const orders = Array.from({ length: 100 }, (_, index) =>
    anAcceptedOrder({
      ...anOrder(skuOf(SALE_PRODUCT)),
      customer: { ...aBuyer(index), email: `stored${index + 1}@example.test` },
    }),
  );
  const states = (await reserveOrders(db, orders)).map(({ state, reason }) => reason ?? state);
  if (states.some((state) => state !== 'reserved')) throw new Error(`In the sale: ${states.join(', ')}.`);
}
