import { anOrder, aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const held = async () => (await shop.audit())[0]?.reserved ?? 0;
const events = (attemptId: string) =>
  shop.db.selectFrom('paymentEvents').selectAll().where('attemptId', '=', attemptId).execute();
const exceptionsOf = (orderId: string) =>
  shop.db.selectFrom('paymentExceptions').selectAll().where('orderId', '=', orderId).execute();
const outcomeOf = (attemptId: string, outcome: string) =>
  vi.waitFor(
    async () => expect((await events(attemptId)).map((event) => event.outcome)).toContain(outcome),
    patience,
  );

/** Resolves when the sweeper has swept the order twice. */
async function sweptAgain(orderId: string) {
  await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
  await vi.waitFor(async () => {
    const order = await shop.db
      .selectFrom('orders')
      .select('sweepRound')
      .where('id', '=', orderId)
      .executeTakeFirst();
    expect(order?.sweepRound).toBeGreaterThanOrEqual(2);
  }, patience);
}

describe('payments', () => {
  it('that do not arrive in time release the stock of their order', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment(anOrder('KOPI', 7));
    expect(await held()).toBe(before + 7);
    await shop.makeOverdue(orderId, 120_000);
    await shop.until(orderId, 'expired');
    expect(await held()).toBe(before);
  });

  it('that the gateway may still accept hold the stock, and pay the order', async () => {
    const { orderId } = await shop.awaitingXendit(anOrder('KOPI', 3));
    const before = await held();
    // The invoice is still payable at Xendit, whose API does not answer.
    await shop.gateways.fail('xendit', 'http_500');
    await shop.makeOverdue(orderId, 120_000);
    await shop.until(orderId, 'closing');
    await sweptAgain(orderId);
    expect((await shop.read(orderId)).status).toBe('closing');
    expect(await held()).toBe(before);
    await shop.gateways.pay(`${orderId}-2`);
    await shop.gateways.fail('xendit', 'none');
    await shop.until(orderId, 'paid');
  });

  it('cannot be made after their order is overdue', async () => {
    const { orderId } = await shop.awaitingXendit(anOrder('KOPI'));
    await shop.makeOverdue(orderId, 1_000);
    await shop.until(orderId, 'closing');
    // The gateway would accept it for some more minutes, but the worker has closed it.
    await vi.waitFor(async () => expect(await shop.pageStatus(orderId)).toBe(410), patience);
    expect((await shop.gateways.pay(`${orderId}-2`)).status).toBe(409);
    await sweptAgain(orderId);
    // The webhook of a payment in the last second may take a minute.
    expect((await shop.read(orderId)).status).toBe('closing');
    await shop.makeOverdue(orderId, 120_000);
    // A job that was already running is not added a second time; the sweeper does so half a minute later.
    await shop.until(orderId, 'expired', { timeoutMs: 45_000 });
  });

  it('of another amount leave the order unpaid', async () => {
    const { orderId } = await shop.awaitingPayment();
    await shop.db
      .updateTable('paymentAttempts')
      .set({ amountRupiah: 60_000 })
      .where('orderId', '=', orderId)
      .execute();
    await shop.gateways.pay(`${orderId}-1`);
    await outcomeOf(`${orderId}-1`, 'wrong_amount');
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
    expect(await exceptionsOf(orderId)).toMatchObject([
      { kind: 'wrong_amount', state: 'open', amountRupiah: 50_000 },
    ]);
    await vi.waitFor(
      async () => expect(await shop.read(orderId)).toMatchObject({ payment: { state: 'checking' } }),
      patience,
    );
    // An operator has sent the money back: the customer gets another link, as the first is used up.
    const { id: exceptionId } = await shop.db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('orderId', '=', orderId)
      .executeTakeFirstOrThrow();
    await shop.add('resolve-exception', { exceptionId, resolution: 'sent back', requestedBy: 'test' });
    await vi.waitFor(
      async () =>
        expect(await shop.read(orderId)).toMatchObject({
          payment: { state: 'payable', attemptId: `${orderId}-2` },
        }),
      patience,
    );
  });

  it.each([
    ['second_payment', 'paid'],
    ['paid_after_cancel', 'cancelled'],
  ] as const)('with outcome %s keep it, however often the webhook is delivered', async (outcome, state) => {
    const { orderId } = await shop.awaitingPayment();
    const id = `${orderId}-1`;
    await shop.db.updateTable('paymentAttempts').set({ state: 'closed' }).where('id', '=', id).execute();
    await shop.db.updateTable('orders').set({ state }).where('id', '=', orderId).execute();
    await shop.gateways.pay(id);
    await outcomeOf(id, outcome);
    const [event] = await events(id);
    // Delivered again, and once more as a new event.
    for (const dedupeKey of [event?.dedupeKey ?? '', `another-${outcome}`]) {
      const again = { gateway: 'midtrans', attemptId: id, dedupeKey, requestId: 'r' } as const;
      await shop.add('apply-payment-event', { ...again, payload: { status: 'x' } });
    }
    await vi.waitFor(
      // An automatic refund causes events of its own.
      async () => {
        const outcomes = (await events(id)).map((e) => e.outcome);
        expect(outcomes.length).toBeGreaterThanOrEqual(2);
        expect(new Set(outcomes)).toEqual(new Set([outcome]));
      },
      patience,
    );
    const attempt = await shop.db
      .selectFrom('paymentAttempts')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    expect(attempt).toMatchObject({ state: 'paid', outcome: outcome });
  });

  it('that a webhook announces and the gateway does not confirm open an exception', async () => {
    const { orderId } = await shop.awaitingXendit(anOrder('KOPI'));
    const id = `${orderId}-2`;
    const attempt = await shop.db
      .selectFrom('paymentAttempts')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    const expired = await fetch(`${shop.gateways.url}/invoices/${attempt.gatewayRef}/expire!`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${GATEWAY_SECRETS.XENDIT_SECRET_KEY}:`)}` },
    });
    expect(expired.status).toBe(200);
    const answer = await fetch(`${shop.apiUrl}/v1/webhooks/xendit`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-callback-token': GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN,
      },
      body: JSON.stringify({ id: attempt.gatewayRef, external_id: id, status: 'PAID', payment_id: 'p1' }),
    });
    expect(answer.status).toBe(200);
    await shop.ageEvents(id);
    await outcomeOf(id, 'unconfirmed_payment');
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
    expect(await exceptionsOf(orderId)).toMatchObject([{ kind: 'unconfirmed_payment', state: 'open' }]);
    // The customer may have paid: no other link by itself, none that is asked for, and the status says so.
    const checking = { status: 'awaiting_payment', payment: { state: 'checking', method: 'online' } };
    await vi.waitFor(async () => expect(await shop.read(orderId)).toMatchObject(checking), patience);
    const payload = {
      orderId,
      requestId: 'r',
      method: 'bank_transfer',
      replaces: id,
      requestedBy: 'test',
    } as const;
    await shop.done('change-payment-method', await shop.add('change-payment-method', payload));
    await shop.done('reconcile-payment', await shop.add('reconcile-payment', { attemptId: id }));
    expect(await shop.read(orderId)).toMatchObject(checking);
    // An operator has looked: nothing came. The customer gets another link.
    const [exception] = await shop.db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('orderId', '=', orderId)
      .execute();
    const resolution = { resolution: 'nothing came', requestedBy: 'test' };
    await shop.add('resolve-exception', { exceptionId: exception?.id ?? 0, ...resolution });
    await vi.waitFor(
      async () => expect(await shop.read(orderId)).toMatchObject({ payment: { state: 'payable' } }),
      patience,
    );
    // Midtrans had refused connections: its attempt is sent again.
    await vi.waitFor(
      async () => {
        await shop.add('reconcile-payment', { attemptId: id });
        expect(await shop.read(orderId)).toMatchObject({
          payment: { state: 'payable', attemptId: `${orderId}-1` },
        });
      },
      { timeout: 20_000, interval: 500 },
    );
  });

  it('that another gateway announces, or for an unknown order, are recorded', async () => {
    const { orderId } = await shop.awaitingPayment();
    for (const external_id of [`${orderId}-1`, 'unknown-1']) {
      await fetch(`${shop.apiUrl}/v1/webhooks/xendit`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-callback-token': GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN,
        },
        body: JSON.stringify({ id: 'x', external_id, status: 'PAID', payment_id: external_id }),
      });
    }
    await outcomeOf(`${orderId}-1`, 'wrong_gateway');
    await outcomeOf('unknown-1', 'unknown_order');
  });

  it('by bank transfer hold the stock without a link', async () => {
    const { orderId } = await shop.awaitingPayment({ ...anOrder('KOPI'), paymentMethod: 'bank_transfer' });
    const { payment } = await shop.read(orderId);
    expect(payment).toMatchObject({ gateway: 'bank_transfer', expiresAt: expect.any(String) });
    expect(payment).not.toHaveProperty('url');
  });
});
