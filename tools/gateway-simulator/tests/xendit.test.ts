import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Json, type OpenSimulator, openSimulator } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
const switches = (changes: Json) => sim.control('switches', changes);
const get = async (id: string) => (await sim.xendit('GET', `/v2/invoices/${id}`)).body;
const list = async (query: string) =>
  (await sim.xendit('GET', `/v2/invoices?${query}`)).body as unknown as (Json & { id: string })[];
const arrays = [
  'available_banks',
  'available_retail_outlets',
  'available_ewallets',
  'available_qr_codes',
  'available_direct_debits',
  'available_paylaters',
];

describe('an invoice', () => {
  it('has the six arrays in every answer, with and without the trailing slash', async () => {
    const made = await sim.invoice('inv-1');
    const plain = await sim.xendit('POST', '/v2/invoices', { external_id: 'inv-1', amount: 1 });
    const expired = await sim.xendit('POST', `/invoices/${made.id}/expire%21`);
    for (const invoice of [
      made,
      plain.body,
      expired.body,
      await get(made.id),
      ...(await list('external_id=inv-1')),
    ])
      for (const name of arrays) expect(invoice[name]).toBeInstanceOf(Array);
    expect(made).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      status: 'PENDING',
      available_banks: [{ bank_code: 'BCA' }],
      available_qr_codes: [{ qr_code_type: 'QRIS' }],
    });
    // A retried create makes a second invoice.
    expect(await list('external_id=inv-1')).toHaveLength(2);
  });

  it.each<[string, Json]>([
    ['QRIS', { payment_method: 'QR_CODE', payment_channel: 'QRIS' }],
    ['DANA', { payment_method: 'EWALLET', payment_channel: 'DANA', ewallet_type: 'DANA' }],
    ['OVO', { payment_method: 'EWALLET', payment_channel: 'OVO' }],
    [
      'BCA',
      {
        payment_method: 'BANK_TRANSFER',
        payment_channel: 'BCA',
        bank_code: 'BCA',
        payment_destination: expect.any(String),
      },
    ],
    ['ALFAMART', { payment_method: 'RETAIL_OUTLET', payment_channel: 'ALFAMART' }],
    ['CREDIT_CARD', { payment_method: 'CREDIT_CARD', credit_card_charge_id: expect.any(String) }],
  ])('paid with %s has these fields in its webhook and in reads', async (method, fields) => {
    const externalId = `paid-${method}`;
    const { id } = await sim.invoice(externalId);
    await sim.control('pay', { orderId: externalId, method });
    const told = await sim.hookWhere(({ body }) => body.external_id === externalId);
    const expected = {
      ...fields,
      id,
      status: 'PAID',
      amount: 150_000,
      paid_amount: 150_000,
      currency: 'IDR',
    };
    expect(told.body).toMatchObject({ ...expected, is_high: false });
    expect('event' in told.body || 'metadata' in told.body || 'fees_paid_amount' in told.body).toBe(false);
    expect(await get(id)).toMatchObject(expected);
  });

  it('is settled without a webhook, unless a switch asks for one', async () => {
    const { id } = await sim.invoice('inv-2');
    await sim.control('pay', { orderId: 'inv-2' });
    await sim.control('settle', { orderId: 'inv-2' });
    expect((await get(id)).status).toBe('SETTLED');
    await switches({ xenditSettledWebhook: true });
    await sim.invoice('inv-3');
    await sim.control('pay', { orderId: 'inv-3' });
    await sim.control('settle', { orderId: 'inv-3' });
    await sim.hookWhere(({ body }) => body.external_id === 'inv-3' && body.status === 'SETTLED');
    expect(sim.hooksOf('inv-2').map(({ body }) => body.status)).toEqual(['PAID']);
    await switches({ xenditSettledWebhook: false });
  });

  it('paid after expiry is reported as paid and reads as expired', async () => {
    const { id } = await sim.invoice('late-1');
    await sim.xendit('POST', `/invoices/${id}/expire!`);
    expect((await sim.control('pay', { orderId: 'late-1' })).status).toBe(409);
    expect((await sim.control('pay', { orderId: 'late-1', evenIfClosed: true })).status).toBe(200);
    const told = await sim.hookWhere((h) => h.body.external_id === 'late-1' && h.body.status === 'PAID');
    expect(told.body).toMatchObject({ id, paid_amount: 150_000 });
    const read = await get(id);
    expect([read.status, 'paid_amount' in read]).toEqual(['EXPIRED', false]);
    expect(await sim.show<Json[]>('payments')).toContainEqual(expect.objectContaining({ orderId: 'late-1' }));
  });

  it('has another paid amount, and the fee of a switch', async () => {
    await switches({ xenditFeeRupiah: 4440 });
    const { id } = await sim.invoice('inv-4');
    await sim.control('pay', { orderId: 'inv-4', amountRupiah: 149_000 });
    expect(await get(id)).toMatchObject({ amount: 150_000, paid_amount: 149_000, fees_paid_amount: 4440 });
    await switches({ xenditFeeRupiah: null });
  });

  it('that is not pending cannot be expired', async () => {
    const { id } = await sim.invoice('inv-5');
    await sim.control('pay', { orderId: 'inv-5' });
    const expire = () => sim.xendit('POST', `/invoices/${id}/expire!`);
    const refused = await expire();
    expect([refused.status, refused.body]).toEqual([
      404,
      { error_code: 'INVOICE_NOT_FOUND_ERROR', message: 'Could not find and update PENDING invoice' },
    ]);
    await switches({ xenditExpireErrorStatus: 400 });
    expect((await expire()).status).toBe(400);
    await switches({ xenditExpireErrorStatus: 404 });
  });

  it('stays pending after a failed attempt, without a webhook', async () => {
    const { id } = await sim.invoice('inv-6');
    expect((await sim.control('deny', { orderId: 'inv-6' })).status).toBe(200);
    expect((await get(id)).status).toBe('PENDING');
    expect((await sim.control('pay', { orderId: 'inv-6' })).status).toBe(200);
    await sim.hookWhere((h) => h.body.external_id === 'inv-6');
    expect(sim.hooksOf('inv-6')).toHaveLength(1);
  });
});

describe('the list of invoices', () => {
  it('is filtered as by the SDK, and paged by last_invoice, newest first', async () => {
    const ids = [];
    for (let i = 0; i < 4; i += 1) ids.unshift((await sim.invoice('list-1')).id);
    const found = async (query: string) => (await list(`external_id=list-1&${query}`)).map(({ id }) => id);
    expect(await found('limit=2')).toEqual(ids.slice(0, 2));
    expect(await found(`limit=2&last_invoice=${ids[1]}`)).toEqual(ids.slice(2));
    expect(await found(`last_invoice=${ids[3]}`)).toEqual([]);

    await sim.xendit('POST', `/invoices/${ids[0]}/expire!`);
    await sim.control('pay', { orderId: 'list-1', method: 'DANA' });
    expect(await found('statuses=PAID')).toEqual([ids[1]]);
    expect(await found('statuses=PAID&statuses=EXPIRED')).toEqual(ids.slice(0, 2));
    expect(await found('payment_channels=DANA')).toEqual([ids[1]]);
    const hour = (n: number) => encodeURIComponent(new Date(Date.now() + n * 3_600_000).toISOString());
    expect(await found(`paid_after=${hour(-1)}`)).toEqual([ids[1]]);
    expect(await found(`paid_after=${hour(-1)}&paid_before=${hour(1)}`)).toEqual([ids[1]]);
    expect(await found(`paid_before=${hour(-1)}`)).toEqual([]);
    expect(await found(`created_after=${hour(-1)}&created_before=${hour(1)}`)).toHaveLength(4);
    expect(await found(`created_after=${hour(1)}`)).toEqual([]);
    expect(await found(`expired_after=${hour(23)}&expired_before=${hour(25)}`)).toHaveLength(4);
    expect(await found('recurring_payment_id=x')).toEqual([]);
    expect((await sim.xendit('GET', '/v2/invoices?limit=x')).body).toMatchObject({
      error_code: 'API_VALIDATION_ERROR',
      errors: [{ path: 'limit' }],
    });
  });
});

describe('an invalid create', () => {
  const create = (more: Json) =>
    sim.xendit('POST', '/v2/invoices/', { external_id: 'bad', amount: 1000, ...more });
  const codeOf = ({ status, body }: Answer) => [status, body.error_code];

  it.each<[Json, string]>([
    [{ amount: '1000' }, 'API_VALIDATION_ERROR'],
    [{ amount: 0 }, 'AMOUNT_BELOW_MINIMUM_LIMIT'],
    [{ currency: 'USD' }, 'UNSUPPORTED_CURRENCY'],
    [{ payer_email: 'no-address' }, 'EMAIL_FORMAT_ERROR'],
    [{ reminder_time: -1 }, 'INVALID_REMINDER_TIME'],
    [{ payment_methods: ['CASH'] }, 'UNAVAILABLE_PAYMENT_METHOD_ERROR'],
    [{ payment_methods: [] }, 'NO_COLLECTION_METHODS_ERROR'],
  ])('with %j is %s', async (more, code) => {
    expect(codeOf(await create(more))).toEqual([400, code]);
  });

  it('is refused for its key, its JSON, or by a switch', async () => {
    const denied = await sim.xendit('POST', '/v2/invoices/', {}, { authorization: 'Basic d3Jvbmc6' });
    expect(codeOf(denied)).toEqual([401, 'INVALID_API_KEY']);
    const authorization = `Basic ${Buffer.from('xnd_development_test:').toString('base64')}`;
    const broken = await sim.call('/v2/invoices/', { method: 'POST', body: '{', headers: { authorization } });
    expect(codeOf(broken)).toEqual([400, 'INVALID_JSON_FORMAT']);
    await switches({ xenditCreateError: 'REQUEST_FORBIDDEN_ERROR' });
    expect(codeOf(await create({}))).toEqual([403, 'REQUEST_FORBIDDEN_ERROR']);
    await switches({ xenditCreateError: null, xenditUniqueExternalId: true, xenditCreateStatus: 201 });
    expect((await create({ external_id: 'unique' })).status).toBe(201);
    expect(codeOf(await create({ external_id: 'unique' }))).toEqual([409, 'DUPLICATE_ERROR']);
    await switches({ xenditUniqueExternalId: false, xenditCreateStatus: 200 });
    expect((await sim.xendit('GET', '/v2/invoices/nothing')).body.error_code).toBe('INVOICE_NOT_FOUND_ERROR');
  });
});
