// Orders whose payment method changes, or that are paid too late or twice, and their refunds.
import { auditFlashSales, auditMoney, createFlashSale } from '@antrean/db';
import { aFlashSale, anOrder, aProduct, GATEWAY_SECRETS, sql } from '@antrean/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({
    products: [
      aProduct('KOPI', { onHand: 1_000 }),
      aProduct('LANGKA', { onHand: 1 }),
      aProduct('OBRAL', { onHand: 10 }),
      aProduct('SEDIKIT', { onHand: 10 }),
    ],
  });
});
afterAll(() => shop.close());
afterEach(async () => {
  // After every test money and stock must add up.
  await vi.waitFor(async () => {
    expect(await auditMoney(shop.db)).toEqual({ differences: [], sumRupiah: 0 });
  }, patience);
  for (const row of await shop.audit())
    expect([row.ledgerOnHand, row.ledgerReserved, row.ledgerCommitted, row.gaps]).toEqual([
      row.onHand,
      row.reserved,
      row.committed,
      0,
    ]);
});

const patience = { timeout: 20_000, interval: 20 };
/** Waits until the sold-out gate knows of units that were released. */
const onSale = (sku: string, units: number) =>
  vi.waitFor(async () =>
    expect(await shop.redis.hget(shop.keyspace.availability(sku), 'available')).toBe(`${units}`),
  );
const byTransfer = (quantity = 1) => ({ ...anOrder('KOPI', quantity), paymentMethod: 'bank_transfer' });
const attempts = (orderId: string) =>
  shop.db
    .selectFrom('paymentAttempts')
    .selectAll()
    .where('orderId', '=', orderId)
    .orderBy('number')
    .execute();
const statesOf = async (orderId: string) => (await attempts(orderId)).map(({ state }) => state);
const exceptionsOf = (orderId: string) =>
  shop.db.selectFrom('paymentExceptions').selectAll().where('orderId', '=', orderId).orderBy('id').execute();
const refundsOf = async (orderId: string) =>
  shop.db
    .selectFrom('refunds')
    .selectAll()
    .where(
      'attemptId',
      'in',
      (await attempts(orderId)).map(({ id }) => id),
    )
    .execute();
const seen = (what: () => Promise<unknown>, wanted: unknown) =>
  vi.waitFor(async () => expect(await what()).toMatchObject(wanted as object), patience);
const askNow = (attemptId: string) =>
  shop.db
    .updateTable('paymentAttempts')
    .set({ nextPollAt: new Date() })
    .where('id', '=', attemptId)
    .execute();
const dueNow = (orderId: string) =>
  shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
const held = async (sku = 'KOPI') => {
  const row = (await shop.audit()).find((one) => one.sku === sku);
  return { reserved: row?.reserved, committed: row?.committed };
};

describe('a customer who changes the payment method', () => {
  it('gets a transfer after the link is closed at the gateway, and the link cannot be paid any more', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    expect((await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' })).status).toBe(202);
    await vi.waitFor(async () => {
      const { payment } = await shop.read(orderId);
      expect(payment).toMatchObject({ state: 'payable', method: 'bank_transfer', attemptId: `${orderId}-2` });
      expect(payment?.transfer).toMatchObject({ accountHolder: 'PT Toko', hasProof: false });
    }, patience);
    expect((await shop.gateways.pay(attemptId)).status).toBe(409);
    expect(await statesOf(orderId)).toEqual(['closed', 'active']);
  });

  it('gets a transfer even if a method was chosen on the page, which needs another kind of cancel', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    expect((await shop.gateways.choose(attemptId)).status).toBe(200);
    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    await seen(() => shop.read(orderId), { payment: { attemptId: `${orderId}-2` } });
    expect((await shop.gateways.pay(attemptId)).status).toBe(409);
  });

  it('gets a link at the other gateway in place of a link', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.ask(orderId, 'payment-attempts', { method: 'online' });
    await seen(() => shop.read(orderId), { payment: { gateway: 'xendit', attemptId: `${orderId}-2` } });
    expect((await shop.gateways.pay(attemptId)).status).toBe(409);
    expect((await shop.gateways.pay(`${orderId}-2`)).status).toBe(200);
    await shop.until(orderId, 'paid');
  });

  it('has paid if the payment arrives before the link is closed', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'drop', times: 1 });
    await shop.gateways.pay(attemptId);
    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    const { payment } = await shop.until(orderId, 'paid');
    expect(payment).toMatchObject({ state: 'paid', attemptId });
    expect(await statesOf(orderId)).toEqual(['paid']);
  });

  it('keeps the link until its gateway confirms that it is closed', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.control('faults', {
      gateway: 'midtrans',
      mode: 'http_500',
      operation: 'cancel_session',
    });
    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    await vi.waitFor(async () => {
      expect(await shop.failedTries('change-payment-method')).toBeGreaterThan(0);
    }, patience);
    expect((await shop.read(orderId)).payment).toMatchObject({ attemptId, method: 'online' });
    await shop.gateways.control('faults', { gateway: 'midtrans', mode: 'none' });
    await seen(() => shop.read(orderId), { payment: { attemptId: `${orderId}-2` } });
  });

  it('gets a link in place of a transfer; a transfer that still arrives opens an exception', async () => {
    const { orderId, attemptId, payment } = await shop.awaitingPayment(byTransfer());
    await shop.ask(orderId, 'payment-attempts', { method: 'online' });
    await seen(() => shop.read(orderId), { payment: { gateway: 'midtrans', attemptId: `${orderId}-2` } });
    const amountRupiah = payment.transfer?.amount ?? 0;
    await shop.add('confirm-transfer', {
      ...{ attemptId, amountRupiah, bankReference: 'LINE-1', requestId: 'r', requestedBy: 'admin' },
    });
    await seen(() => exceptionsOf(orderId), [{ kind: 'late_transfer', state: 'open', amountRupiah }]);
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
  });
});

describe('a bank transfer', () => {
  it('has a unique amount, and pays the order when an operator confirms it, once or twice', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => shop.awaitingPayment(byTransfer())));
    const amounts = all.map(({ payment }) => payment.transfer?.amount ?? 0);
    expect(new Set(amounts).size).toBe(5);
    for (const amount of amounts)
      expect(amount - 50_000).toSatisfy((code: number) => code >= 1 && code <= 999);
    const [{ orderId, attemptId } = { orderId: '', attemptId: '' }] = all;
    const line = { attemptId, amountRupiah: amounts[0] ?? 0, bankReference: 'LINE-2' };
    for (let twice = 0; twice < 2; twice += 1)
      await shop.add('confirm-transfer', { ...line, requestId: 'r', requestedBy: 'admin siti' });
    await shop.until(orderId, 'paid');
    expect(await attempts(orderId)).toMatchObject([{ state: 'paid', transactionId: 'LINE-2' }]);
    expect(await exceptionsOf(orderId)).toEqual([]);
  });

  it('has more time with a proof, once, then expires; a later transfer is found by its amount', async () => {
    const { orderId, attemptId, payment } = await shop.awaitingPayment(byTransfer());
    const deadline = async () => {
      const { payBefore } = await shop.db
        .selectFrom('orders')
        .select('payBefore')
        .where('id', '=', orderId)
        .executeTakeFirstOrThrow();
      return payBefore?.getTime() ?? 0;
    };
    const before = await deadline();
    expect(
      (await shop.ask(orderId, 'transfer-proof', { reference: 'https://bukti.test/1.jpg' })).status,
    ).toBe(202);
    await seen(() => shop.read(orderId), { payment: { transfer: { hasProof: true } } });
    expect(await deadline()).toBe(before + 6 * 3_600_000);
    const { payment: shown } = await shop.read(orderId);
    expect(shown).toMatchObject({ expiresAt: new Date(before + 6 * 3_600_000).toISOString() });
    expect(shown?.alternatives).toBeUndefined();
    await shop.makeOverdue(orderId, 3_600_000);
    await shop.until(orderId, 'expired');
    const amount = payment.transfer?.amount ?? 0;
    for (const words of [['transfers'], ['transfers', `${amount}`], ['transfers', '50.000']])
      expect((await runOps(shop, words)).output, words.join(' ')).toContain(attemptId);
    await shop.add('confirm-transfer', {
      ...{ attemptId, amountRupiah: amount, bankReference: 'LINE-3', requestId: 'r', requestedBy: 'admin' },
    });
    await shop.until(orderId, 'paid');
  });

  it('accepts a proof in the minute after its deadline, and waits for its extended deadline', async () => {
    const { orderId, attemptId, payment } = await shop.awaitingPayment(byTransfer());
    await shop.makeOverdue(orderId, 1_000);
    await shop.until(orderId, 'closing');
    expect((await shop.ask(orderId, 'transfer-proof', { reference: 'bukti.jpg' })).status).toBe(202);
    await seen(() => shop.read(orderId), { payment: { transfer: { hasProof: true } } });
    const order = await shop.db
      .selectFrom('orders')
      .select(['dueAt', 'payBefore'])
      .where('id', '=', orderId)
      .executeTakeFirstOrThrow();
    expect(order.payBefore?.getTime()).toBeGreaterThan(Date.now() + 3_600_000);
    expect(order.dueAt).toEqual(order.payBefore);
    await shop.add('expire-order', { orderId, requestId: 'r' });
    const amountRupiah = payment.transfer?.amount ?? 0;
    await shop.add('confirm-transfer', {
      ...{ attemptId, amountRupiah, bankReference: 'LINE-41', requestId: 'r', requestedBy: 'admin' },
    });
    await shop.until(orderId, 'paid');
  });

  it('beyond the share of stock that proofs may hold, keeps its proof and its deadline', async () => {
    const orders: { orderId: string; attemptId: string }[] = [];
    for (let n = 0; n < 3; n += 1)
      orders.push(await shop.awaitingPayment({ ...anOrder('SEDIKIT'), paymentMethod: 'bank_transfer' }));
    const extended = async () => {
      const rows = await shop.db
        .selectFrom('paymentAttempts as a')
        .innerJoin('orders as o', 'o.id', 'a.orderId')
        .select(['a.id', 'a.proofReference', sql<boolean>`o.pay_before > a.expires_at`.as('isExtended')])
        .where(
          'a.orderId',
          'in',
          orders.map(({ orderId }) => orderId),
        )
        .execute();
      expect(rows.map(({ proofReference }) => proofReference)).toEqual(rows.map(() => 'bukti.jpg'));
      return rows.filter(({ isExtended }) => isExtended).length;
    };
    // All at once, by two workers or one: a fifth of ten units may be held.
    await Promise.all(
      orders.map(({ orderId }) => shop.ask(orderId, 'transfer-proof', { reference: 'bukti.jpg' })),
    );
    for (const { orderId } of orders)
      await seen(() => shop.read(orderId), { payment: { transfer: { hasProof: true } } });
    expect(await extended()).toBe(2);
    const { output } = await runOps(shop, ['transfers']);
    for (const { attemptId } of orders) expect(output).toContain(attemptId);
  });

  it('ends when an operator rejects it', async () => {
    const before = await held();
    const { orderId, attemptId } = await shop.awaitingPayment(byTransfer(2));
    await shop.ask(orderId, 'transfer-proof', { reference: 'palsu' });
    await seen(() => shop.read(orderId), { payment: { transfer: { hasProof: true } } });
    await shop.add('reject-transfer', {
      attemptId,
      reason: 'no such line',
      requestId: 'r',
      requestedBy: 'admin',
    });
    await shop.until(orderId, 'closing');
    // The deadline is the one before the proof again.
    const { payBefore, expiresAt } = await shop.db
      .selectFrom('orders as o')
      .innerJoin('paymentAttempts as a', 'a.orderId', 'o.id')
      .select(['o.payBefore', 'a.expiresAt'])
      .where('o.id', '=', orderId)
      .executeTakeFirstOrThrow();
    expect(payBefore).toEqual(expiresAt);
    await shop.makeOverdue(orderId, 3_600_000);
    await shop.until(orderId, 'expired');
    expect(await held()).toEqual(before);
  });

  it('can still be confirmed after Redis has lost its data', async () => {
    const { orderId, attemptId, payment } = await shop.awaitingPayment(byTransfer());
    await shop.loseRedisData();
    expect((await shop.read(orderId)).payment).toMatchObject({
      transfer: { amount: payment.transfer?.amount },
    });
    await shop.add('confirm-transfer', {
      ...{ attemptId, amountRupiah: payment.transfer?.amount ?? 0, bankReference: 'LINE-5' },
      ...{ requestId: 'r', requestedBy: 'admin' },
    });
    await shop.until(orderId, 'paid');
  });

  it('counts a line of the bank statement once', async () => {
    const [first, second] = await Promise.all([
      shop.awaitingPayment(byTransfer()),
      shop.awaitingPayment(byTransfer()),
    ]);
    const confirm = ({ attemptId, payment }: typeof first) =>
      shop.add('confirm-transfer', {
        ...{ attemptId, amountRupiah: payment.transfer?.amount ?? 0, bankReference: 'LINE-4' },
        ...{ requestId: 'r', requestedBy: 'admin' },
      });
    await confirm(first);
    await shop.until(first.orderId, 'paid');
    await shop.done('confirm-transfer', await confirm(second));
    expect((await shop.read(second.orderId)).status).toBe('awaiting_payment');
  });
});

describe('a payment that arrives after its order expired', () => {
  async function expired(body: object) {
    const { orderId } = await shop.awaitingXendit(body);
    const { payment } = await shop.read(orderId);
    await shop.makeOverdue(orderId, 120_000);
    await shop.until(orderId, 'expired');
    return { orderId, attemptId: payment?.attemptId ?? '' };
  }
  it('opens an exception when the gateway does not confirm it, and reinstates nothing', async () => {
    const { orderId, attemptId } = await expired(anOrder('KOPI'));
    expect((await shop.gateways.pay(attemptId, { evenIfClosed: true })).status).toBe(200);
    await shop.ageEvents(attemptId);
    await seen(() => exceptionsOf(orderId), [{ kind: 'unconfirmed_payment', state: 'open' }]);
    expect((await shop.read(orderId)).status).toBe('expired');
  });

  async function expiredAtMidtrans(body: object) {
    const { orderId, attemptId } = await shop.awaitingPayment(body);
    expect((await shop.gateways.choose(attemptId)).status).toBe(200);
    await shop.makeOverdue(orderId, 120_000);
    await shop.until(orderId, 'expired');
    return { orderId, attemptId };
  }

  it('reinstates its order while stock suffices', async () => {
    const before = await held();
    const { orderId, attemptId } = await expiredAtMidtrans(anOrder('KOPI', 3));
    expect(await held()).toEqual(before);
    expect((await shop.gateways.pay(attemptId, { evenIfClosed: true })).status).toBe(200);
    await shop.until(orderId, 'paid');
    expect(await held()).toEqual({ ...before, committed: (before.committed ?? 0) + 3 });
    expect(await exceptionsOf(orderId)).toEqual([]);
  });

  it('is refunded when another order has taken the last unit', async () => {
    const { orderId, attemptId } = await expiredAtMidtrans(anOrder('LANGKA'));
    await onSale('LANGKA', 1);
    const other = await shop.awaitingPayment(anOrder('LANGKA'));
    expect((await shop.gateways.pay(attemptId, { evenIfClosed: true })).status).toBe(200);
    await seen(() => exceptionsOf(orderId), [{ kind: 'paid_too_late', amountRupiah: 50_000 }]);
    await seen(() => refundsOf(orderId), [{ id: `rf-${attemptId}`, amountRupiah: 50_000 }]);
    expect((await shop.read(orderId)).status).toBe('expired');
    await shop.gateways.pay(other.attemptId);
    await shop.until(other.orderId, 'paid');
  });

  it('takes quota and the buyer’s allowance again, or is refunded when they are used up', async () => {
    const sale = await createFlashSale(
      shop.db,
      aFlashSale([{ sku: 'OBRAL', salePriceRupiah: 30_000, quota: 5, limitPerBuyer: 1 }]),
    );
    expect(sale.kind).toBe('created');
    const order = { ...anOrder('OBRAL'), expectedTotal: 30_000 };
    const first = await expiredAtMidtrans(order);
    const again = await shop.awaitingPayment(order);
    await shop.gateways.pay(first.attemptId, { evenIfClosed: true });
    await seen(() => exceptionsOf(first.orderId), [{ kind: 'paid_too_late' }]);
    // The cancellation returns the allowance, so the third order, paid late too, is reinstated.
    await shop.ask(again.orderId, 'cancel', {});
    await shop.until(again.orderId, 'cancelled');
    const third = await expiredAtMidtrans(order);
    await shop.gateways.pay(third.attemptId, { evenIfClosed: true });
    await shop.until(third.orderId, 'paid');
    expect(await auditFlashSales(shop.db, 'Obral')).toMatchObject([
      { reserved: 0, sold: 1, ledgerReserved: 0, ledgerSold: 1, mostByOneBuyer: 1 },
    ]);
  });
});

describe('a refund', () => {
  const paid = (quantity = 1, method?: string) =>
    shop.paid(anOrder('KOPI', quantity), method === undefined ? {} : { method });
  const refund = (attemptId: string, refundId: string, amountRupiah: number) =>
    shop.add('request-refund', {
      ...{ attemptId, refundId, amountRupiah, exceptionId: null, reason: 'rusak', requestedBy: 'admin' },
    });
  /** Checks the refund now, as the sweeper would later. */
  const follow = (refundId: string) =>
    shop.db
      .updateTable('refunds')
      .set({ dueAt: new Date() })
      .where('id', '=', refundId)
      .where('state', 'in', ['requested', 'pending', 'unknown'])
      .execute();
  const ended = (orderId: string, refundId: string, state: string) =>
    vi.waitFor(async () => {
      await follow(refundId);
      expect((await refundsOf(orderId)).find(({ id }) => id === refundId)?.state).toBe(state);
    }, patience);

  it('of a second payment is sent without an operator', async () => {
    const { orderId } = await paid();
    // A second paid link: inserted by the test, as our code opens one at a time.
    const [first] = await attempts(orderId);
    if (first === undefined) throw new Error('The order has no attempt.');
    const id = `${orderId}-9`;
    await shop.db
      .insertInto('paymentAttempts')
      .values({
        ...{ id, orderId, number: 9, gateway: 'midtrans', state: 'closed', amountRupiah: 50_000 },
        ...{ calledBy: 'test', expiresAt: first.expiresAt, nextPollAt: new Date() },
      })
      .execute();
    const created = await fetch(`${shop.gateways.url}/snap/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${GATEWAY_SECRETS.MIDTRANS_SERVER_KEY}:`)}` },
      body: JSON.stringify({ transaction_details: { order_id: id, gross_amount: 50_000 } }),
    });
    expect(created.status).toBe(201);
    await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'drop', times: 1 });
    await shop.gateways.pay(id);
    await askNow(id); // without a webhook, the reconciler finds the payment
    await seen(() => exceptionsOf(orderId), [{ kind: 'second_payment', amountRupiah: 50_000 }]);
    await ended(orderId, `rf-${id}`, 'succeeded');
    await seen(() => exceptionsOf(orderId), [{ state: 'resolved' }]);
    expect((await shop.read(orderId)).status).toBe('paid');
  });

  it('in part leaves the order paid; in full it ends the order and releases its stock', async () => {
    const before = await held();
    const { orderId, attemptId } = await paid(2);
    await refund(attemptId, `rf-${attemptId}-a`, 30_000);
    await ended(orderId, `rf-${attemptId}-a`, 'succeeded');
    expect((await shop.read(orderId)).status).toBe('paid');
    await refund(attemptId, `rf-${attemptId}-b`, 70_000);
    await ended(orderId, `rf-${attemptId}-b`, 'succeeded');
    await shop.until(orderId, 'refunded');
    expect(await held()).toEqual(before);
  });

  it('never exceeds the payment', async () => {
    const { orderId, attemptId } = await paid();
    await refund(attemptId, `rf-${attemptId}-a`, 40_000);
    await seen(() => refundsOf(orderId), [{ amountRupiah: 40_000 }]);
    await shop.done('request-refund', await refund(attemptId, `rf-${attemptId}-b`, 20_000));
    await ended(orderId, `rf-${attemptId}-a`, 'succeeded');
    expect(await refundsOf(orderId)).toHaveLength(1);
    await expect(
      shop.db
        .updateTable('paymentAttempts')
        .set({ returnedRupiah: 50_001 })
        .where('id', '=', attemptId)
        .execute(),
    ).rejects.toMatchObject({ constraint: 'payment_attempts_no_refund_beyond_receipt' });
  });

  it('that the gateway refuses ends as refused, and its exception stays open', async () => {
    const { orderId, attemptId } = await paid();
    await shop.gateways.control('refund-outcome', { gateway: 'midtrans', outcome: 'refuse', times: 1 });
    await refund(attemptId, `rf-${attemptId}-a`, 10_000);
    await ended(orderId, `rf-${attemptId}-a`, 'refused');
    await seen(() => exceptionsOf(orderId), [{ kind: 'operator_refund', state: 'open' }]);
    expect(await attempts(orderId)).toMatchObject([{ state: 'paid', returnedRupiah: 0 }]);
  });

  it('of a payment that no gateway refunds is paid out by hand', async () => {
    const { orderId, attemptId } = await paid(1, 'bca_va');
    await refund(attemptId, `rf-${attemptId}-a`, 50_000);
    await ended(orderId, `rf-${attemptId}-a`, 'manual_refund');
    await seen(() => exceptionsOf(orderId), [{ state: 'manual_refund' }]);
    await shop.until(orderId, 'payment_hold');
    const paidOut = { refundId: `rf-${attemptId}-a`, reference: 'TRF-77', requestedBy: 'admin' };
    for (let twice = 0; twice < 2; twice += 1) await shop.add('record-manual-refund', paidOut);
    await shop.until(orderId, 'refunded');
    await seen(() => exceptionsOf(orderId), [{ state: 'resolved', resolution: 'paid out as TRF-77' }]);
  });

  it('whose answer was lost is sent once', async () => {
    const { orderId, attemptId } = await paid();
    await shop.gateways.control('faults', {
      gateway: 'midtrans',
      mode: 'reset_after',
      operation: 'refund',
      times: 1,
    });
    await refund(attemptId, `rf-${attemptId}-a`, 20_000);
    await ended(orderId, `rf-${attemptId}-a`, 'succeeded');
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([20_000]);
    expect(await attempts(orderId)).toMatchObject([{ returnedRupiah: 20_000 }]);
  });
});

describe('a payment that its bank may take back', () => {
  it('holds its order for minutes, and cancels it when the bank reverses the payment', async () => {
    const before = await held();
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.pay(attemptId, { method: 'permata_va' });
    await shop.until(orderId, 'payment_hold');
    expect((await shop.ask(orderId, 'ship', { carrier: 'JNE', trackingNumber: '1' })).status).toBe(409);
    await shop.gateways.control('reverse', { orderId: attemptId });
    await shop.until(orderId, 'cancelled');
    expect(await attempts(orderId)).toMatchObject([{ state: 'reversed' }]);
    expect(await held()).toEqual(before);
  });

  it('releases its order for shipment after ten minutes', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.pay(attemptId, { method: 'permata_va' });
    await shop.until(orderId, 'payment_hold');
    await dueNow(orderId);
    await shop.until(orderId, 'paid');
  });

  it('holds its order after a chargeback and opens an exception, until an operator decides', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.pay(attemptId, { method: 'credit_card' });
    await shop.until(orderId, 'paid');
    await shop.gateways.control('settle', { orderId: attemptId });
    await shop.gateways.control('chargeback', { orderId: attemptId });
    await shop.until(orderId, 'payment_hold');
    await seen(() => exceptionsOf(orderId), [{ kind: 'chargeback', state: 'open', amountRupiah: 50_000 }]);
    expect(await attempts(orderId)).toMatchObject([{ state: 'charged_back' }]);
    const release = { orderId, reason: 'won', requestedBy: 'admin' };
    await shop.done('release-order', await shop.add('release-order', release));
    expect((await shop.read(orderId)).status).toBe('payment_hold');
  });
});

describe('orders while gateways are away', () => {
  it('keep their stock, offer a transfer, and continue when a gateway is back', async () => {
    const modes = ['midtrans', 'xendit'] as const;
    for (const gateway of modes) await shop.gateways.control('faults', { gateway, mode: 'http_503' });
    const { orderId } = await shop.place(anOrder('KOPI', 2));
    await seen(() => shop.read(orderId), {
      status: 'reserved',
      payment: { state: 'pending', alternatives: ['bank_transfer'] },
    });
    for (const gateway of modes) await shop.gateways.control('faults', { gateway, mode: 'none' });
    await vi.waitFor(async () => {
      await dueNow(orderId);
      expect((await shop.read(orderId)).status).toBe('awaiting_payment');
    }, patience);
  });

  it('can be paid by bank transfer', async () => {
    const modes = ['midtrans', 'xendit'] as const;
    for (const gateway of modes) await shop.gateways.control('faults', { gateway, mode: 'hang' });
    const { orderId } = await shop.place();
    await shop.until(orderId, 'reserved');
    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    await vi.waitFor(async () => {
      expect((await shop.read(orderId)).payment).toMatchObject({ state: 'payable', method: 'bank_transfer' });
    }, patience);
    for (const gateway of modes) await shop.gateways.control('faults', { gateway, mode: 'none' });
  });

  it('are paid after a status check if the webhook was lost', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'drop', times: 1 });
    await shop.gateways.pay(attemptId);
    await askNow(attemptId);
    await shop.until(orderId, 'paid');
  });

  it('get no other link while a webhook announced a payment that the gateway does not confirm', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.choose(attemptId);
    await shop.db
      .insertInto('paymentEvents')
      .values({
        ...{ gateway: 'midtrans', dedupeKey: `open-${attemptId}`, attemptId },
        payload: JSON.stringify({ transaction_status: 'settlement', status_code: '200' }),
      })
      .execute();
    await shop.gateways.control('expire', { orderId: attemptId });
    await shop.done('reconcile-payment', await shop.add('reconcile-payment', { attemptId }));
    expect(await statesOf(orderId)).toEqual(['active']);
  });

  it('get another link if the gateway cancelled theirs', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.choose(attemptId);
    await shop.gateways.control('expire', { orderId: attemptId });
    await askNow(attemptId);
    await seen(() => shop.read(orderId), {
      status: 'awaiting_payment',
      payment: { attemptId: `${orderId}-2` },
    });
  });
});

it('the gateway API log keeps the gateways’ answers without keys and names', async () => {
  const { orderId, attemptId } = await shop.awaitingPayment();
  await shop.gateways.pay(attemptId);
  await shop.until(orderId, 'paid');
  const kept = await vi.waitFor(async () => {
    const rows = await shop.db
      .selectFrom('gatewayApiLog')
      .selectAll()
      .where('attemptId', '=', attemptId)
      .execute();
    expect(rows.map(({ operation }) => operation)).toEqual(expect.arrayContaining(['create', 'status']));
    return JSON.stringify(rows);
  }, patience);
  for (const secret of [
    GATEWAY_SECRETS.MIDTRANS_SERVER_KEY,
    btoa(`${GATEWAY_SECRETS.MIDTRANS_SERVER_KEY}:`),
    'Siti',
    'siti@',
  ])
    expect(kept).not.toContain(secret);
});
