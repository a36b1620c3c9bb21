// The settlement report, and operators' commands about money.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditMoney, settlementReportOf } from '@antrean/db';
import { ONLINE_GATEWAYS, wibDay } from '@antrean/domain';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { anOrder, aProduct } from '@antrean/testing';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

const patience = { timeout: 20_000, interval: 20 };
const folder = mkdtempSync(path.join(tmpdir(), 'antrean-settlement-'));
let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 1_000 })] });
});
afterAll(async () => {
  await shop.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the settlement report', () => {
  it('is made without a command for each gateway and the days before', async () => {
    await vi.waitFor(async () => {
      const made = await shop.db.selectFrom('settlementReports').select(['gateway']).execute();
      expect(new Set(made.map(({ gateway }) => gateway))).toEqual(new Set(ONLINE_GATEWAYS));
    }, patience);
  });

  it('names payments that only Xendit has, and books fees', async () => {
    await shop.gateways.control('switches', { xenditFeeRupiah: 700 });
    const { orderId: known } = await shop.awaitingXendit(anOrder('KOPI'));
    await shop.gateways.pay(`${known}-2`);
    await shop.until(known, 'paid');
    const { orderId: missed } = await shop.awaitingXendit(anOrder('KOPI'));
    await shop.gateways.control('webhook-faults', { gateway: 'xendit', mode: 'drop', times: 1 });
    await shop.gateways.pay(`${missed}-2`);
    const day = wibDay(new Date());
    await shop.done('settlement-report', await shop.add('settlement-report', { gateway: 'xendit', day }));
    expect(await settlementReportOf(shop.db, 'xendit', day)).toMatchObject({
      ...{ payments: 1, oursRupiah: 50_000, theirsRupiah: 100_000 },
      differences: [{ kind: 'missing_with_us', attemptId: `${missed}-2`, theirsRupiah: 50_000 }],
    });
    const fees = await shop.db.selectFrom('moneyMovements').selectAll().where('kind', '=', 'fee').execute();
    expect(fees).toMatchObject([{ orderId: known, amountRupiah: 700, debit: 'fees', credit: 'xendit' }]);
    expect((await auditMoney(shop.db)).differences).toEqual([]);
    // The report has booked its fee already; it is paid nevertheless, and the next report has no difference.
    const { attemptId } = { attemptId: `${missed}-2` };
    await shop.db
      .updateTable('paymentAttempts')
      .set({ nextPollAt: new Date() })
      .where('id', '=', attemptId)
      .execute();
    await shop.until(missed, 'paid');
    await shop.done('settlement-report', await shop.add('settlement-report', { gateway: 'xendit', day }));
    expect(await settlementReportOf(shop.db, 'xendit', day)).toMatchObject({ payments: 2, differences: [] });
  });

  it('checks each payment at Midtrans, and names one of another amount; the export has the others', async () => {
    const right = await shop.paid();
    const wrong = await shop.paid();
    await shop.db
      .updateTable('paymentAttempts')
      .set({ receivedRupiah: 49_000 })
      .where('id', '=', wrong.attemptId)
      .execute();
    const day = wibDay(new Date());
    await shop.done('settlement-report', await shop.add('settlement-report', { gateway: 'midtrans', day }));
    const difference = {
      kind: 'other_amount',
      attemptId: wrong.attemptId,
      oursRupiah: 49_000,
      theirsRupiah: 50_000,
    };
    expect(await settlementReportOf(shop.db, 'midtrans', day)).toMatchObject({ differences: [difference] });
    const report = await runOps(shop, ['settlement', 'midtrans', day]);
    expect(report.output).toContain(wrong.attemptId);
    expect(report.output).not.toContain(right.attemptId);

    const file = path.join(folder, 'export.csv');
    const exported = await fetch(`${shop.gateways.url}/__sim/midtrans/transactions.csv?date=${day}`);
    writeFileSync(file, await exported.text());
    const compared = await runOps(shop, ['settlement', 'midtrans', day, file]);
    expect(compared).toMatchObject({ code: 1, output: expect.stringContaining('1 differences') });
    await shop.db
      .updateTable('paymentAttempts')
      .set({ receivedRupiah: 50_000 })
      .where('id', '=', wrong.attemptId)
      .execute();
    expect((await runOps(shop, ['settlement', 'midtrans', day, file])).code).toBe(0);
    expect(await runOps(shop, ['settlement', 'midtrans', day, `${file}.not`])).toMatchObject({ code: 1 });
    expect(await runOps(shop, ['settlement', 'dana', day])).toMatchObject({ code: 1 });
  });
});

describe('an operator’s command', () => {
  it('lists the open transfers, and confirms one of them once', async () => {
    const { orderId, attemptId, amount } = await shop.awaitingTransfer();
    expect((await runOps(shop, ['transfers'])).output).toContain(attemptId);
    expect(await runOps(shop, ['confirm-transfer', 'unknown-1', '1', 'L'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('Bank transfer unknown-1 does not exist') },
    });
    expect((await runOps(shop, ['confirm-transfer', attemptId, 'much', 'L'])).output).toContain(
      'amountRupiah',
    );
    expect(await runOps(shop, ['confirm-transfer', attemptId, `${amount}`, 'LINE 1'])).toMatchObject({
      ...{ code: 0, output: expect.stringContaining(`Order ${orderId} is paid.`) },
    });
    expect((await shop.read(orderId)).status).toBe('paid');
    expect(await runOps(shop, ['confirm-transfer', attemptId, `${amount}`, 'LINE 1'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining(`was already entered for ${attemptId}`) },
    });
  });

  it('takes a mistyped transfer back, and enters its line again for the right one', async () => {
    const [wrong, right] = [await shop.awaitingTransfer(), await shop.awaitingTransfer()];
    expect((await runOps(shop, ['confirm-transfer', wrong.attemptId, '5123', 'MISTYPED'])).code).toBe(0);
    const correct = ['correct-transfer', wrong.attemptId, 'MISTYPED', 'mistyped', '--request-id', 'fix-9'];
    for (const words of [correct, correct])
      expect(await runOps(shop, words)).toMatchObject({
        ...{ code: 0, output: expect.stringContaining('no longer counts') },
      });
    expect((await shop.read(wrong.orderId)).payment).toMatchObject({
      ...{ state: 'payable', transfer: { amount: wrong.amount } },
    });
    expect((await runOps(shop, ['exceptions'])).output).not.toContain('MISTYPED');
    for (const { attemptId, amount, orderId, line } of [
      { ...right, line: 'MISTYPED' },
      { ...wrong, line: 'ITS OWN' },
    ]) {
      expect((await runOps(shop, ['confirm-transfer', attemptId, `${amount}`, line])).code).toBe(0);
      await shop.until(orderId, 'paid');
      expect(await runOps(shop, ['money', orderId])).toMatchObject({ code: 0 });
    }
    expect(await runOps(shop, ['correct-transfer', right.attemptId, 'MISTYPED', 'no'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('has paid order') },
    });
  });

  it('opens an exception for a transfer that came twice, and counts its line nowhere else', async () => {
    const { orderId, attemptId, amount } = await shop.awaitingTransfer();
    expect((await runOps(shop, ['confirm-transfer', attemptId, `${amount}`, 'FIRST'])).code).toBe(0);
    await shop.until(orderId, 'paid');
    expect(await runOps(shop, ['confirm-transfer', attemptId, `${amount}`, 'SECOND'])).toMatchObject({
      ...{ code: 0, output: expect.stringContaining('second_payment') },
    });
    expect((await runOps(shop, ['exceptions'])).output).toContain('SECOND');
    const other = await shop.awaitingTransfer();
    expect(
      (await runOps(shop, ['confirm-transfer', other.attemptId, `${other.amount}`, 'SECOND'])).code,
    ).toBe(1);
    expect((await runOps(shop, ['reject-transfer', other.attemptId, 'not there'])).code).toBe(0);
  });

  it('refunds no more than was paid, and records a manual refund', async () => {
    const { orderId } = await shop.paid();
    expect(await runOps(shop, ['refund', orderId, '50001', 'broken'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('At most 50000') },
    });
    expect((await runOps(shop, ['refund', orderId, 'all', 'broken'])).code).toBe(0);
    await shop.until(orderId, 'refunded');
    expect((await runOps(shop, ['refund', orderId, 'all', 'broken'])).code).toBe(1);
    expect((await runOps(shop, ['paid-out', 'rf-unknown-1', 'TRF'])).code).toBe(1);
    expect(await runOps(shop, ['money', orderId])).toMatchObject({
      ...{ code: 0, output: expect.stringContaining('0 orders have differences') },
    });
  });

  it('opens one exception for money that matches no order, and resolves it', async () => {
    expect((await runOps(shop, ['stray-transfer', '5000', 'LINE 9', 'no such order'])).output).toContain(
      'An exception is opened',
    );
    expect((await runOps(shop, ['stray-transfer', '5000', 'LINE 9', 'no such order'])).output).toContain(
      'has an exception',
    );
    const stray = await shop.db
      .selectFrom('paymentExceptions')
      .select('id')
      .where('subject', '=', 'line LINE 9')
      .executeTakeFirstOrThrow();
    expect((await runOps(shop, ['resolve-exception', `${stray.id}`, 'sent back'])).code).toBe(0);
    expect((await runOps(shop, ['resolve-exception', `${stray.id}`, 'sent back'])).code).toBe(1);
  });

  it('releases a held order, or ends it when its payment was taken back', async () => {
    const { orderId, attemptId } = await shop.paid(undefined, { method: 'credit_card' });
    await shop.gateways.control('settle', { orderId: attemptId });
    await shop.gateways.control('chargeback', { orderId: attemptId });
    await shop.until(orderId, 'payment_hold');
    expect(await runOps(shop, ['release', orderId, 'by mistake'])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('stays held') },
    });
    expect((await runOps(shop, ['void', orderId, 'charged back'])).code).toBe(0);
    expect((await shop.read(orderId)).status).toBe('cancelled');
  });
});
