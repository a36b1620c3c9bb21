// Every fault of a gateway at every step of a payment, with the real adapters, worker, PostgreSQL and Redis. A test compares
// these cells with the table in docs/payments.md. `npm test` runs the faults that differ in what the worker can conclude: no
// effect, an effect without an answer, no answer in time, an unreadable answer, certainly no effect. `npm run test:system`
// runs all.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { auditMoney } from '@antrean/db';
import { aProduct, NOWHERE } from '@antrean/testing';
import { openShop, type Shop } from './shop.ts';

type Gateway = 'midtrans' | 'xendit';

/** Faults of one call. */
const CALL_FAULTS = [
  'reset',
  'reset_after',
  'hang',
  'http_429',
  'http_500',
  'http_503',
  'html_502',
  'html_200',
  'empty_200',
  'truncated_json',
  'null_fields',
] as const;
/** The faults that run with every change. */
const QUICK: Record<Step, readonly (typeof CALL_FAULTS)[number][]> = {
  create: ['reset', 'reset_after', 'hang', 'http_429', 'html_200'],
  confirm: ['reset', 'reset_after', 'hang', 'html_200', 'null_fields'],
  close: ['reset', 'reset_after', 'hang', 'html_200'],
  refund: ['reset', 'reset_after', 'hang', 'html_200', 'null_fields'],
};
/** The steps of a payment, with each gateway's calls. */
const STEPS = {
  create: { midtrans: ['create'], xendit: ['list', 'create'] },
  confirm: { midtrans: ['status'], xendit: ['status'] },
  close: { midtrans: ['cancel_session', 'cancel'], xendit: ['expire'] },
  refund: { midtrans: ['refund'], xendit: ['refund'] },
} as const satisfies Record<string, Record<Gateway, readonly string[]>>;
type Step = keyof typeof STEPS;
/** Faults of a webhook. */
const WEBHOOK_FAULTS = {
  midtrans: [
    ...['duplicate', 'drop', 'delay', 'reorder', 'bad_signature', 'altered_status', 'wrong_amount'],
    ...['uppercase_status', 'no_fraud_status', 'unknown_status', 'extra_fields', 'null_fields'],
  ],
  xendit: [
    ...[
      'duplicate',
      'drop',
      'delay',
      'reorder',
      'wrong_token',
      'missing_token',
      'wrong_amount',
      'new_webhook_id',
    ],
    ...['unknown_status', 'extra_fields', 'null_fields'],
  ],
} as const;

const patience = { timeout: 25_000, interval: 20 };

function steps(gateway: Gateway, shop: Shop) {
  const attempts = (orderId: string) =>
    shop.db
      .selectFrom('paymentAttempts')
      .selectAll()
      .where('orderId', '=', orderId)
      .orderBy('number')
      .execute();
  const fault = (operation: string, mode: string) =>
    shop.gateways.control('faults', { gateway, operation, mode, times: 1, resetSeconds: 1 });
  /** The order has one payment at the simulator, which paid the order, and its money adds up. */
  const isPaidOnce = async (orderId: string) => {
    await shop.until(orderId, 'paid');
    const ids = (await attempts(orderId)).map(({ id }) => id);
    const payments = await shop.gateways.show<{ orderId: string }[]>('payments');
    expect(payments.filter((payment) => ids.includes(payment.orderId))).toHaveLength(1);
    expect((await attempts(orderId)).filter(({ state }) => state === 'paid')).toHaveLength(1);
    expect(await auditMoney(shop.db, { orderId })).toEqual({ differences: [], sumRupiah: 0 });
  };
  return { gateway, shop, attempts, fault, isPaidOnce };
}

type Steps = ReturnType<typeof steps>;

/** Runs a step with a fault at one of its calls; it must end as without the fault. */
const GO: Record<Step, (go: Steps, operation: string, mode: string) => Promise<void>> = {
  async create(go, operation, mode) {
    const { gateway, shop, fault, isPaidOnce, attempts } = go;
    await fault(operation, mode);
    const { orderId, attemptId, payment } = await shop.awaitingPayment();
    // The worker tries the other gateway only after a fault that certainly had no effect.
    const isElsewhere = gateway === 'midtrans' && mode === 'http_429';
    expect(payment.gateway).toBe(isElsewhere ? 'xendit' : gateway);
    const made = (await attempts(orderId)).filter(({ state }) => state !== 'not_sent');
    expect(made.map(({ state }) => state)).toEqual(['active']);
    expect((await shop.gateways.pay(attemptId)).status).toBe(200);
    await isPaidOnce(orderId);
  },
  async confirm(go, operation, mode) {
    const { shop, fault, isPaidOnce } = go;
    const { orderId, attemptId } = await shop.awaitingPayment();
    await fault(operation, mode);
    expect((await shop.gateways.pay(attemptId)).status).toBe(200);
    await isPaidOnce(orderId);
  },
  async close(go, operation, mode) {
    const { shop, fault, attempts } = go;
    const { orderId, attemptId } = await shop.awaitingPayment();
    // Midtrans needs this other kind of cancel once a method was chosen on the page.
    if (operation === 'cancel') expect((await shop.gateways.choose(attemptId)).status).toBe(200);
    await fault(operation, mode);
    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    await shop.until(
      orderId,
      ({ payment }) => payment?.state === 'payable' && payment.method === 'bank_transfer',
    );
    expect((await shop.gateways.pay(attemptId)).status).toBe(409);
    const states = (await attempts(orderId)).map(({ state }) => state);
    expect(states.slice(-2)).toEqual(['closed', 'active']);
  },
  async refund(go, operation, mode) {
    const { shop, fault, isPaidOnce } = go;
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.pay(attemptId);
    await isPaidOnce(orderId);
    await fault(operation, mode);
    const refundId = `rf-${attemptId}-1`;
    await shop.add('request-refund', {
      ...{
        attemptId,
        refundId,
        amountRupiah: 20_000,
        exceptionId: null,
        reason: 'rusak',
        requestedBy: 'admin',
      },
    });
    const open = ['requested', 'pending', 'unknown'] as const;
    await vi.waitFor(async () => {
      const due = { dueAt: new Date() };
      const row = shop.db
        .updateTable('refunds')
        .set(due)
        .where('id', '=', refundId)
        .where('state', 'in', open);
      await row.execute();
      const now = await shop.db.selectFrom('refunds').select('state').where('id', '=', refundId).execute();
      expect(now).toEqual([{ state: 'succeeded' }]);
    }, patience);
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([20_000]);
    await isPaidOnce(orderId);
  },
};

/** Runs the cells of one gateway, and compares them with the table in the documentation. */
export function testGateway(gateway: Gateway, { isComplete }: { isComplete: boolean }): void {
  const cells: string[] = [];
  let shop: Shop;
  let go: Steps;
  beforeAll(async () => {
    // Xendit is tried when Midtrans is unreachable.
    const away = gateway === 'xendit' ? { MIDTRANS_BASE_URL: NOWHERE } : {};
    shop = await openShop({
      products: [aProduct('KOPI', { onHand: 10_000 })],
      envOf: { worker: { GATEWAY_TIMEOUT_MS: '500', ...away } },
    });
    go = steps(gateway, shop);
  });
  afterAll(() => shop.close());

  describe(`a payment at ${gateway}`, () => {
    for (const [step, calls] of Object.entries(STEPS) as [Step, (typeof STEPS)[Step]][]) {
      for (const mode of CALL_FAULTS) {
        cells.push(`${mode} × ${step}`);
        if (!isComplete && !QUICK[step].includes(mode)) continue;
        it(`${gateway} × ${mode} × ${step}`, async () => {
          for (const operation of calls[gateway]) await GO[step](go, operation, mode);
        }, 60_000);
      }
    }
    for (const mode of WEBHOOK_FAULTS[gateway]) {
      cells.push(`${mode} × webhook`);
      it(`${gateway} × ${mode} × webhook`, () => payWithWebhookFault(go, mode), 60_000);
    }
  });

  it('is documented as it is tested', () => {
    const page = readFileSync(new URL('../../docs/payments.md', import.meta.url), 'utf8');
    const matrix = page.slice(page.indexOf('## What goes wrong, and the test that shows it'));
    const columns = ['create', 'confirm', 'close', 'refund', 'webhook'];
    const listed = [...matrix.matchAll(/^\| `(\w+)` +\|(.+)\|$/gm)].flatMap(([, mode = '', rest = '']) =>
      rest.split('|').flatMap((cell, index) => {
        const isTested = cell.toLowerCase().includes(gateway[0] ?? '?');
        return isTested ? [`${mode} × ${columns[index]}`] : [];
      }),
    );
    expect(listed.toSorted()).toEqual(cells.toSorted());
  });
}

/** A payment with a faulty webhook: no money moves that the gateway does not confirm. */
async function payWithWebhookFault({ gateway, shop, isPaidOnce }: Steps, mode: string): Promise<void> {
  const { orderId, attemptId } = await shop.awaitingPayment();
  const other = mode === 'reorder' ? await shop.awaitingPayment() : undefined;
  await shop.gateways.control('webhook-faults', {
    gateway,
    mode,
    times: mode === 'reorder' ? 2 : 1,
    delayMs: 200,
  });
  if (other !== undefined) expect((await shop.gateways.pay(other.attemptId)).status).toBe(200);
  expect((await shop.gateways.pay(attemptId)).status).toBe(200);
  // A lost or forged webhook moves nothing. The reconciler checks the attempt within a minute, here at once.
  if (/drop|signature|token|status/.test(mode)) {
    const nextPollAt = new Date();
    await shop.db.updateTable('paymentAttempts').set({ nextPollAt }).where('id', '=', attemptId).execute();
  }
  await isPaidOnce(orderId);
  if (other !== undefined) await isPaidOnce(other.orderId);
  await shop.gateways.control('webhook-faults', { gateway, mode: 'none' });
}
