import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { methodNames } from '../src/xendit-methods.ts';
import { refundMoves } from '../src/xendit-refunds.ts';
import { type Json, type OpenSimulator, openSimulator } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
afterEach(async () => {
  for (const gateway of ['midtrans', 'xendit'])
    await sim.control('refund-outcome', { gateway, outcome: 'succeed' });
});
const plan = (gateway: string, outcome: string, more: Json = {}) =>
  sim.control('refund-outcome', { gateway, outcome, ...more });
const ledgerOf = async (orderId: string) =>
  (await sim.show<{ orderId: string; returned: Json[]; returnedRupiah: number }[]>('ledger')).find(
    (o) => o.orderId === orderId,
  );

describe('a Midtrans refund', () => {
  const paid = async (orderId: string, method = 'qris') => {
    await sim.page(orderId);
    const answer = await sim.control('pay', { orderId, method });
    if (answer.status !== 200) throw new Error(answer.text);
  };
  const refund = (orderId: string, body: unknown, path = 'refund') =>
    sim.midtrans('POST', `/v2/${orderId}/${path}`, body);

  it('is partial, then full, with two webhooks each: the second when the bank has confirmed it', async () => {
    await paid('mr-1');
    const first = await refund('mr-1', { refund_key: 'k1', amount: 50_000, reason: 'Salah' });
    expect([first.status, first.body]).toEqual([
      200,
      expect.objectContaining({
        status_code: '200',
        transaction_status: 'partial_refund',
        refund_amount: '50000.00',
        refund_key: 'k1',
        refund_chargeback_id: expect.any(Number),
      }),
    ]);
    const second = await refund('mr-1', { refund_key: 'k2' }, 'refund/online/direct');
    expect(second.body).toMatchObject({ transaction_status: 'refund', refund_amount: '100000.00' });
    expect(await sim.status('mr-1')).toMatchObject({
      transaction_status: 'refund',
      refund_amount: '150000.00',
      refunds: [
        { refund_key: 'k1', refund_amount: '50000.00', reason: 'Salah' },
        { refund_key: 'k2', refund_amount: '100000.00' },
      ],
    });
    await sim.hookWhere(
      ({ body }) =>
        body.order_id === 'mr-1' &&
        body.transaction_status === 'refund' &&
        (body.refunds as Json[]).every((r) => typeof r.bank_confirmed_at === 'string'),
    );
    const told = sim.hooksOf('mr-1').filter(({ body }) => Array.isArray(body.refunds));
    expect(told).toHaveLength(4);
    expect(told.some(({ body }) => (body.refunds as Json[]).every((r) => !('bank_confirmed_at' in r)))).toBe(
      true,
    );
    expect(await ledgerOf('mr-1')).toMatchObject({ returnedRupiah: 150_000 });
  });

  it('with the same key is the same refund, and with another amount a duplicate', async () => {
    await paid('mr-2');
    const first = await refund('mr-2', { refund_key: 'same', amount: 10_000 });
    expect((await refund('mr-2', { refund_key: 'same', amount: 10_000 })).text).toBe(first.text);
    expect((await refund('mr-2', { refund_key: 'same', amount: 20_000 })).body.status_code).toBe('406');
    await sim.control('switches', { midtransRefundKey: 'duplicate' });
    expect((await refund('mr-2', { refund_key: 'same', amount: 10_000 })).body.status_code).toBe('406');
    await sim.control('switches', { midtransRefundKey: 'replay' });
    expect(await sim.status('mr-2')).toMatchObject({ refund_amount: '10000.00' });
    // Without a key each is a new refund.
    await refund('mr-2', { amount: 10_000 });
    await refund('mr-2', { amount: 10_000 });
    expect(await sim.status('mr-2')).toMatchObject({ refund_amount: '30000.00' });
  });

  it('that the bank refuses looks like a success, pays nothing, and can be tried again', async () => {
    await paid('mr-3');
    await plan('midtrans', 'refuse', { times: 1 });
    const refused = await refund('mr-3', { refund_key: 'r' });
    expect([refused.status, refused.body]).toEqual([
      200,
      expect.objectContaining({
        status_code: '202',
        transaction_status: 'settlement',
        refund_amount: '0.00',
      }),
    ]);
    expect((await refund('mr-3', { refund_key: 'r' })).body.transaction_status).toBe('refund');
  });

  it('is 414 above the rest of the payment or the balance, and 404 for an unknown payment', async () => {
    await paid('mr-4');
    expect((await refund('mr-4', { amount: 150_001 })).body.status_code).toBe('414');
    await plan('midtrans', 'fail', { times: 1 });
    expect((await refund('mr-4', { amount: 1000 })).body.status_code).toBe('414');
    expect((await refund('mr-nothing', {})).body.status_code).toBe('404');
    expect((await refund('mr-4', { amount: 1.5 })).body.status_code).toBe('400');
  });

  it.each(['bca_va', 'permata_va', 'bsi_va', 'echannel', 'indomaret', 'alfamart'])(
    'is 412 for %s',
    async (method) => {
      const orderId = `mr-412-${method.replace('_', '-')}`;
      await sim.control('switches', { midtransBiSnapByOrderId: true });
      await paid(orderId, method);
      expect((await refund(orderId, {})).body.status_code).toBe('412');
    },
  );

  it.each(['shopeepay', 'ovo'])('of %s can only be full', async (method) => {
    await sim.control('switches', { midtransShopeepayHours: false });
    await paid(`mr-full-${method}`, method);
    expect((await refund(`mr-full-${method}`, { amount: 1000 })).body.status_code).toBe('412');
    expect((await refund(`mr-full-${method}`, null)).body.transaction_status).toBe('refund');
  });

  it('is 412 before settlement and after the end', async () => {
    await sim.page('mr-5');
    await sim.control('choose', { orderId: 'mr-5' });
    expect((await refund('mr-5', {})).body.status_code).toBe('412');
    await paid('mr-6', 'credit_card');
    expect((await refund('mr-6', {})).body.status_code).toBe('412');
    await sim.control('settle', { orderId: 'mr-6' });
    await refund('mr-6', {});
    expect((await refund('mr-6', {})).body.status_code).toBe('412');
  });

  it('waits for the bank as long as the control API says', async () => {
    await paid('mr-7');
    await plan('midtrans', 'pending');
    await refund('mr-7', { refund_key: 'slow' });
    expect(await ledgerOf('mr-7')).toMatchObject({ returned: [] });
    expect((await plan('midtrans', 'succeed', { orderId: 'mr-7' })).status).toBe(200);
    expect(await ledgerOf('mr-7')).toMatchObject({ returned: [{ ref: 'slow', amountRupiah: 150_000 }] });
    expect((await plan('midtrans', 'succeed', { orderId: 'mr-7' })).status).toBe(409);
  });
});

describe('a Xendit refund', () => {
  const paid = async (orderId: string, method = 'DANA') => {
    const { id } = await sim.invoice(orderId);
    const answer = await sim.control('pay', { orderId, method });
    if (answer.status !== 200) throw new Error(answer.text);
    return id;
  };
  const refund = (body: Json, key?: string) =>
    sim.xendit('POST', '/refunds', body, key === undefined ? {} : { 'idempotency-key': key });
  const eventOf = (id: unknown) => sim.hookWhere(({ body }) => (body.data as Json | undefined)?.id === id);

  it('follows a table of states that ends', () => {
    const ends = Object.entries(refundMoves).filter(([, next]) => next.length === 0);
    expect(ends.map(([state]) => state)).toEqual(['SUCCEEDED', 'FAILED', 'CANCELLED']);
  });

  it('is pending, then reported as succeeded, and the invoice does not change', async () => {
    const invoiceId = await paid('xr-1');
    const made = await refund({
      invoice_id: invoiceId,
      amount: 50_000,
      reason: 'REQUESTED_BY_CUSTOMER',
      reference_id: 'rf-1',
    });
    expect([made.status, made.body]).toEqual([
      200,
      expect.objectContaining({
        status: 'PENDING',
        invoice_id: invoiceId,
        amount: 50_000,
        payment_method_type: 'EWALLET',
        channel_code: 'DANA',
        failure_code: null,
        reference_id: 'rf-1',
      }),
    ]);
    const { body, headers } = await eventOf(made.body.id);
    expect(body).toMatchObject({
      event: 'refund.succeeded',
      data: { status: 'SUCCEEDED', invoice_id: invoiceId },
    });
    expect(headers).toMatchObject({ 'x-callback-token': 'token', 'webhook-id': expect.any(String) });
    expect((await sim.xendit('GET', `/refunds/${String(made.body.id)}`)).body.status).toBe('SUCCEEDED');
    expect((await sim.xendit('GET', `/v2/invoices/${invoiceId}`)).body.status).toBe('PAID');
    expect(await ledgerOf('xr-1')).toMatchObject({ returnedRupiah: 50_000 });
    expect((await refund({ invoice_id: invoiceId, amount: 100_001 })).body.error_code).toBe(
      'MAXIMUM_REFUND_AMOUNT_REACHED',
    );
    expect((await refund({ invoice_id: invoiceId, amount: 1, reference_id: 'rf-1' })).status).toBe(409);
  });

  it('fails later with a code, and the amount can be refunded again', async () => {
    const invoiceId = await paid('xr-2');
    await plan('xendit', 'fail', { times: 1, failureCode: 'ACCOUNT_NOT_FOUND' });
    const made = await refund({ invoice_id: invoiceId });
    expect(made.body.status).toBe('PENDING');
    expect((await eventOf(made.body.id)).body).toMatchObject({
      event: 'refund.failed',
      data: { status: 'FAILED', failure_code: 'ACCOUNT_NOT_FOUND' },
    });
    expect((await refund({ invoice_id: invoiceId })).status).toBe(200);
  });

  it('with the same idempotency key is replayed, and with another body is a conflict', async () => {
    const invoiceId = await paid('xr-3');
    const body = { invoice_id: invoiceId, amount: 1000 };
    const first = await refund(body, 'key-3');
    expect((await refund(body, 'key-3')).text).toBe(first.text);
    const other = await refund({ ...body, amount: 2000 }, 'key-3');
    expect([other.status, other.body.error_code]).toEqual([409, 'IDEMPOTENCY_ERROR']);
    const { body: list } = await sim.xendit('GET', `/refunds?invoice_id=${invoiceId}&limit=10`);
    expect(list).toMatchObject({ data: [{ amount: 1000 }], has_more: false });
  });

  it('can be cancelled while it is pending', async () => {
    const invoiceId = await paid('xr-4');
    await plan('xendit', 'pending');
    const { id } = (await refund({ invoice_id: invoiceId })).body;
    expect((await sim.xendit('POST', `/refunds/${String(id)}/cancel`)).body.status).toBe('CANCELLED');
    expect((await sim.xendit('POST', `/refunds/${String(id)}/cancel`)).body.error_code).toBe(
      'INELIGIBLE_TRANSACTION',
    );
    await refund({ invoice_id: invoiceId });
    expect((await plan('xendit', 'fail', { orderId: 'xr-4' })).status).toBe(200);
  });

  it('is paged by after_id', async () => {
    const invoiceId = await paid('xr-5');
    for (let i = 0; i < 3; i += 1) await refund({ invoice_id: invoiceId, amount: 1000 });
    const page = async (more: string) =>
      (await sim.xendit('GET', `/refunds?invoice_id=${invoiceId}&limit=2${more}`)).body as {
        data: { id: string }[];
        has_more: boolean;
      };
    const first = await page('');
    const second = await page(`&after_id=${first.data[1]?.id}`);
    expect([first.data.length, first.has_more, second.data.length, second.has_more]).toEqual([
      2,
      true,
      1,
      false,
    ]);
  });

  it('is refused by channel, by switch, and for an unpaid or unknown invoice', async () => {
    const va = await paid('xr-6', 'BCA');
    expect((await refund({ invoice_id: va })).body.error_code).toBe('REFUND_NOT_SUPPORTED');
    expect((await refund({ invoice_id: await paid('xr-7', 'ALFAMART') })).body.error_code).toBe(
      'REFUND_NOT_SUPPORTED',
    );
    const ovo = await paid('xr-8', 'OVO');
    expect((await refund({ invoice_id: ovo, amount: 1 })).body.error_code).toBe(
      'PARTIAL_REFUND_NOT_SUPPORTED',
    );
    const unpaid = await sim.invoice('xr-9');
    expect((await refund({ invoice_id: unpaid.id })).body.error_code).toBe('INELIGIBLE_TRANSACTION');
    const nothing = await refund({ invoice_id: 'nothing' });
    expect([nothing.status, nothing.body.error_code]).toEqual([404, 'DATA_NOT_FOUND']);
    expect((await refund({ payment_request_id: 'nothing' })).body.error_code).toBe('TRANSACTION_NOT_FOUND');
    expect((await refund({ invoice_id: ovo, reason: 'WHIM' })).body).toMatchObject({
      error_code: 'API_VALIDATION_ERROR',
      errors: [{ path: 'reason' }],
    });
    await sim.control('switches', {
      xenditRefundable: { OVO: 'partial' },
      xenditOneRefundAtATime: true,
      refundDelayMs: 600_000,
    });
    expect((await refund({ invoice_id: ovo, amount: 1 })).status).toBe(200);
    expect((await refund({ invoice_id: ovo, amount: 1 })).body.error_code).toBe('REFUND_IN_PROGRESS');
    await sim.control('switches', { xenditInvoiceRefunds: false });
    expect((await refund({ invoice_id: ovo, amount: 1 })).body.error_code).toBe('API_VALIDATION_ERROR');
    await sim.control('switches', {
      xenditRefundable: {},
      xenditOneRefundAtATime: false,
      xenditInvoiceRefunds: true,
      refundDelayMs: 0,
    });
  });

  it.each([
    ['INSUFFICIENT_BALANCE', 400],
    ['UNAUTHORIZED', 403],
    ['DUPLICATE_ERROR', 409],
    ['CHANNEL_UNAVAILABLE', 503],
    ['OTP_DELIVERY_ERROR', 503],
  ])('is refused with %s by the control API', async (errorCode, status) => {
    const invoiceId = await paid(`xr-refused-${errorCode}`);
    await plan('xendit', 'refuse', { errorCode, times: 1 });
    const refused = await refund({ invoice_id: invoiceId });
    expect([refused.status, refused.body.error_code]).toEqual([status, errorCode]);
  });

  it('of a late payment uses its payment id', async () => {
    await sim.invoice('xr-10');
    await sim.control('expire', { orderId: 'xr-10' });
    await sim.control('pay', { orderId: 'xr-10', evenIfClosed: true });
    const { body } = await sim.hookWhere((h) => h.body.external_id === 'xr-10' && h.body.status === 'PAID');
    expect((await refund({ payment_request_id: body.payment_id })).status).toBe(200);
  });

  it('is defined for every channel', () => {
    expect(methodNames).toEqual(['QRIS', 'DANA', 'OVO', 'BCA', 'ALFAMART', 'CREDIT_CARD']);
  });
});
