import { DEFAULT_TRANSFER_POLICY } from '@antrean/domain';
import {
  addProducts,
  attemptsOfOrders,
  auditMoney,
  auditStock,
  type Database,
  type Kysely,
  openDatabase,
  readOrders,
} from '@antrean/db';
import { type JobName, type Producer, RetryLaterError } from '@antrean/queue';
import {
  batchOrderCommands,
  createHandlers,
  type JobDependencies,
  PaymentNotReadyError,
  reserveBatch,
  sweepOrders,
  sweepPaymentEvents,
  sweepPayments,
} from '@antrean/worker';
import pino from 'pino';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forgedFor, jobOf, type Surroundings, type Webhook } from './gateways.ts';
import { createSnap } from './snap.ts';
import { createXendit } from './xendit.ts';
import { anAcceptedOrder, anOrder, aProduct, seededRandom, type TestDatabase } from '@antrean/testing';

const ORDERS = 80;
const COPIES = 10;
const SEED = 20_261_124;
const MINUTE_MS = 60_000;
const AT_ONCE = 10;
/** Jobs that follow an event. */
const ADDED: readonly JobName[] = [
  ...(['create-payment', 'expire-order', 'release-hold', 'reconcile-payment', 'send-refund'] as const),
  'resume-payment-event',
];

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: AT_ONCE });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

it('final states agree with the gateways when webhooks are lost, repeated, reordered or forged', async () => {
  const random = seededRandom(SEED);
  let nowMs = Date.now();
  const webhooks: Webhook[] = [];
  let isMidtransAway = false;
  const world: Surroundings = {
    nowMs: () => nowMs,
    conditionOf: () => 'well',
    customerFeeRupiah: 0,
    nextFault: () => (isMidtransAway ? 'refused' : 'none'),
    park: () => Promise.resolve(),
    crash: (): never => {
      throw new Error('No worker crashes in this test.');
    },
    later: () => undefined,
    webhook: (webhook) => void webhooks.push(webhook),
    nextRefund: () => ({ state: 'going', takesMs: 60_000 }),
  };
  const snap = createSnap(world);
  const xendit = createXendit({ ...world, nextFault: () => 'none' });
  const jobs: (() => Promise<void>)[] = [];
  const run = (name: JobName, payload: unknown, jobId: string) => {
    if (!ADDED.includes(name)) throw new Error(`${name} was added unexpectedly.`);
    return handlers[name](payload as never, { jobId, attempt: 1 });
  };
  const producer: JobDependencies['producer'] & Pick<Producer, 'waitingCount'> = {
    add: async (name, payload, jobId) => void jobs.push(() => run(name, payload, jobId)),
    addAll: async (name, added) => {
      for (const { payload, jobId } of added) jobs.push(() => run(name, payload, jobId));
    },
    waitingCount: () => Promise.resolve(0),
  };
  const now = () => new Date(nowMs);
  const log = pino({ level: 'silent' });
  const deps: JobDependencies = {
    ...{
      db,
      producer,
      log,
      now,
      gateways: [snap, xendit],
      transferAccounts: [],
      gatewayIdPrefix: '',
      transferPolicy: DEFAULT_TRANSFER_POLICY,
    },
    records: { publish: () => Promise.resolve([]) },
    stock: { touch: () => undefined },
    orderCommands: batchOrderCommands(db, { maxBatchSize: 100, now }),
  };
  const handlers = createHandlers(deps, {
    gate: { through: (work) => work() },
    reservations: { submit: () => Promise.reject(new Error('This test places no order.')) },
  });
  const apply = (webhook: Webhook) => async () => {
    const job = jobOf(webhook);
    if (job?.name === 'apply-payment-event')
      await handlers[job.name](job.payload, { jobId: 'event', attempt: 1 });
  };
  const workOff = async () => {
    while (jobs.length > 0) await allOf(jobs.splice(0));
  };
  const sweep = async () => {
    await sweepOrders({ db, producer, log, now });
    await sweepPayments({ db, producer, log, now });
    await sweepPaymentEvents({ db, producer, now });
    await workOff();
  };

  await addProducts(db, [aProduct('BADAI', { onHand: ORDERS })]);
  const accepted = Array.from({ length: ORDERS }, () =>
    anAcceptedOrder({ ...anOrder('BADAI'), acceptedAtMs: nowMs }),
  );
  const orders = accepted.map(({ orderId }) => orderId);
  await Promise.all(await reserveBatch(deps, accepted));
  const half = jobs.splice(0, ORDERS / 2);
  await allOf(half);
  isMidtransAway = true;
  await workOff();
  isMidtransAway = false;

  const attempts = (await attemptsOfOrders(db, orders)).filter(({ state }) => state === 'active');
  expect(attempts).toHaveLength(ORDERS);
  const unpaid: string[] = [];
  for (const [index, { id, gatewayRef, gateway }] of attempts.entries()) {
    const ref = gatewayRef ?? '';
    const at = gateway === 'midtrans' ? snap : xendit;
    // Denied, and paid again on the same page.
    if (index % 5 === 0) at.visit(ref, 15);
    if (index % 5 <= 2) at.visit(ref, index % 5 === 1 ? 1 : 0);
    else unpaid.push(id);
    if (index % 5 === 3) at.visit(ref, 11);
  }
  // Some webhooks arrive at once.
  await allOf(webhooks.filter(() => random() < 0.3).map(apply));
  nowMs += 2 * MINUTE_MS;
  // Banks reverse some payments after they were announced as paid.
  for (const [index, payment] of snap.ledger.entries()) if (index % 2 === 0) snap.reverse(payment);

  const told = webhooks.splice(0).filter(() => random() >= 0.2);
  const paidIds = new Set([...snap.ledger, ...xendit.ledger].map(({ attemptId }) => attemptId));
  const forged = attempts.filter(({ id }) => unpaid.includes(id) && !paidIds.has(id)).map(forgedFor);
  expect(forged.length).toBeGreaterThan(0);
  const storm = shuffled(
    [...told, ...forged].flatMap((event) => Array.from({ length: COPIES }, () => event)),
    random,
  );
  await allOf(storm.map(apply));
  expect(await statesOf(db, [...paidIds])).not.toContain('expired');

  // The reconciler checks lost events, holds end, and unpaid orders reach their deadline.
  for (const minutes of [1, 1, 1, 2, 4, 8, 8, 8, 2, 2, 60, 10, 60]) {
    nowMs += minutes * MINUTE_MS;
    for (const { id } of attempts) for (const gateway of [snap, xendit]) gateway.payable(id);
    await sweep();
  }

  const seen = new Set<string>();
  const ended = new Map((await readOrders(db, orders)).map((order) => [order.orderId, order.state]));
  const entered = new Map((await attemptsOfOrders(db, orders)).map((attempt) => [attempt.id, attempt]));
  for (const { id, orderId } of attempts) {
    const payment = [...snap.ledger, ...xendit.ledger].find(({ attemptId }) => attemptId === id);
    const expected = payment === undefined ? 'expired' : 'paid';
    const state = ended.get(orderId) ?? '';
    seen.add(payment?.isReversed === true ? `${state} as it was reversed` : state);
    // A payment that was reversed before it was noticed never paid its order.
    if (payment?.isReversed === true) expect(['cancelled', 'expired']).toContain(state);
    else expect(state, id).toBe(expected);
    if (payment !== undefined && !payment.isReversed)
      expect(entered.get(id)).toMatchObject({ state: 'paid', transactionId: payment.transactionId });
  }
  for (const state of ['paid', 'expired']) expect(seen).toContain(state);
  expect([...seen].some((state) => state.endsWith('reversed'))).toBe(true);
  expect(await auditMoney(db)).toEqual({ differences: [], sumRupiah: 0 });
  const sold = [...ended.values()].filter((state) => state === 'paid').length;
  expect((await auditStock(db))[0]).toMatchObject({ reserved: 0, committed: sold, gaps: 0 });
}, 120_000);

/** Runs a few tasks at once, as BullMQ would. A job for which the gateway is not ready is added again by the next sweep. */
async function allOf(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...tasks];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let task = left.shift(); task !== undefined; task = left.shift()) {
        await task().catch((error: unknown) => {
          if (!(error instanceof PaymentNotReadyError || error instanceof RetryLaterError)) throw error;
        });
      }
    }),
  );
}

async function statesOf(of: Kysely<Database>, attemptIds: readonly string[]): Promise<string[]> {
  const orders = await readOrders(
    of,
    attemptIds.map((id) => id.slice(0, 36)),
  );
  return orders.map(({ state }) => state);
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other] as T, items[last] as T];
  }
  return items;
}
