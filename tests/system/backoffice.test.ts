// Use cases of operators, on a shop whose worker can be stopped.
import { randomUUID } from 'node:crypto';
import {
  type BackofficeContext,
  confirmTransfer,
  JobNotConfirmedError,
  receiveStock,
  recordManualRefund,
  rejectTransfer,
  releaseOrder,
  reportStrayTransfer,
  requestRefund,
  resolveException,
  voidOrder,
} from '@antrean/backoffice';
import { statusToken } from '@antrean/api';
import { auditMoney } from '@antrean/db';
import type { OrderStatus } from '@antrean/domain';
import { createProducer, JOBS } from '@antrean/queue';
import { openRequestRedis } from '@antrean/redis';
import { createHandlers, openDependencies, readConfig } from '@antrean/worker';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aProduct, sql } from '@antrean/testing';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

const patience = { timeout: 20_000, interval: 20 };
let shop: Shop;
let context: BackofficeContext;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 1_000 })] });
  const { db, redis, keyspace, producer } = shop;
  context = {
    db,
    redis,
    keyspace,
    producer,
    gatewayIdPrefix: '',
    actor: 'operator test',
    now: () => new Date(),
  };
});
afterAll(() => shop.close());

/** Runs `work` while no worker runs. */
async function withoutWorker(work: () => Promise<void>) {
  await shop.stopWorkers();
  try {
    await work();
  } finally {
    await shop.startWorker();
  }
}

const asked = (waitMs = 15_000) => ({ requestId: randomUUID(), waitMs });
const refundOf = (payment: string, amountRupiah: number | 'all' = 'all') => ({
  ...{ payment, amountRupiah, reason: 'broken', exceptionId: null },
});
const refundsOf = (attemptId: string) =>
  shop.db.selectFrom('refunds').select(['id', 'amountRupiah']).where('attemptId', '=', attemptId).execute();

describe('a refund', () => {
  it('is refused at once for more than was paid, and for an unknown or unpaid payment', async () => {
    const { orderId, attemptId } = await shop.paid();
    expect(await requestRefund(context, asked(), refundOf(orderId, 50_001))).toEqual({
      ...{ kind: 'too_much', attemptId, leftRupiah: 50_000 },
    });
    expect(await requestRefund(context, asked(), refundOf(randomUUID()))).toEqual({
      kind: 'unknown_payment',
    });
    const { attemptId: unpaid } = await shop.awaitingPayment();
    expect(await requestRefund(context, asked(), refundOf(unpaid))).toEqual({
      ...{ kind: 'not_paid', attemptId: unpaid },
    });
    expect(await refundsOf(attemptId)).toEqual([]);
  });

  it('is shown with what came to clients with the token, in the events and when they poll', async () => {
    const { orderId, payment } = await shop.awaitingPayment();
    const url = `${shop.apiUrl}/v1/orders/${orderId}`;
    const query = `token=${statusToken(shop.env['STATUS_TOKEN_SECRET'] ?? '', orderId)}`;
    const events = async () => (await fetch(`${url}/events?${query}`)).text();
    const poll = async () => (await (await fetch(`${url}?${query}`)).json()) as OrderStatus;
    expect(await poll()).not.toHaveProperty('money');
    // The stream of an order ends when it is settled.
    const untilPaid = events();
    await shop.gateways.pay(payment.attemptId ?? '');
    expect(await untilPaid).toContain('"received":50000,"refunded":0');
    await requestRefund(context, asked(), refundOf(orderId, 20_000));
    await vi.waitFor(
      async () => expect((await poll()).money).toEqual({ received: 50_000, refunded: 20_000, refunds: [] }),
      patience,
    );
    expect(await events()).toContain('"received":50000,"refunded":20000');
  });

  it('is refused by its worker when an earlier refund has used up the money', async () => {
    const { orderId, attemptId } = await shop.paid();
    // Both commands find the whole payment; the worker refunds one after the other.
    const answers = await Promise.all([
      requestRefund(context, asked(), refundOf(orderId, 30_000)),
      requestRefund(context, asked(), refundOf(orderId, 40_000)),
    ]);
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['requested', 'too_much']));
    const [requested] = await refundsOf(attemptId);
    const leftRupiah = 50_000 - (requested?.amountRupiah ?? 0);
    expect(answers).toContainEqual({ kind: 'too_much', attemptId, leftRupiah });
    expect(await requestRefund(context, asked(), refundOf(orderId, leftRupiah))).toMatchObject({
      ...{ kind: 'requested', refund: { amountRupiah: leftRupiah } },
    });
    await shop.until(orderId, 'refunded');
    expect(await requestRefund(context, asked(), refundOf(orderId))).toMatchObject({
      ...{ kind: 'too_much', leftRupiah: 0 },
    });
  });

  it('is made once for one request id, and a repeated command gets the same answer', async () => {
    const { orderId, attemptId } = await shop.paid();
    const request = asked();
    const together = await Promise.all([1, 2].map(() => requestRefund(context, request, refundOf(orderId))));
    const again = await requestRefund(context, request, refundOf(orderId));
    const [refund, ...more] = await refundsOf(attemptId);
    expect(more).toEqual([]);
    for (const answer of [...together, again]) {
      expect(answer).toMatchObject({ kind: 'requested', refund: { id: refund?.id, amountRupiah: 50_000 } });
    }
    const reused = { kind: 'request_id_reused', requestId: request.requestId };
    expect(await requestRefund(context, request, refundOf(orderId, 1))).toEqual(reused);
    expect(await requestRefund({ ...context, actor: 'operator other' }, request, refundOf(orderId))).toEqual(
      reused,
    );
    expect(
      await releaseOrder(context, request, { orderId, reason: 'another command under the same id' }),
    ).toEqual(reused);
    await shop.until(orderId, 'refunded');
  });

  it('that was requested before under another request id goes once, unless it is another', async () => {
    const { orderId, attemptId } = await shop.paid();
    const words = ['refund', orderId, '10.000', 'one item missing'];
    expect(await runOps(shop, words)).toMatchObject({ code: 0 });
    const [refund] = await refundsOf(attemptId);
    expect(await runOps(shop, words)).toMatchObject({
      ...{
        code: 1,
        output: expect.stringMatching(new RegExp(`${refund?.id}, .* Nothing was done.*--another`)),
      },
    });
    expect(await refundsOf(attemptId)).toEqual([{ id: refund?.id, amountRupiah: 10_000 }]);
    expect(await runOps(shop, [...words, '--another'])).toMatchObject({ code: 0 });
    expect(await refundsOf(attemptId)).toHaveLength(2);
  });

  it('by bank transfer waits to be paid out by hand, which is recorded once', async () => {
    const { orderId, attemptId, amount } = await shop.awaitingTransfer();
    const transfer = { attemptId, amountRupiah: amount, bankReference: 'BACK 1' };
    expect((await confirmTransfer(context, asked(), transfer)).kind).toBe('entered');
    const answer = await requestRefund(context, asked(), refundOf(orderId));
    expect(answer).toMatchObject({ kind: 'requested', refund: { state: 'manual_refund' } });
    const refundId = answer.kind === 'requested' ? answer.refund.id : '';
    const request = asked();
    const paidOut = { refundId, reference: 'TRF-77' };
    expect(await recordManualRefund(context, request, paidOut)).toMatchObject({
      ...{ kind: 'recorded', refund: { id: refundId, state: 'succeeded', bankReference: 'TRF-77' } },
    });
    expect((await recordManualRefund(context, request, paidOut)).kind).toBe('recorded');
    expect(await recordManualRefund(context, asked(), paidOut)).toEqual({
      kind: 'not_awaited',
      state: 'succeeded',
    });
    expect(await recordManualRefund(context, asked(), { ...paidOut, refundId: 'rf-none' })).toEqual({
      ...{ kind: 'not_awaited', state: null },
    });
    expect((await auditMoney(shop.db, { orderId })).differences).toEqual([]);
  });
});

describe('a bank transfer', () => {
  it('is confirmed once, with the payment outcome in the answer', async () => {
    const { orderId, attemptId, amount } = await shop.awaitingTransfer();
    const transfer = { attemptId, amountRupiah: amount, bankReference: 'LINE 1' };
    const request = asked();
    const entered = { kind: 'entered', attemptId, orderId, amountRupiah: amount, expectedRupiah: amount };
    expect(await confirmTransfer(context, request, transfer)).toEqual({ ...entered, meaning: 'paid' });
    expect(await confirmTransfer(context, request, transfer)).toEqual({ ...entered, meaning: 'paid' });
    expect((await shop.read(orderId)).status).toBe('paid');
    expect(await confirmTransfer(context, asked(), transfer)).toEqual({
      ...{ kind: 'line_used', enteredFor: attemptId },
    });
    const second = { ...transfer, bankReference: 'LINE 2' };
    expect(await confirmTransfer(context, asked(), second)).toEqual({
      ...entered,
      meaning: 'second_payment',
    });
    expect(await confirmTransfer(context, asked(), { ...transfer, attemptId: 'none-1' })).toEqual({
      kind: 'unknown_transfer',
    });
    expect(await rejectTransfer(context, asked(), { attemptId, reason: 'no such line' })).toEqual({
      kind: 'not_awaited',
    });
  });

  it('is rejected once, and a repeated command gets the same answer', async () => {
    const { orderId, attemptId } = await shop.awaitingTransfer();
    const request = asked();
    const rejection = { attemptId, reason: 'no such line' };
    expect(await rejectTransfer(context, request, rejection)).toEqual({ kind: 'rejected', orderId });
    expect(await rejectTransfer(context, request, rejection)).toEqual({ kind: 'rejected', orderId });
  });

  it('that matches no order opens a payment exception, once a worker runs', async () => {
    const stray = { amountRupiah: 5_000, bankReference: 'LINE 9', note: 'no such order' };
    const [opening, resolving] = [asked(200), asked(200)];
    const exceptions = () =>
      shop.db
        .selectFrom('paymentExceptions')
        .select(['id', 'state'])
        .where('subject', '=', 'line LINE 9')
        .execute();
    await withoutWorker(async () => {
      expect((await reportStrayTransfer(context, opening, stray)).kind).toBe('not_known_yet');
      expect(await exceptions()).toEqual([]);
    });
    expect(await reportStrayTransfer(context, { ...opening, waitMs: 15_000 }, stray)).toEqual({
      kind: 'opened',
    });
    expect((await reportStrayTransfer(context, asked(), stray)).kind).toBe('known');
    const [opened] = await exceptions();
    const resolution = { exceptionId: opened?.id ?? 0, resolution: 'sent back' };
    await withoutWorker(async () => {
      expect((await resolveException(context, resolving, resolution)).kind).toBe('not_known_yet');
      expect(await exceptions()).toMatchObject([{ state: 'open' }]);
    });
    expect(await resolveException(context, { ...resolving, waitMs: 15_000 }, resolution)).toEqual({
      kind: 'resolved',
    });
    expect(await exceptions()).toMatchObject([{ state: 'resolved' }]);
    expect((await resolveException(context, asked(), resolution)).kind).toBe('not_open');
  });
});

describe('a command', () => {
  it('has no outcome while no worker runs, and has one afterwards', async () => {
    const { attemptId } = await shop.paid();
    const requestId = randomUUID();
    const words = ['refund', attemptId, '20000', 'broken', '--request-id', requestId];
    await withoutWorker(async () => {
      const queued = await runOps(shop, [...words, '--wait', '0.2']);
      expect(queued).toMatchObject({ code: 3, output: expect.stringContaining(`outcome ${requestId}`) });
      expect(await runOps(shop, ['outcome', requestId])).toMatchObject({ code: 3 });
      // Repeated meanwhile, it is still one refund.
      const json = await runOps(shop, [...words, '--wait', '0', '--json']);
      expect(json.code).toBe(3);
      expect(json.output).toContain(`"requestId": "${requestId}"`);
      expect(await shop.producer.waitingCount('admin')).toBe(1);
    });
    await vi.waitFor(async () => expect((await runOps(shop, ['outcome', requestId])).code).toBe(0), patience);
    expect((await runOps(shop, ['outcome', requestId])).output).toContain('request-refund: requested');
    const [refund, ...more] = await refundsOf(attemptId);
    expect(more).toEqual([]);
    const again = await runOps(shop, words);
    expect(again).toEqual({
      code: 0,
      output: `20000 rupiah of ${attemptId} will be refunded as ${refund?.id}.`,
    });
  });

  it('reports a failed job, and does not wait', async () => {
    const { orderId, attemptId } = await shop.paid();
    const opened = await openDependencies(readConfig(shop.env), pino({ level: 'silent' }));
    const handlers = createHandlers(opened.deps, {
      gate: { through: (work) => work() },
      reservations: { submit: () => Promise.reject(new Error('This test reserves nothing.')) },
    });
    const { attempts } = JOBS['request-refund'];
    const failures: unknown[] = [];
    /** A queue whose worker makes the last attempt at once. */
    const atLast: BackofficeContext['producer'] = {
      async add(_, payload, jobId) {
        const refund = JOBS['request-refund'].payload.parse(payload);
        await handlers['request-refund'](refund, { jobId, attempt: attempts }).catch((error: unknown) =>
          failures.push(error),
        );
      },
    };
    const request = asked();
    const failed = { kind: 'failed', requestId: request.requestId, code: '42P01' };
    await withoutWorker(async () => {
      await sql`alter table money_movements rename to away`.execute(shop.db);
      try {
        const broken = { ...context, producer: atLast };
        expect(await requestRefund(broken, request, refundOf(orderId))).toEqual(failed);
      } finally {
        await sql`alter table away rename to money_movements`.execute(shop.db);
        await opened.close();
      }
    });
    expect(failures).toHaveLength(1);
    const words = ['refund', orderId, 'all', 'broken', '--request-id', request.requestId];
    expect(await runOps(shop, words, { actor: context.actor })).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('failed for good (42P01)') },
    });
    expect(await refundsOf(attemptId)).toEqual([]);
    expect((await requestRefund(context, asked(), refundOf(orderId))).kind).toBe('requested');
  });

  it('asks the operator to repeat it when Redis does not confirm its job', async () => {
    const { orderId, attemptId } = await shop.paid();
    const redis = openRequestRedis('redis://127.0.0.1:9');
    const away = createProducer(redis, shop.keyspace);
    const request = asked();
    await expect(
      requestRefund({ ...context, redis, producer: away }, request, refundOf(orderId)),
    ).rejects.toThrow(JobNotConfirmedError);
    redis.disconnect();
    expect(await refundsOf(attemptId)).toEqual([]);
    expect((await requestRefund(context, request, refundOf(orderId))).kind).toBe('requested');
  });
});

describe('a held order', () => {
  it('is released or ended if its payment allows that, and stays held otherwise', async () => {
    const { orderId, attemptId } = await shop.paid(undefined, { method: 'credit_card' });
    const decision = { orderId, reason: 'looked at' };
    expect(await releaseOrder(context, asked(), decision)).toEqual({ kind: 'kept', state: 'paid' });
    await shop.gateways.control('settle', { orderId: attemptId });
    await shop.gateways.control('chargeback', { orderId: attemptId });
    await shop.until(orderId, 'payment_hold');
    expect(await releaseOrder(context, asked(), decision)).toEqual({ kind: 'kept', state: 'payment_hold' });
    const request = asked();
    expect(await voidOrder(context, request, decision)).toEqual({ kind: 'voided' });
    expect(await voidOrder(context, request, decision)).toEqual({ kind: 'voided' });
    expect(await voidOrder(context, asked(), decision)).toEqual({ kind: 'kept', state: 'cancelled' });
    const unknown = { ...decision, orderId: randomUUID() };
    expect(await voidOrder(context, asked(), unknown)).toEqual({ kind: 'unknown_order' });
  });
});

describe('a goods receipt', () => {
  it('counts once for one reference, and without one for its request id', async () => {
    const onHand = async () => (await shop.audit()).find(({ sku }) => sku === 'KOPI')?.onHand ?? 0;
    const before = await onHand();
    const goods = { sku: 'KOPI', quantity: 4, reason: 'from the maker' };
    const request = asked();
    const received = { kind: 'received', reference: request.requestId };
    expect(await receiveStock(context, request, goods)).toEqual(received);
    expect(await receiveStock(context, request, goods)).toEqual(received);
    const named = { ...goods, reference: 'PO-1187' };
    expect((await receiveStock(context, asked(), named)).kind).toBe('received');
    expect((await receiveStock(context, asked(), named)).kind).toBe('known');
    expect(await receiveStock(context, asked(), { ...goods, sku: 'NONE' })).toEqual({
      kind: 'unknown_product',
    });
    expect(await onHand()).toBe(before + 8);
  });
});
