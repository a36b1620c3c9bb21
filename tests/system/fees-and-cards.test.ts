// The customer's fee, and refunds of captured cards: from the gateway's answer to the ledger.
import { auditMoney, settlementReportOf } from '@antrean/db';
import { wibDay } from '@antrean/domain';
import { anOrder, aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

const FEE = 71;
const PRICE = 50_000;
let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 1_000 })] });
});
afterAll(() => shop.close());
afterEach(async () => {
  await chargeFee(null);
  await vi.waitFor(async () => {
    expect(await auditMoney(shop.db)).toEqual({ differences: [], sumRupiah: 0 });
  }, patience);
});
const patience = { timeout: 20_000, interval: 20 };

/** Whether the account charges customers its fee, even if the create call switches it off. */
const chargeFee = (rupiah: number | null, where = 'metadata') =>
  shop.gateways.control('switches', {
    ...{ midtransCustomerFeeRupiah: rupiah, midtransCustomerFeeOptional: rupiah === null },
    midtransCustomerFeeInfo: where,
  });
const exceptionsOf = (orderId: string) =>
  shop.db.selectFrom('paymentExceptions').selectAll().where('orderId', '=', orderId).orderBy('id').execute();
const moneyOf = async (orderId: string) =>
  Object.fromEntries(
    (
      await shop.db
        .selectFrom('moneyMovements')
        .select(['kind', 'amountRupiah'])
        .where('orderId', '=', orderId)
        .execute()
    ).map(({ kind, amountRupiah }) => [kind, amountRupiah]),
  );
const refundOf = (id: string) =>
  shop.db.selectFrom('refunds').selectAll().where('id', '=', id).executeTakeFirst();
const request = async (attemptId: string, amountRupiah: number) => {
  const refundId = `rf-${attemptId}-a`;
  const what = { attemptId, refundId, amountRupiah, exceptionId: null, reason: 'rusak' };
  await shop.done('request-refund', await shop.add('request-refund', { ...what, requestedBy: 'admin' }));
  return refundId;
};
/** Checks the refund now, as the sweeper would later, until it has this state. */
const ended = (refundId: string, state: string) =>
  vi.waitFor(async () => {
    await shop.db
      .updateTable('refunds')
      .set({ dueAt: new Date() })
      .where('id', '=', refundId)
      .where('state', 'in', ['requested', 'pending', 'unknown'])
      .execute();
    expect((await refundOf(refundId))?.state).toBe(state);
  }, patience);

describe('a payment with Midtrans’s fee on top', () => {
  const payWithFee = async () => {
    await chargeFee(FEE);
    return shop.paid(anOrder('KOPI'), { method: 'gopay' });
  };

  it('pays its order, has the fee in the ledger, and agrees with the settlement report', async () => {
    const { orderId, attemptId } = await payWithFee();
    expect(await moneyOf(orderId)).toEqual({ payment: PRICE + FEE, sale: PRICE, customer_fee: FEE });
    expect(await exceptionsOf(orderId)).toEqual([]);
    const day = wibDay(new Date());
    await shop.done('settlement-report', await shop.add('settlement-report', { gateway: 'midtrans', day }));
    const report = await settlementReportOf(shop.db, 'midtrans', day);
    expect(report?.differences.filter((one) => one.attemptId === attemptId)).toEqual([]);
  });

  it('is refunded with the fee, or by its price alone: the order ends either way', async () => {
    for (const amount of [PRICE + FEE, PRICE]) {
      const { orderId, attemptId } = await payWithFee();
      await ended(await request(attemptId, amount), 'succeeded');
      await shop.until(orderId, 'refunded');
      const undone = amount === PRICE ? {} : { customer_fee_undone: FEE };
      expect(await moneyOf(orderId)).toMatchObject({ refund: amount, sale_undone: PRICE, ...undone });
      expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([amount]);
    }
  });

  it('opens an exception when nothing explains the difference', async () => {
    await chargeFee(FEE, 'absent');
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.pay(attemptId, { method: 'gopay' });
    await vi.waitFor(
      async () =>
        expect(await exceptionsOf(orderId)).toMatchObject([
          { kind: 'wrong_amount', amountRupiah: PRICE + FEE },
        ]),
      patience,
    );
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
  });
});

describe('a captured card', () => {
  const payByCard = () => shop.paid(anOrder('KOPI'), { method: 'credit_card' });

  it('is voided by its refund in full, which ends the order without another exception', async () => {
    const { orderId, attemptId } = await payByCard();
    await ended(await request(attemptId, PRICE), 'succeeded');
    await shop.until(orderId, 'refunded');
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([PRICE]);
    // The webhook of the cancel finds the refund.
    await vi.waitFor(async () => {
      const events = await shop.db
        .selectFrom('paymentEvents')
        .select(['payload', 'outcome'])
        .where('attemptId', '=', attemptId)
        .execute();
      const cancelled = events.find(({ payload }) => payload.transaction_status === 'cancel');
      expect(cancelled?.outcome).toBe('returned');
    }, patience);
    expect(await exceptionsOf(orderId)).toMatchObject([{ kind: 'operator_refund', state: 'resolved' }]);
    const day = wibDay(new Date());
    await shop.done('settlement-report', await shop.add('settlement-report', { gateway: 'midtrans', day }));
    const report = await settlementReportOf(shop.db, 'midtrans', day);
    expect(report?.differences.filter((one) => one.attemptId === attemptId)).toEqual([]);
  });

  it('is refunded in part after its settlement, and asked about an hour later until then', async () => {
    const { attemptId } = await payByCard();
    const refundId = await request(attemptId, 20_000);
    await vi.waitFor(async () => {
      const refund = await refundOf(refundId);
      expect(refund).toMatchObject({ state: 'requested', failureCode: 'not_settled' });
      expect(refund?.dueAt?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000);
    }, patience);
    await shop.gateways.control('settle', { orderId: attemptId });
    await ended(refundId, 'succeeded');
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([20_000]);
  });

  it('that is cancelled in the dashboard was refunded there: the order ends', async () => {
    const { orderId, attemptId } = await payByCard();
    const cancelled = await fetch(`${shop.gateways.url}/v2/${attemptId}/cancel`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${GATEWAY_SECRETS.MIDTRANS_SERVER_KEY}:`)}` },
    });
    expect(cancelled.status).toBe(200);
    await shop.until(orderId, 'refunded');
    expect(await exceptionsOf(orderId)).toMatchObject([{ kind: 'external_refund', amountRupiah: PRICE }]);
  });
});
