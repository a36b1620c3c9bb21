// Answers of gateways about an order, about the gateway, and about our set-up; and customers whose requests must not wait.
import { anOrder, aProduct, sql } from '@antrean/testing';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop, startWorkerHere } from './shop.ts';

const patience = { timeout: 30_000, interval: 20 };
/** More than any payment method of Midtrans takes. */
const TOO_MUCH_RUPIAH = 100_000_000_000;

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({
    products: [
      aProduct('KOPI', { onHand: 1_000 }),
      aProduct('RUMAH', { onHand: 10, priceRupiah: TOO_MUCH_RUPIAH }),
    ],
    env: { GATEWAY_TIMEOUT_MS: '12000' },
  });
});
afterAll(() => shop.close());

const attemptsOf = (orderId: string) =>
  shop.db
    .selectFrom('paymentAttempts')
    .select(['gateway', 'state', 'failureCode'])
    .where('orderId', '=', orderId)
    .orderBy('number')
    .execute();
const methods = async () => {
  const answer = await fetch(`${shop.apiUrl}/v1/payment-methods`, {
    headers: { authorization: `Bearer ${shop.keys.secret}` },
  });
  return ((await answer.json()) as { methods: { method: string; available: boolean; state: string }[] })
    .methods;
};

describe('an order that every gateway declines', () => {
  it('says so at once, offers a transfer, is not tried again, and can be paid by transfer', async () => {
    await shop.gateways.control('switches', { xenditCreateError: 'MAXIMUM_TRANSFER_AMOUNT_ERROR' });
    const { orderId } = await shop.place(anOrder('RUMAH'));
    await vi.waitFor(async () => {
      expect(await shop.read(orderId)).toMatchObject({
        status: 'reserved',
        payment: { state: 'refused', method: 'online', alternatives: ['bank_transfer'] },
      });
    }, patience);
    const { rows } = await sql<{ version: number; dueAt: Date; payBefore: Date }>`
      select version, due_at, pay_before from orders where id = ${orderId}`.execute(shop.db);
    expect(rows[0]?.version).toBe(2);
    expect(rows[0]?.dueAt).toEqual(rows[0]?.payBefore);
    // Once more, as a job that BullMQ runs twice: nothing is asked, said or changed again.
    await shop.done('create-payment', await shop.add('create-payment', { orderId, requestId: 'r' }));
    expect(await attemptsOf(orderId)).toMatchObject([
      { gateway: 'midtrans', state: 'declined' },
      { gateway: 'xendit', state: 'declined', failureCode: 'MAXIMUM_TRANSFER_AMOUNT_ERROR' },
    ]);
    const said = await shop.db
      .selectFrom('orderTransitions')
      .select('reason')
      .where('orderId', '=', orderId)
      .where('reason', 'like', 'every gateway declined%')
      .execute();
    expect(said).toHaveLength(1);
    await shop.gateways.control('switches', { xenditCreateError: null });

    await shop.ask(orderId, 'payment-attempts', { method: 'bank_transfer' });
    await vi.waitFor(async () => {
      expect((await shop.read(orderId)).payment).toMatchObject({ state: 'payable', method: 'bank_transfer' });
    }, patience);
  });
});

describe('a key that the gateways refuse', () => {
  it('declines no order, is reported once for each gateway, makes online unavailable, and orders go on with the right one', async () => {
    const lines: {
      level: number;
      msg: string;
      orderId?: string;
      gateway?: string;
      call?: string;
      code?: string;
    }[] = [];
    const log = pino(
      { level: 'info' },
      { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
    );
    await shop.stopWorkers();
    const wrong = await startWorkerHere(
      { ...shop.env, MIDTRANS_SERVER_KEY: 'SB-Mid-server-old', XENDIT_SECRET_KEY: 'xnd_development_old' },
      log,
    );
    const placed = await Promise.all(Array.from({ length: 6 }, () => shop.place(anOrder('KOPI'))));
    try {
      await vi.waitFor(async () => {
        expect(await methods()).toMatchObject([
          { method: 'online', available: false, state: 'unavailable' },
          {},
        ]);
      }, patience);
      // An order that meets open breakers waits without a line in the log, as it does so every ten seconds.
      const { orderId } = await shop.place(anOrder('KOPI'));
      await vi.waitFor(async () => {
        const state = { state: 'not_sent', failureCode: 'breaker_open' };
        expect(await attemptsOf(orderId)).toMatchObject([state, state]);
      }, patience);
      expect(
        lines.filter((line) => line.orderId === orderId && line.msg === 'payment link requested'),
      ).toEqual([]);
    } finally {
      await wrong.stop();
    }
    for (const { orderId } of placed)
      for (const { state } of await attemptsOf(orderId)) expect(state).toBe('not_sent');
    const alarms = lines.filter(
      ({ level, call, code }) =>
        level >= 50 && call === 'create' && (code === 'http_401' || code === 'INVALID_API_KEY'),
    );
    expect(alarms).toHaveLength(2);
    expect(new Set(alarms.map(({ gateway }) => gateway))).toEqual(new Set(['midtrans', 'xendit']));
    await shop.startWorker();
    for (const { orderId } of placed)
      await vi.waitFor(async () => {
        expect((await shop.read(orderId)).payment?.state).toBe('payable');
      }, patience);
  });
});

describe('while the payments of a sale wait for a gateway that hangs', () => {
  it('a proof is attached, an order is cancelled, and an overdue one expires', async () => {
    const transfer = await shop.awaitingTransfer();
    const cancelled = await shop.awaitingTransfer();
    const overdue = await shop.awaitingTransfer();
    for (const gateway of ['midtrans', 'xendit'])
      await shop.gateways.control('faults', { gateway, mode: 'hang' });
    await Promise.all(Array.from({ length: 30 }, () => shop.place(anOrder('KOPI'))));
    await vi.waitFor(async () => {
      expect((await shop.producer.backlog('payments')).waiting).toBeGreaterThan(0);
    }, patience);
    await shop.ask(transfer.orderId, 'transfer-proof', { reference: 'proof-1' });
    await shop.ask(cancelled.orderId, 'cancel', {});
    await shop.makeOverdue(overdue.orderId, 120_000);
    await vi.waitFor(async () => {
      expect((await shop.read(transfer.orderId)).payment?.transfer?.hasProof).toBe(true);
      expect((await shop.read(cancelled.orderId)).status).toBe('cancelled');
      expect((await shop.read(overdue.orderId)).status).toBe('expired');
    }, patience);
    expect((await shop.producer.backlog('payments')).waiting).toBeGreaterThan(0);
    for (const gateway of ['midtrans', 'xendit'])
      await shop.gateways.control('faults', { gateway, mode: 'none' });
  });
});
