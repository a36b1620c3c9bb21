import { describe, expect, it } from 'vitest';
import { reference, json, make, refund, request, route, seen, serveTests, text } from './wire.ts';

serveTests();

const tx = '7b0f7c52-3a61-4a57-9a0e-3f8f6e0b1c2d';
const midtransPaid = {
  status_code: '200',
  transaction_id: tx,
  order_id: 'a-1',
  gross_amount: '150000.00',
  currency: 'IDR',
  payment_type: 'qris',
  transaction_status: 'settlement',
  fraud_status: 'accept',
  settlement_time: '2026-01-15 09:31:02',
};

describe('a Midtrans payment', () => {
  const g = () => make('midtrans');
  const status = (q: { transactionId?: string } = {}) => g().status({ attemptId: 'a-1', ...q });

  it('is created under the attempt id, which every status returns', async () => {
    route({
      'POST /snap/v1/transactions': json({ token: 't-1', redirect_url: 'https://pay.test/t-1' }, 201),
    });
    expect(await g().create(request('a-1'))).toEqual({
      kind: 'active',
      url: 'https://pay.test/t-1',
      gatewayRef: 't-1',
    });
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
      custom_field1: 'a-1',
      transaction_details: { order_id: 'a-1', gross_amount: 150_000 },
      credit_card: { secure: true },
      customer_imposed_payment_fee: { enable: false },
    });
  });

  it('is created with the methods of the storefront, and leads back to the shop', async () => {
    route({
      'POST /snap/v1/transactions': json({ token: 't-1', redirect_url: 'https://pay.test/t-1' }, 201),
    });
    const returnUrl = 'https://toko.test/pesanan/1';
    await g().create({ ...request('a-1'), methods: ['qris', 'linkaja', 'mandiri_va'], returnUrl });
    await g().create(request('a-2'));
    const [with_, without] = seen.map(({ body }) => JSON.parse(body) as object);
    expect(with_).toMatchObject({
      enabled_payments: ['other_qris', 'echannel'],
      callbacks: { finish: returnUrl, error: returnUrl },
    });
    expect(without).not.toHaveProperty('enabled_payments');
    expect(without).not.toHaveProperty('callbacks');
  });

  it.each([
    [400, 'transaction_details.order_id has already been taken'],
    [400, 'transaction_details.order_id sudah digunakan'],
    [406, 'transaction_details.order_id sudah digunakan'],
    [409, 'order_id'],
  ])('is unknown, not declined, when its id is already used: %i %s', async (code, message) => {
    route({ 'POST /snap/': json({ error_messages: [message] }, code) });
    expect(await g().create(request('a-1'))).toEqual({ kind: 'unknown', code: 'duplicate_order_id' });
  });

  it('is paid, with its method, time and transaction id', async () => {
    route({ 'GET /v2/a-1/status': json({ ...midtransPaid, transaction_status: 'SETTLEMENT' }) });
    expect(await status()).toEqual({
      kind: 'paid',
      mayReverse: false,
      amountRupiah: 150_000,
      currency: 'IDR',
      transactionId: tx,
      method: 'qris',
      paidAt: new Date('2026-01-15T02:31:02Z'),
    });
  });

  it.each([
    [{ payment_type: 'bank_transfer', permata_va_number: '1' }, 'bank_transfer:permata', true],
    [
      { payment_type: 'bank_transfer', va_numbers: [{ bank: 'bca', va_number: '1' }] },
      'bank_transfer:bca',
      false,
    ],
    [{ payment_type: 'echannel', biller_code: '1', bill_key: '2' }, 'echannel', true],
    [{ payment_type: 'cstore', store: 'Indomaret', fraud_status: undefined }, 'cstore:indomaret', true],
    [{ payment_type: 'cstore', store: 'alfamart' }, 'cstore:alfamart', false],
    [{ payment_type: 'bank_transfer', va_numbers: 'none' }, 'bank_transfer', false],
  ])('with %o has the method %s, and may be reversed: %s', async (fields, method, mayReverse) => {
    route({ 'GET /v2/': json({ ...midtransPaid, ...fields }) });
    expect(await status()).toMatchObject({ kind: 'paid', method, mayReverse });
  });

  it.each([
    [{ transaction_status: 'capture', fraud_status: 'challenge', status_code: '201' }, { kind: 'pending' }],
    [
      { transaction_status: 'capture', fraud_status: 'deny' },
      { kind: 'closed', reason: 'deny', reversesPayment: true },
    ],
    [{ transaction_status: 'capture', fraud_status: 'accept' }, { kind: 'paid' }],
    [{ transaction_status: 'capture', fraud_status: undefined }, { kind: 'paid' }],
    [{ transaction_status: 'capture', fraud_status: 'maybe' }, { kind: 'unknown' }],
    [{ transaction_status: 'authorize', status_code: '201' }, { kind: 'pending' }],
    [{ transaction_status: 'PENDING', status_code: '200' }, { kind: 'pending' }],
    [
      { transaction_status: 'expire', status_code: '407' },
      { kind: 'closed', reason: 'expire', reversesPayment: false },
    ],
    [
      { transaction_status: 'cancel' },
      { kind: 'closed', reason: 'cancel', reversesPayment: false, voidedRupiah: 150_000 },
    ],
    [
      { transaction_status: 'deny', status_code: '202' },
      { kind: 'closed', reason: 'deny', reversesPayment: true },
    ],
    [{ transaction_status: 'settled_soon' }, { kind: 'unknown', code: 'unknown_status' }],
    [{ gross_amount: '150000' }, { kind: 'unknown', code: 'bad_amount' }],
    [{ gross_amount: '150000.50' }, { kind: 'unknown', code: 'bad_amount' }],
    [{ status_code: '201' }, { kind: 'unknown' }],
    [{ order_id: 'a-2' }, { kind: 'unknown', code: 'wrong_order' }],
    [
      { transaction_status: 'partial_refund', refund_amount: '50000.00' },
      { kind: 'returned', how: 'partial_refund', returnedRupiah: 50_000, amountRupiah: 150_000 },
    ],
    [{ transaction_status: 'refund' }, { kind: 'returned', how: 'refund', returnedRupiah: null }],
    [{ transaction_status: 'chargeback' }, { kind: 'returned', how: 'chargeback' }],
    [{ transaction_status: 'partial_chargeback' }, { kind: 'returned', how: 'partial_chargeback' }],
  ])('with %o is %o', async (fields, expected) => {
    route({ 'GET /v2/': json({ ...midtransPaid, ...fields }) });
    expect(await status()).toMatchObject(expected);
  });

  it('is paid with the fee that Midtrans charged the customer, and explains', async () => {
    const info = { original_amount: '150000', gross_amount: '150071', customer_imposed_payment_fee: '71' };
    const withFee = { ...midtransPaid, gross_amount: '150071.00' };
    const metadata = { extra_info: { gross_amount_info: info } };
    route({ 'GET /v2/': [json({ ...withFee, metadata }), json({ ...withFee, ...metadata }), json(withFee)] });
    for (let i = 0; i < 2; i += 1)
      expect(await status()).toMatchObject({ amountRupiah: 150_071, customerFeeRupiah: 71 });
    const unexplained = await status();
    expect(unexplained).toMatchObject({ kind: 'paid', amountRupiah: 150_071 });
    expect(unexplained).not.toHaveProperty('customerFeeRupiah');
  });

  it.each(
    [
      ...['currency', 'payment_type', 'fraud_status', 'settlement_time', 'transaction_time', 'store', 'bank'],
      ...['va_numbers', 'permata_va_number', 'custom_field1', 'refund_amount', 'refunds', 'metadata'],
      ...['extra_info', 'acquirer'],
    ].map((field) => [field]),
  )('is paid when %s is null', async (field) => {
    route({ 'GET /v2/': json({ ...midtransPaid, [field]: null }) });
    expect(await status()).toMatchObject({ kind: 'paid', amountRupiah: 150_000, currency: 'IDR' });
  });

  it.each(['transaction_status', 'gross_amount', 'status_code', 'transaction_id'])(
    'is unknown when %s is null',
    async (field) => {
      route({ 'GET /v2/': json({ ...midtransPaid, [field]: null }) });
      expect(await status()).toMatchObject({ kind: 'unknown' });
    },
  );

  it('with null as its order id is ours with our attempt id in custom_field1', async () => {
    route({ 'GET /v2/': json({ ...midtransPaid, order_id: null, custom_field1: 'a-1' }) });
    expect(await status({ transactionId: tx })).toMatchObject({ kind: 'paid' });
  });

  it('is not_started when Midtrans itself answers 404, in the body or in HTTP', async () => {
    route({ 'GET /v2/': [json({ status_code: '404' }), json({ status_code: '404' }, 404)] });
    expect(await status()).toEqual({ kind: 'not_started' });
    expect(await status()).toEqual({ kind: 'not_started' });
  });

  it.each(['400', '401', '429', '500', '503'])(
    'is unknown when the body under 200 has the code %s',
    async (code) => {
      route({ 'GET /v2/': json({ status_code: code, status_message: 'no' }) });
      expect(await status()).toEqual({ kind: 'unknown', code: `http_${code}` });
    },
  );

  it('by a method that puts another id into order_id is ours only with our attempt id in custom_field1', async () => {
    const rail = { ...midtransPaid, order_id: tx, payment_type: 'dana' };
    route({
      'GET /v2/': [
        json({ ...rail, custom_field1: 'a-1' }),
        json(rail),
        json({ ...rail, custom_field1: 'somebody' }),
        json({ ...midtransPaid, transaction_id: 'another-one' }),
      ],
    });
    expect(await status({ transactionId: tx })).toMatchObject({ kind: 'paid', transactionId: tx });
    for (let i = 0; i < 3; i += 1)
      expect(await status({ transactionId: tx })).toEqual({ kind: 'unknown', code: 'wrong_order' });
    expect(new Set(seen.map((r) => r.url))).toEqual(new Set([`/v2/${tx}/status`]));
  });

  it('is not decided by an older, denied transaction', async () => {
    const denied = { ...midtransPaid, transaction_id: 'old', transaction_status: 'deny', status_code: '202' };
    route({
      'GET /v2/old/': json(denied),
      'GET /v2/a-1/': [json(midtransPaid), json({ status_code: '404' })],
    });
    expect(await status({ transactionId: 'old' })).toMatchObject({ kind: 'paid', transactionId: tx });
    expect(await status({ transactionId: 'old' })).toEqual({
      kind: 'closed',
      reason: 'deny',
      reversesPayment: true,
    });
    route({ 'GET /v2/old/': json(denied), 'GET /v2/a-1/': text('', 503) });
    expect(await status({ transactionId: 'old' })).toEqual({ kind: 'unknown', code: 'http_503' });
  });

  it('is cancelled by its transaction id, and closed only when its status confirms it', async () => {
    const pending = json({ ...midtransPaid, transaction_status: 'pending', status_code: '201' });
    const cancelled = json({ ...midtransPaid, transaction_status: 'cancel' });
    const session = json({ error_messages: ['transaction in progress'] }, 400);
    const close = () => g().close(reference);
    route({
      'POST /snap/': session,
      'GET /v2/a-1/': [pending, cancelled],
      [`POST /v2/${tx}/cancel`]: json({ status_code: '200' }),
    });
    expect(await close()).toEqual({ kind: 'closed' });
    route({ 'POST /snap/': session, 'GET /v2/': pending, 'POST /v2/': json({ status_code: '412' }) });
    expect(await close()).toEqual({ kind: 'pending' });
    route({ 'POST /snap/': session, 'GET /v2/': pending, 'POST /v2/': text('<html>', 502) });
    expect(await close()).toEqual({ kind: 'unknown', code: 'http_502' });
    route({ 'POST /snap/': session, 'GET /v2/': json({ ...midtransPaid, transaction_status: 'refund' }) });
    expect(await close()).toEqual({ kind: 'paid' });
    route({ 'POST /snap/': session, 'GET /v2/': json({ ...midtransPaid, transaction_status: 'deny' }) });
    expect(await close()).toEqual({ kind: 'pending' });
  });
});

describe('a Midtrans refund', () => {
  const entry = { refund_key: 'rf-1', refund_chargeback_id: 7, refund_amount: '50000.00' };
  const taken = {
    ...midtransPaid,
    transaction_status: 'partial_refund',
    refund_key: 'rf-1',
    refund_chargeback_id: 7,
    refund_amount: '50000.00',
  };
  const send = (given: Partial<typeof refund> & { method?: string; transactionId?: string } = {}) =>
    make('midtrans').refund({ ...refund, ...given });

  it('is pending until the bank has confirmed it', async () => {
    const confirmed = { ...entry, bank_confirmed_at: '2026-01-16 10:00:00' };
    route({
      'POST /v2/a-1/refund': json(taken),
      'GET /v2/a-1/status': [
        json({ ...taken, refunds: [{ refund_key: 'other', bank_confirmed_at: 'x' }, entry] }),
        json({ ...taken, refunds: [confirmed] }),
      ],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      refund_key: 'rf-1',
      amount: 50_000,
      reason: 'requested_by_customer',
    });
    expect(await make('midtrans').refundStatus(refund)).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(await make('midtrans').refundStatus(refund)).toEqual({ kind: 'succeeded', gatewayRef: '7' });
    route({ 'POST /v2/': json({ ...taken, refunds: [confirmed] }) });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: '7' });
  });

  it.each([
    ['the bank denied it', { ...midtransPaid, status_code: '202', refund_amount: '0.00' }, 'refused'],
    ['the call succeeds and nothing was refunded', midtransPaid, 'unknown'],
    ['it is about another refund', { ...taken, refund_key: 'rf-2' }, 'unknown'],
    ['it is about another order', { ...taken, order_id: 'a-2' }, 'unknown'],
    ['414', { status_code: '414' }, 'refused'],
    ['400', { status_code: '400' }, 'refused'],
    ['401', { status_code: '401' }, 'not_sent'],
    ['500', { status_code: '500' }, 'unknown'],
  ])('is decided by the answer when %s', async (_name, body, kind) => {
    route({ 'POST /v2/': json(body) });
    expect(await send()).toMatchObject({ kind });
  });

  it('with a key that is already used is looked up', async () => {
    route({
      'POST /v2/': json({ status_code: '406' }),
      'GET /v2/': [json({ ...taken, refunds: [entry] }), json(midtransPaid)],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'duplicate_refund_key' });
  });

  it.each([
    [{}, { kind: 'not_refundable', code: 'http_412' }],
    [
      { transaction_status: 'capture' },
      { kind: 'not_sent', code: 'not_settled', notBefore: expect.any(Date) },
    ],
    [{ transaction_status: 'pending' }, { kind: 'refused', code: 'not_paid' }],
    [{ transaction_status: 'refund' }, { kind: 'refused', code: 'already_returned' }],
    [{ transaction_status: 'refund', refunds: [entry] }, { kind: 'pending' }],
    [{ transaction_status: 'what' }, { kind: 'unknown' }],
  ])('that Midtrans refuses is decided by the state %o', async (fields, expected) => {
    route({ 'POST /v2/': json({ status_code: '412' }), 'GET /v2/': json({ ...midtransPaid, ...fields }) });
    expect(await send()).toMatchObject(expected);
  });

  const captured = { ...midtransPaid, payment_type: 'credit_card', transaction_status: 'capture' };
  const whole = { transactionId: tx, amountRupiah: 150_000 };
  const voided = { ...captured, transaction_status: 'cancel' };

  it('of all of a captured card is a cancel, sent once', async () => {
    route({ 'GET /v2/': [json(captured), json(voided)], [`POST /v2/${tx}/cancel`]: json(voided) });
    expect(await send(whole)).toEqual({ kind: 'succeeded', gatewayRef: tx });
    // The answer was lost: the state shows that it was done.
    expect(await send(whole)).toEqual({ kind: 'succeeded', gatewayRef: tx });
    expect(await make('midtrans').refundStatus({ ...refund, ...whole })).toEqual({
      kind: 'succeeded',
      gatewayRef: tx,
    });
    expect(seen.filter((r) => r.method === 'POST').map((r) => r.url)).toEqual([`/v2/${tx}/cancel`]);
  });

  it('of a captured card that is settled meanwhile is a refund', async () => {
    route({
      'GET /v2/': [json(captured), json({ ...captured, transaction_status: 'settlement' })],
      [`POST /v2/${tx}/cancel`]: json({ status_code: '412' }),
      [`POST /v2/${tx}/refund`]: json({ ...taken, transaction_status: 'refund' }),
    });
    expect(await send(whole)).toEqual({ kind: 'pending', gatewayRef: '7' });
  });

  it.each([
    [json({ status_code: '412' }), { kind: 'not_sent', code: 'not_settled' }],
    [json({ status_code: '429' }), { kind: 'not_sent', code: 'http_429' }],
    [text('<html>', 502), { kind: 'unknown', code: 'http_502' }],
  ])('of a captured card that is not cancelled is sent again', async (answer, expected) => {
    route({ 'GET /v2/': json(captured), 'POST /v2/': answer });
    expect(await send(whole)).toMatchObject(expected);
  });

  it('of a part of a captured card waits for its settlement', async () => {
    route({ 'GET /v2/': json(captured) });
    const now = new Date('2030-01-01T00:00:00Z');
    const answer = await make('midtrans', { now: () => now }).refund({ ...refund, transactionId: tx });
    const notBefore = new Date('2030-01-01T01:00:00Z');
    expect(answer).toEqual({ kind: 'not_sent', code: 'not_settled', notBefore });
    expect(seen.filter((r) => r.method === 'POST')).toEqual([]);
  });

  it('does not count another transaction of the order that was cancelled', async () => {
    const other = { ...voided, transaction_id: 'other' };
    route({
      'GET /v2/a-1/': json(other),
      [`GET /v2/${tx}/`]: json({ ...captured, transaction_status: 'deny' }),
    });
    const ask = make('midtrans').refundStatus({ ...refund, transactionId: tx });
    expect(await ask).toEqual({ kind: 'none' });
  });

  it('by ShopeePay waits for the morning, also of a QRIS payment that Shopee settles', async () => {
    const now = new Date('2030-01-01T23:57:00+07:00');
    const waiting = {
      ...{ kind: 'not_sent', code: 'refund_hours' },
      notBefore: new Date('2030-01-02T06:05:00+07:00'),
    };
    const g = make('midtrans', { now: () => now });
    const all = { ...refund, amountRupiah: refund.paidRupiah };
    expect(await g.refund({ ...all, method: 'shopeepay' })).toEqual(waiting);
    route({ 'GET /v2/': json({ ...midtransPaid, acquirer: 'airpay shopee' }) });
    expect(await g.refund({ ...all, transactionId: tx })).toEqual(waiting);
    expect(seen.filter((r) => r.method === 'POST')).toEqual([]);
  });

  it('makes no call for a method without refunds or without partial refunds', async () => {
    for (const method of ['bank_transfer:bca', 'echannel', 'cstore:alfamart'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'method_not_refundable' });
    for (const method of ['shopeepay', 'ovo'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'partial_not_supported' });
    expect(seen).toEqual([]);
  });

  it('is not sent for another order’s transaction, and reads the method of our own', async () => {
    const transactionId = tx;
    route({
      'GET /v2/': [
        json({ ...midtransPaid, order_id: 'a-2' }),
        text('', 503),
        json({ ...midtransPaid, payment_type: 'echannel' }),
        json({ ...taken, refunds: [entry] }),
      ],
    });
    expect(await send({ transactionId })).toEqual({ kind: 'refused', code: 'wrong_order' });
    expect(await send({ transactionId })).toEqual({ kind: 'not_sent', code: 'http_503' });
    expect(await send({ transactionId })).toMatchObject({ kind: 'not_refundable' });
    expect(await send({ transactionId })).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(seen.filter((r) => r.method === 'POST')).toEqual([]);
    route({ 'GET /v2/': json(midtransPaid), [`POST /v2/${tx}/refund`]: json(taken) });
    expect(await send({ transactionId })).toEqual({ kind: 'pending', gatewayRef: '7' });
    // The denied transaction is not the paid one.
    route({
      'GET /v2/old/': json({ ...midtransPaid, transaction_id: 'old', transaction_status: 'deny' }),
      'GET /v2/a-1/': json(midtransPaid),
      [`POST /v2/${tx}/refund`]: json({ ...taken, order_id: tx }),
    });
    expect(await send({ transactionId: 'old' })).toEqual({ kind: 'pending', gatewayRef: '7' });
  });

  it('is unknown, not none, when Midtrans has refunded but lists no refunds', async () => {
    route({ 'GET /v2/': [json(taken), json(midtransPaid), json({ status_code: '404' })] });
    const ask = () => make('midtrans').refundStatus(refund);
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toEqual({ kind: 'none' });
    expect(await ask()).toEqual({ kind: 'none' });
  });
});
