// What recordings of the sandboxes and the gateways' own client suites show.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Json, type OpenSimulator, openSimulator } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator({ switches: { refundDelayMs: 0, midtransFindsBlankOrderIds: true } });
});
afterAll(() => sim.close());
const pay = async (orderId: string, method: string) => {
  await sim.page(orderId);
  expect((await sim.control('pay', { orderId, method })).status).toBe(200);
};

describe('an empty Idempotency-Key', () => {
  it('is no key at Midtrans: two refunds are two', async () => {
    await pay('key-1', 'qris');
    const refund = (refund_key: string) =>
      sim.midtrans('POST', '/v2/key-1/refund', { refund_key, amount: 50_000 }, { 'idempotency-key': '' });
    expect((await refund('a')).body).toMatchObject({ refund_key: 'a' });
    expect((await refund('b')).body).toMatchObject({ refund_key: 'b' });
    expect(await sim.status('key-1')).toMatchObject({ refund_amount: '100000.00' });
  });

  it('is no key at Xendit', async () => {
    const { id } = await sim.invoice('key-2');
    await sim.control('pay', { orderId: 'key-2' });
    const refund = (amount: number) =>
      sim.xendit('POST', '/refunds', { invoice_id: id, amount }, { 'idempotency-key': '' });
    const [one, two] = [await refund(10_000), await refund(20_000)];
    expect([one.body.amount, two.body.amount]).toEqual([10_000, 20_000]);
    expect(one.body.id).not.toBe(two.body.id);
  });
});

describe('a Snap order id', () => {
  it.each([['with blank'], ['with:colon']])(
    '"%s" is accepted, and found percent-encoded',
    async (orderId) => {
      await pay(orderId, 'qris');
      const found = await sim.status(encodeURIComponent(orderId));
      expect(found).toMatchObject({ order_id: orderId, transaction_status: 'settlement' });
    },
  );

  it('as a JSON number is echoed as text', async () => {
    const created = await sim.midtrans('POST', '/snap/v1/transactions', {
      transaction_details: { order_id: 20_260_101, gross_amount: 150_000 },
    });
    expect(created.status).toBe(201);
    await sim.control('pay', { orderId: '20260101', method: 'qris' });
    expect(await sim.status('20260101')).toMatchObject({ order_id: '20260101' });
  });

  it('with a blank is not found by Core, by a switch', async () => {
    await pay('blank switch', 'qris');
    await sim.control('switches', { midtransFindsBlankOrderIds: false });
    expect(await sim.status('blank%20switch')).toMatchObject({ status_code: '404' });
    await sim.control('switches', { midtransFindsBlankOrderIds: true });
  });

  it.each(['null', ''])('is required of a create with the body "%s"', async (body) => {
    const authorization = `Basic ${btoa('SB-Mid-server-test:')}`;
    const refused = await sim.call('/snap/v1/transactions', {
      ...{ method: 'POST', headers: { authorization } },
      ...(body === '' ? {} : { body }),
    });
    expect([refused.status, refused.body]).toEqual([
      400,
      {
        error_messages: [
          'transaction_details.order_id is required',
          'transaction_details.gross_amount is required',
        ],
      },
    ]);
  });
});

describe('a card that was accepted', () => {
  it.each(['deny', 'approve'])('cannot be reviewed: %s', async (action) => {
    await pay(`review-${action}`, 'credit_card');
    const { transaction_id: id } = await sim.status(`review-${action}`);
    expect((await sim.midtrans('POST', `/v2/review-${action}/${action}`, null)).body).toEqual({
      ...{ status_code: '412', status_message: 'Transaction status cannot be updated.', id },
    });
  });
});

it('the answer to a cancel has no merchant, no Permata number and no signature', async () => {
  await sim.page('cancel-1');
  await sim.control('choose', { orderId: 'cancel-1', method: 'permata_va' });
  expect(await sim.status('cancel-1')).toHaveProperty('permata_va_number');
  const { body } = await sim.midtrans('POST', '/v2/cancel-1/cancel', null);
  expect(body).toMatchObject({ status_code: '200', transaction_status: 'cancel', order_id: 'cancel-1' });
  for (const field of ['merchant_id', 'permata_va_number', 'signature_key'])
    expect(body).not.toHaveProperty(field);
});

describe('Xendit’s invoices', () => {
  it.each([
    ['one JSON array', 'statuses=%5B%22EXPIRED%22%2C%22PENDING%22%5D'],
    ['repeated keys', 'statuses=EXPIRED&statuses=PENDING'],
    ['numbered keys', 'statuses[0]=EXPIRED&statuses[1]=PENDING'],
    ['one value', 'statuses=PENDING'],
    ['one numbered value', 'statuses%5B0%5D=PENDING'],
  ])('are listed by statuses as %s', async (_, query) => {
    await sim.invoice('listed-1');
    const found = await sim.xendit('GET', `/v2/invoices?external_id=listed-1&${query}`);
    expect((found.body as unknown as Json[]).length).toBeGreaterThan(0);
    const none = query.replaceAll('PENDING', 'PAID');
    expect((await sim.xendit('GET', `/v2/invoices?external_id=listed-1&${none}`)).body).toEqual([]);
  });

  it('echo payer_email, and show account numbers and payment codes unless a switch hides them', async () => {
    const made = await sim.invoice('codes-1', { payer_email: 'budi@example.test' });
    expect(made).toMatchObject({
      payer_email: 'budi@example.test',
      available_banks: [{ bank_code: 'BCA', bank_account_number: expect.stringMatching(/^\d{11}$/) }],
      available_retail_outlets: [
        { retail_outlet_name: 'ALFAMART', payment_code: expect.any(String), transfer_amount: 150_000 },
      ],
    });
    await sim.control('switches', { xenditPaymentCodes: false });
    const [bank] = (await sim.invoice('codes-2')).available_banks as Json[];
    expect(bank).not.toHaveProperty('bank_account_number');
  });
});
