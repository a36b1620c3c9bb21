import { describe, expect, it } from 'vitest';
import {
  answerAll,
  reference,
  json,
  keys,
  make,
  range,
  refund,
  request,
  route,
  seen,
  serveTests,
  text,
} from './wire.ts';

serveTests();

const invoice = {
  id: 'ref-1',
  external_id: 'a-1',
  status: 'PAID',
  amount: 150_000,
  currency: 'IDR',
  invoice_url: 'https://pay.test/ref-1',
  paid_amount: 150_000,
  paid_at: '2026-01-15T02:41:29.776Z',
  payment_method: 'EWALLET',
  payment_channel: 'DANA',
  payment_id: 'ewc-1',
  fees_paid_amount: 1500,
};

describe('a Xendit payment', () => {
  const status = (q: { gatewayRef?: string } = reference) =>
    make('xendit').status({ attemptId: 'a-1', ...q });

  it('is paid with the fields that the SDK drops, although its decoder rejects an invoice without arrays', async () => {
    route({ 'GET /v2/invoices/ref-1': json(invoice), 'GET /v2/invoices?': json([invoice]) });
    const paid = {
      kind: 'paid',
      mayReverse: false,
      amountRupiah: 150_000,
      currency: 'IDR',
      transactionId: 'ewc-1',
      method: 'EWALLET:DANA',
      paidAt: new Date('2026-01-15T02:41:29.776Z'),
      feeRupiah: 1500,
    };
    expect(await status()).toEqual(paid);
    expect(await status({})).toEqual(paid);
  });

  it.each([
    [
      { status: 'SETTLED', payment_id: null, fees_paid_amount: null },
      { kind: 'paid', transactionId: 'ref-1' },
    ],
    [{ status: 'PENDING' }, { kind: 'pending' }],
    [{ status: 'EXPIRED' }, { kind: 'closed', reason: 'expired', reversesPayment: false }],
    [{ status: 'UNKNOWN_ENUM_VALUE' }, { kind: 'unknown', code: 'unknown_status' }],
    [{ paid_amount: null }, { kind: 'unknown', code: 'bad_amount' }],
    [{ paid_amount: 1.5 }, { kind: 'unknown', code: 'bad_amount' }],
    [{ paid_amount: '150000' }, { kind: 'unknown', code: 'bad_answer' }],
    [{ external_id: 'a-2' }, { kind: 'unknown', code: 'wrong_order' }],
    [{ id: 'ref-2' }, { kind: 'unknown', code: 'wrong_order' }],
  ])('with %o is %o', async (fields, expected) => {
    route({ 'GET /v2/invoices/': json({ ...invoice, ...fields }) });
    expect(await status()).toMatchObject(expected);
  });

  it.each([
    'currency',
    'invoice_url',
    'amount',
    'paid_at',
    'payment_channel',
    'payment_method',
    'payment_id',
  ])('is paid when %s is null', async (field) => {
    route({ 'GET /v2/invoices/': json({ ...invoice, [field]: null }) });
    expect(await status()).toMatchObject({ kind: 'paid', amountRupiah: 150_000, currency: 'IDR' });
  });

  it('without a status is unknown, and one without an external_id is not ours', async () => {
    route({
      'GET /v2/invoices/': [json({ ...invoice, status: null }), json({ ...invoice, external_id: null })],
    });
    expect(await status()).toEqual({ kind: 'unknown', code: 'unknown_status' });
    expect(await status()).toEqual({ kind: 'unknown', code: 'wrong_order' });
  });

  it('of another product, without an external_id, does not hide the payments of a list', async () => {
    const foreign = { ...invoice, id: 'ref-2', external_id: null };
    route({ 'GET /v2/invoices?': [json([invoice, foreign]), json([])] });
    expect(await make('xendit').listPaid(range)).toMatchObject([
      { attemptId: 'a-1', gatewayRef: 'ref-1' },
      { attemptId: 'ref-2', gatewayRef: 'ref-2' },
    ]);
  });

  it('that is refused without a message is declined', async () => {
    route({
      'GET /v2/invoices?': json([]),
      'POST /v2/invoices/': json({ error_code: 'EMAIL_FORMAT_ERROR', message: null }, 400),
    });
    expect(await make('xendit').create(request('a-1'))).toMatchObject({
      kind: 'declined',
      code: 'EMAIL_FORMAT_ERROR',
    });
  });

  it('is not pending while another invoice of the attempt may be paid', async () => {
    const pending = { ...invoice, status: 'PENDING' };
    route({
      'GET /v2/invoices?': [
        json([pending, { ...invoice, status: 'NEW_STATUS' }]),
        json([pending, invoice]),
        json([]),
        json({ data: [] }),
      ],
    });
    expect(await status({})).toEqual({ kind: 'unknown', code: 'unknown_status' });
    expect(await status({})).toMatchObject({ kind: 'paid' });
    expect(await status({})).toEqual({ kind: 'not_started' });
    expect(await status({})).toEqual({ kind: 'unknown', code: 'bad_answer' });
  });

  it('is created with the methods of the storefront, and leads back to the shop', async () => {
    route({
      'GET /v2/invoices?': json([]),
      'POST /v2/invoices/': json({ ...invoice, status: 'PENDING' }),
    });
    const returnUrl = 'https://toko.test/pesanan/1';
    await make('xendit').create({ ...request('a-1'), methods: ['qris', 'gopay', 'mandiri_va'], returnUrl });
    await make('xendit').create(request('a-1'));
    const posted = seen.filter(({ method }) => method === 'POST');
    const [with_, without] = posted.map(({ body }) => JSON.parse(body) as object);
    expect(without).toMatchObject({ should_authenticate_credit_card: true });
    expect(with_).toMatchObject({
      payment_methods: ['QRIS', 'MANDIRI'],
      success_redirect_url: returnUrl,
      failure_redirect_url: returnUrl,
    });
    for (const name of ['payment_methods', 'success_redirect_url', 'failure_redirect_url'])
      expect(without).not.toHaveProperty(name);
  });

  it('is created once, even when the first answer was lost', async () => {
    const made = { ...invoice, status: 'PENDING' };
    route({ 'GET /v2/invoices?': [json([]), json([made])], 'POST /v2/invoices/': text('', 502) });
    expect(await make('xendit').create(request('a-1'))).toEqual({ kind: 'unknown', code: 'http_502' });
    expect(await make('xendit').create(request('a-1'))).toEqual({
      kind: 'active',
      url: 'https://pay.test/ref-1',
      gatewayRef: 'ref-1',
    });
    expect(seen.filter((r) => r.method === 'POST')).toHaveLength(1);
  });

  it('is declined with Xendit’s code, and only by Xendit itself', async () => {
    route({
      'GET /v2/invoices?': json([]),
      'POST /v2/invoices/': [
        json({ error_code: 'API_VALIDATION_ERROR', message: 'amount' }, 400),
        json({ error_code: `x ${keys.xendit}`, message: keys.xendit }, 400),
        json({ error_code: 'CONFLICT', message: '' }, 409),
        text('<html>', 400),
      ],
    });
    const create = () => make('xendit').create(request('a-1'));
    expect(await create()).toEqual({ kind: 'declined', code: 'API_VALIDATION_ERROR', message: 'amount' });
    expect(await create()).toEqual({ kind: 'declined', code: 'http_400', message: '[redacted]' });
    expect(await create()).toMatchObject({ kind: 'unknown' });
    expect(await create()).toMatchObject({ kind: 'unknown' });
  });

  it('that cannot be expired is read again', async () => {
    const gone = json({ error_code: 'INVOICE_NOT_FOUND_ERROR', message: 'Could not find' }, 404);
    const close = () => make('xendit').close(reference);
    route({ 'POST /invoices/ref-1/expire': gone, 'GET /v2/': json(invoice) });
    expect(await close()).toEqual({ kind: 'paid' });
    route({ 'POST /invoices/ref-1/expire': gone, 'GET /v2/': json({ ...invoice, status: 'PENDING' }) });
    expect(await close()).toEqual({ kind: 'pending' });
    route({
      'POST /invoices/ref-1/expire': text('', 503),
      'GET /v2/': json({ ...invoice, status: 'PENDING' }),
    });
    expect(await close()).toEqual({ kind: 'unknown', code: 'http_503' });
    route({ 'POST /invoices/ref-1/expire': text('{}'), 'GET /v2/': json({ ...invoice, status: 'EXPIRED' }) });
    expect(await close()).toEqual({ kind: 'closed' });
  });

  it('is listed with all others of the period, page by page', async () => {
    const at = (id: string, paidAt: string, more = {}) => ({
      ...invoice,
      id,
      external_id: id,
      paid_at: paidAt,
      ...more,
    });
    route({
      'GET /v2/invoices?': [
        json([at('p-1', '2026-01-15T00:00:00.000Z'), at('p-2', '2026-01-14T23:59:59.999Z')]),
        json([at('p-3', '2026-01-15T23:59:59.999Z'), at('p-4', '2026-01-16T00:00:00.000Z')]),
        json([at('p-5', '2026-01-15T12:00:00.000Z', { currency: 'USD', paid_amount: 1.5 })]),
        json([]),
      ],
    });
    const listed = await make('xendit').listPaid(range);
    expect(listed).toMatchObject([
      { attemptId: 'p-1', gatewayRef: 'p-1', amountRupiah: 150_000, transactionId: 'ewc-1' },
      { attemptId: 'p-3' },
    ]);
    const asked = seen.map((r) => new URL(r.url, 'http://xendit.test').searchParams);
    expect(asked[0]?.getAll('statuses')).toEqual(['PAID', 'SETTLED']);
    expect(asked.map((p) => p.get('last_invoice'))).toEqual([null, 'p-2', 'p-4', 'p-5']);
  });

  it('whose state or amount cannot be read counts as Rp 0 in the list, and the others are listed', async () => {
    route({
      'GET /v2/invoices?': [
        json([
          { ...invoice, id: 'odd-1', external_id: 'odd-1', status: 'NEW_STATUS' },
          { ...invoice, id: 'odd-2', external_id: 'odd-2', paid_amount: 0.5 },
          { id: 'odd-3', external_id: 'odd-3' },
          invoice,
        ]),
        json([]),
      ],
    });
    expect(await make('xendit').listPaid(range)).toMatchObject([
      { attemptId: 'odd-1', amountRupiah: 0, currency: 'IDR' },
      { attemptId: 'odd-2', amountRupiah: 0, currency: 'IDR' },
      { attemptId: 'odd-3', amountRupiah: 0, currency: 'IDR' },
      { attemptId: invoice.external_id, amountRupiah: 150_000 },
    ]);
  });

  it('is listed although it is the 10,001st of the day', async () => {
    const total = 10_001;
    answerAll((res, req) => {
      const last = new URL(req.url, 'http://xendit.test').searchParams.get('last_invoice');
      const from = last === null ? 0 : Number(last.slice(2)) + 1;
      const length = Math.max(0, Math.min(100, total - from));
      const page = Array.from({ length }, (_, n) => ({
        ...invoice,
        id: `p-${from + n}`,
        external_id: `a-${from + n}`,
      }));
      json(page)(res, req);
    });
    expect(await make('xendit').listPaid(range)).toHaveLength(total);
  });

  it('is listed although a page failed, was refused by the rate limiter, or asked for fewer calls', async () => {
    const next = { ...invoice, id: 'ref-2', external_id: 'a-2' };
    route({
      'GET /v2/invoices?': [
        json([invoice]),
        text('', 503),
        (res) => void res.socket?.resetAndDestroy(),
        json({ error_code: 'RATE_LIMIT_EXCEEDED', message: '' }, 429),
        json([next]),
        json([]),
      ],
    });
    let permits = 0;
    const rateLimiter = {
      acquire: () => Promise.resolve((permits += 1) % 2 === 0),
      slowDown: () => Promise.resolve(),
    };
    expect(await make('xendit', { rateLimiter }).listPaid(range)).toMatchObject([
      { attemptId: 'a-1' },
      { attemptId: 'a-2' },
    ]);
    expect(seen.map((r) => new URL(r.url, 'http://xendit.test').searchParams.get('last_invoice'))).toEqual([
      ...[null, 'ref-1', 'ref-1', 'ref-1', 'ref-1', 'ref-2'],
    ]);
  });

  it('makes the list unknown when it repeats, or when its pages fail again and again', async () => {
    route({ 'GET /v2/invoices?': [json([invoice]), json([invoice])] });
    expect(await make('xendit').listPaid(range)).toEqual({ unknown: 'bad_answer' });
    route({ 'GET /v2/invoices?': text('', 503) });
    seen.length = 0;
    expect(await make('xendit').listPaid(range)).toEqual({ unknown: 'http_503' });
    expect(seen).toHaveLength(5);
    route({ 'GET /v2/invoices?': json({ error_code: 'INVALID_API_KEY', message: '' }, 401) });
    seen.length = 0;
    expect(await make('xendit').listPaid(range)).toEqual({ unknown: 'http_401' });
    expect(seen).toHaveLength(1);
  });
});

describe('a Xendit refund', () => {
  const made = { id: 'rfd-1', invoice_id: 'ref-1', reference_id: 'rf-1', status: 'PENDING', amount: 50_000 };
  const send = (given: { method?: string } = {}) => make('xendit').refund({ ...refund, ...given });
  const error = (code: string, status = 400) => json({ error_code: code, message: 'no' }, status);

  it('is sent with its id as idempotency key, and decided by the status that the SDK drops', async () => {
    route({
      'POST /refunds': [
        json(made),
        json({ ...made, status: 'SUCCEEDED', refund_fee_amount: 500 }),
        json({ ...made, status: 'FAILED', failure_code: 'INSUFFICIENT_BALANCE' }),
        json({ ...made, status: 'REQUIRES_ACTION' }),
        json({ ...made, reference_id: 'rf-2' }),
        json({ ...made, invoice_id: 'ref-2' }),
      ],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: 'rfd-1' });
    expect(seen[0]?.headers['idempotency-key']).toBe('rf-1');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      invoice_id: 'ref-1',
      reference_id: 'rf-1',
      amount: 50_000,
      currency: 'IDR',
      reason: 'REQUESTED_BY_CUSTOMER',
    });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: 'rfd-1', feeRupiah: 500 });
    expect(await send()).toEqual({ kind: 'refused', code: 'INSUFFICIENT_BALANCE' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'unknown_status' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'wrong_refund' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'wrong_refund' });
  });

  it.each([
    ['REFUND_NOT_SUPPORTED', 400, 'not_refundable'],
    ['INELIGIBLE_TRANSACTION', 400, 'not_refundable'],
    ['PARTIAL_REFUND_NOT_SUPPORTED', 400, 'not_refundable'],
    ['INSUFFICIENT_BALANCE', 400, 'refused'],
    ['MAXIMUM_REFUND_AMOUNT_REACHED', 400, 'refused'],
    ['API_VALIDATION_ERROR', 400, 'refused'],
    ['DATA_NOT_FOUND', 404, 'refused'],
    ['UNAUTHORIZED', 403, 'not_sent'],
    ['INVALID_API_KEY', 401, 'not_sent'],
    ['CHANNEL_UNAVAILABLE', 503, 'unknown'],
    ['SERVER_ERROR', 500, 'unknown'],
  ])('that fails with %s (%i) is %s', async (code, httpStatus, kind) => {
    route({ 'POST /refunds': error(code, httpStatus) });
    expect(await send()).toEqual({ kind, code });
  });

  it.each([
    ['REFUND_IN_PROGRESS', 400],
    ['DUPLICATE_ERROR', 409],
    ['IDEMPOTENCY_ERROR', 409],
  ])('that fails with %s (%i) is looked up', async (code, httpStatus) => {
    const other = { ...made, id: 'rfd-0', reference_id: 'rf-0', status: 'SUCCEEDED' };
    route({
      'POST /refunds': error(code, httpStatus),
      'GET /refunds?': [
        json({ data: [other], has_more: true }),
        json({ data: [{ ...made, status: 'SUCCEEDED' }], has_more: false }),
        json({ data: [other], has_more: false }),
      ],
    });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: 'rfd-1' });
    expect(seen.at(-1)?.url).toContain('after_id=rfd-0');
    expect(await send()).toEqual({ kind: 'unknown', code });
  });

  it('makes no call for a method without refunds', async () => {
    for (const method of ['BANK_TRANSFER:BCA', 'RETAIL_OUTLET:ALFAMART'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'method_not_refundable' });
    expect(seen).toEqual([]);
  });

  it('finds the invoice when its id was lost', async () => {
    const { gatewayRef: _, ...lost } = refund;
    route({
      'GET /v2/invoices?': [
        json([{ ...invoice, status: 'EXPIRED', id: 'old' }, invoice]),
        json([]),
        text('', 502),
      ],
      'POST /refunds': json(made),
    });
    expect(await make('xendit').refund(lost)).toMatchObject({ kind: 'pending' });
    expect(JSON.parse(seen[1]?.body ?? '')).toMatchObject({ invoice_id: 'ref-1' });
    expect(await make('xendit').refund(lost)).toEqual({ kind: 'refused', code: 'not_paid' });
    expect(await make('xendit').refund(lost)).toEqual({ kind: 'not_sent', code: 'http_502' });
  });

  it('is none when the list lacks it, and unknown when the list cannot be read', async () => {
    route({
      'GET /refunds?': [
        json({ data: [] }),
        json({ has_more: false }),
        json({ data: [], has_more: true }),
        json({ data: [{ ...made, status: 'CANCELLED' }] }),
      ],
    });
    const ask = () => make('xendit').refundStatus(refund);
    expect(await ask()).toEqual({ kind: 'none' });
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toEqual({ kind: 'refused', code: 'CANCELLED' });
  });
});

describe('the refunds of a Xendit payment', () => {
  const made = (id: string, fields: object) => ({ id, invoice_id: 'ref-1', amount: 20_000, ...fields });
  const ask = (q: { gatewayRef: string; attemptId?: string }) => make('xendit').refundsOf?.(q);
  const list = {
    data: [
      made('rfd-1', { status: 'SUCCEEDED', reference_id: 'dashboard-1' }),
      made('rfd-2', { status: 'SUCCEEDED', reference_id: null }),
      made('rfd-3', { status: 'PENDING', reference_id: 'rf-1' }),
      made('rfd-4', { status: 'FAILED', reference_id: null }),
      made('rfd-5', { status: 'SUCCEEDED', reference_id: null, invoice_id: 'other' }),
    ],
    has_more: false,
  };

  it('are all that succeeded, whoever made them, and its invoice names the attempt', async () => {
    route({ 'GET /v2/invoices/ref-1': json(invoice), 'GET /refunds?': json(list) });
    const refunds = { kind: 'refunds', attemptId: 'a-1', refundedRupiah: 40_000 };
    expect(await ask({ gatewayRef: 'ref-1' })).toEqual(refunds);
    expect(await ask({ gatewayRef: 'ref-1', attemptId: 'a-1' })).toEqual(refunds);
    expect(seen.filter(({ url }) => url.includes('/v2/invoices'))).toHaveLength(1);
  });

  it('are none of an invoice that Xendit does not have, and unknown if it does not say', async () => {
    route({ 'GET /v2/invoices/ref-1': json({ error_code: 'INVOICE_NOT_FOUND_ERROR', message: '' }, 404) });
    expect(await ask({ gatewayRef: 'ref-1' })).toEqual({ kind: 'none' });
    expect(await ask({ gatewayRef: '../x' })).toEqual({ kind: 'none' });
    route({
      'GET /v2/invoices/ref-1': text('<html>', 404),
      'GET /refunds?': json({ data: [made('r', { status: 'SUCCEEDED', amount: 1.5 })] }),
    });
    expect(await ask({ gatewayRef: 'ref-1' })).toEqual({ kind: 'unknown', code: 'http_404' });
    expect(await ask({ gatewayRef: 'ref-1', attemptId: 'a-1' })).toEqual({
      kind: 'unknown',
      code: 'bad_amount',
    });
  });
});
