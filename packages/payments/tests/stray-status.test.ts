import { describe, expect, it } from 'vitest';
import { json, make, route, seen, serveTests } from './wire.ts';

serveTests();

const cannot = { kind: 'unknown', code: 'cannot_be_asked' };

describe('a payment at Midtrans that no attempt expects', () => {
  const t = {
    ...{ status_code: '200', transaction_id: 'tx-1', order_id: 'SHOP_1', gross_amount: '145000.00' },
    ...{ transaction_status: 'settlement', payment_type: 'gopay', fraud_status: 'accept' },
  };
  const ask = (reference: string, transaction_id?: unknown) =>
    make('midtrans').strayStatus({ reference, payload: { transaction_id } });

  it('is asked about by its transaction id, whatever the form of its order id', async () => {
    route({ 'GET /v2/tx-1/status': json(t) });
    expect(await ask('SHOP_1', 'tx-1')).toMatchObject({
      ...{ paymentId: 'tx-1', status: { kind: 'paid', amountRupiah: 145_000 } },
    });
    expect(seen.map(({ url }) => url)).toEqual(['/v2/tx-1/status']);
  });

  it('is asked about by its order id, encoded, if the event names no usable transaction id', async () => {
    route({ 'GET /v2/SHOP%2F1/status': json({ ...t, order_id: 'SHOP/1' }) });
    for (const id of [undefined, '../../etc', 7])
      expect(await ask('SHOP/1', id)).toMatchObject({ paymentId: 'tx-1', status: { kind: 'paid' } });
  });

  it('that Midtrans does not know is not started, as after a test button', async () => {
    route({ 'GET /v2/tx-1/status': json({ status_code: '404', status_message: 'not found' }) });
    expect(await ask('payment_notif_test_G1_x', 'tx-1')).toEqual({
      ...{ paymentId: 'tx-1', status: { kind: 'not_started' } },
    });
  });

  it('is not confirmed by an answer about another payment, nor by an id that asks for another path', async () => {
    route({ 'GET /v2/tx-1/status': json(t) });
    expect((await ask('OTHER', 'tx-1')).status).toEqual(cannot);
    expect((await ask('..')).status).toEqual(cannot);
    expect(seen).toHaveLength(1);
  });

  it('is found when a bank method put the transaction id into the order id', async () => {
    route({ 'GET /v2/tx-1/status': json({ ...t, order_id: 'tx-1' }) });
    expect((await ask('SHOP_1', 'tx-1')).status).toMatchObject({ kind: 'paid' });
  });
});

describe('an invoice at Xendit that no attempt expects', () => {
  const invoice = { id: 'inv-1', external_id: 'shop 1', status: 'PAID', amount: 50_000, paid_amount: 50_000 };
  const ask = (reference: string, id: unknown) => make('xendit').strayStatus({ reference, payload: { id } });

  it('is asked about by its invoice id', async () => {
    route({ 'GET /v2/invoices/inv-1': json(invoice) });
    expect(await ask('shop 1', 'inv-1')).toMatchObject({
      ...{ paymentId: 'inv-1', status: { kind: 'paid', amountRupiah: 50_000 } },
    });
  });

  it('that Xendit does not know is not started, as after a test button', async () => {
    route({ 'GET /v2/invoices/579c': json({ error_code: 'INVOICE_NOT_FOUND_ERROR', message: '' }, 404) });
    expect((await ask('invoice_123124123', '579c')).status).toEqual({ kind: 'not_started' });
  });

  it('is not confirmed without a usable id, nor by an answer about another one', async () => {
    route({ 'GET /v2/invoices/inv-1': json(invoice) });
    expect((await ask('other', 'inv-1')).status).toEqual(cannot);
    expect((await ask('shop 1', '../x')).status).toEqual(cannot);
    expect((await ask('shop 1', undefined)).status).toEqual(cannot);
    expect(seen).toHaveLength(1);
  });
});
