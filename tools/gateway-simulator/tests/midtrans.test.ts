import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moves } from '../src/midtrans-transactions.ts';
import { sign } from '../src/midtrans-wire.ts';
import { type Json, type OpenSimulator, openSimulator, serverKey, snap } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
const switches = (changes: Json) => sim.control('switches', changes);

describe('the table of transaction states', () => {
  it('has only known states, and ends', () => {
    const states = new Set(Object.keys(moves));
    for (const next of Object.values(moves)) for (const state of next) expect(states).toContain(state);
    expect(Object.entries(moves).flatMap(([state, next]) => (next.length === 0 ? [state] : []))).toEqual([
      'deny',
      'refund',
      'chargeback',
    ]);
  });

  it('accepts late payments only after cancel and expire, and never returns to pending', () => {
    expect([moves.cancel, moves.expire]).toEqual([['settlement'], ['settlement']]);
    expect(Object.values(moves).flat()).not.toContain('pending');
  });
});

it('the signature equals the documented example', () => {
  const body = { order_id: 'INV-2026-000123-1', status_code: '200', gross_amount: '150000.00' };
  expect(sign(body, 'SB-Mid-server-DUMMYKEY1234567890')).toMatch(/^893bf1c3bdae81e6a4355e3bc3d6f164/);
  expect(sign({ ...body, gross_amount: '150000' }, 'SB-Mid-server-DUMMYKEY1234567890')).toMatch(
    /^f9b7ef142b25b51a/,
  );
});

describe('a Snap page', () => {
  it('has no transaction until a method is chosen', async () => {
    await sim.page('page-1');
    const before = await sim.midtrans('GET', '/v2/page-1/status');
    expect([before.status, before.body.status_code]).toEqual([200, '404']);
    expect((await sim.midtrans('POST', '/v2/page-1/cancel', null)).body.status_code).toBe('404');
    await sim.control('choose', { orderId: 'page-1', method: 'bca_va' });
    expect(await sim.status('page-1')).toMatchObject({ status_code: '201', transaction_status: 'pending' });
  });

  it('is created again with the same order id until a method is chosen, and the old token becomes invalid', async () => {
    const first = await sim.page('page-2');
    const second = await sim.page('page-2');
    expect(second).not.toBe(first);
    expect((await sim.midtrans('POST', `/snap/v1/transactions/${first}/cancel`)).status).toBe(404);
    await sim.control('choose', { orderId: 'page-2' });
    const taken = await sim.midtrans('POST', '/snap/v1/transactions', snap('page-2'));
    expect([taken.status, taken.body]).toEqual([
      400,
      { error_messages: ['transaction_details.order_id has already been taken'] },
    ]);
    expect((await sim.midtrans('POST', `/snap/v1/transactions/${second}/cancel`)).body).toEqual({
      error_messages: ['Transaction is on progress'],
    });
    await sim.control('pay', { orderId: 'page-2' });
    expect((await sim.midtrans('POST', '/snap/v1/transactions', snap('page-2'))).text).toContain(
      'paid and utilized',
    );
  });

  it('is cancelled once, by its token', async () => {
    const token = await sim.page('page-3');
    const cancel = () => sim.midtrans('POST', `/snap/v1/transactions/${token}/cancel`);
    expect((await cancel()).body).toEqual({ canceled_at: expect.any(String) });
    expect([(await cancel()).status, (await cancel()).body]).toEqual([
      400,
      { error_messages: ['token already canceled'] },
    ]);
    expect((await sim.control('pay', { orderId: 'page-3' })).status).toBe(409);
  });

  it('leaves the order id free after a cancel, and the id finds the latest transaction', async () => {
    await sim.page('page-4');
    await sim.control('choose', { orderId: 'page-4' });
    const old = (await sim.status('page-4')).transaction_id;
    await sim.midtrans('POST', '/v2/page-4/cancel', null);
    await sim.page('page-4');
    await sim.control('choose', { orderId: 'page-4', method: 'gopay' });
    expect(await sim.status('page-4')).toMatchObject({
      payment_type: 'gopay',
      transaction_status: 'pending',
    });
    expect(await sim.status(String(old))).toMatchObject({ transaction_status: 'cancel', order_id: 'page-4' });
    await sim.control('notify', { orderId: 'page-4', gatewayRef: old });
    await sim.hookWhere(({ body }) => body.transaction_id === old && body.transaction_status === 'cancel');
  });

  it('expires without a webhook, and a chosen code outlives it', async () => {
    const expired = {
      page_expiry: { duration: 1, unit: 'minute' },
      expiry: { duration: 2, unit: 'hour', start_time: '2020-01-01 00:00:00 +0700' },
    };
    await sim.page('page-5', expired);
    expect((await sim.control('expire', { orderId: 'page-5' })).status).toBe(200);
    expect((await sim.control('choose', { orderId: 'page-5' })).status).toBe(409);
    expect(sim.hooksOf('page-5')).toEqual([]);

    const token = await sim.page('page-6', {
      enabled_payments: ['bca_va'],
      page_expiry: { duration: 1, unit: 'minute' },
    });
    await sim.control('choose', { orderId: 'page-6' });
    expect(await sim.status('page-6')).toMatchObject({ expiry_time: expect.any(String) });
    const page = await sim.call(`/snap/v3/redirection/${token}`, {});
    expect(page.text).toMatch(/Nomor virtual account<\/dt><dd>\d{12}/);
    expect((await sim.control('pay', { orderId: 'page-6' })).status).toBe(200);
  });

  it('accepts another method after a denial, as a new transaction with the same order id', async () => {
    await sim.page('page-7');
    await sim.control('deny', { orderId: 'page-7', method: 'credit_card' });
    const denied = await sim.status('page-7');
    expect(denied).toMatchObject({ status_code: '202', transaction_status: 'deny', fraud_status: 'deny' });
    expect((await sim.control('pay', { orderId: 'page-7', method: 'qris' })).status).toBe(200);
    const paid = await sim.status('page-7');
    expect(paid).toMatchObject({ status_code: '200', transaction_status: 'settlement' });
    expect(paid.transaction_id).not.toBe(denied.transaction_id);
  });

  it.each([
    [{ transaction_details: { gross_amount: 1 } }, 'transaction_details.order_id is required'],
    [
      { transaction_details: { order_id: 'a/b', gross_amount: 1 } },
      'transaction_details.order_id is invalid',
    ],
    [{ item_details: [{ name: 'x', price: 1, quantity: 1 }] }, 'not equal to the sum of item_details'],
    [{ expiry: { duration: 8, unit: 'days' } }, 'expiry.duration is invalid'],
    [{ enabled_payments: ['nothing_known'] }, 'No payment channels available'],
  ])('refuses a create with %j', async (more, message) => {
    const refused = await sim.midtrans('POST', '/snap/v1/transactions', snap('page-8', more));
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining(message)]);
  });

  it('has its messages in Indonesian by a switch', async () => {
    await switches({ midtransLanguage: 'id' });
    try {
      await sim.page('page-9');
      await sim.control('choose', { orderId: 'page-9' });
      expect((await sim.midtrans('POST', '/snap/v1/transactions', snap('page-9'))).body).toEqual({
        error_messages: ['transaction_details.order_id sudah digunakan'],
      });
      expect(
        (await sim.midtrans('POST', '/snap/v1/transactions', { transaction_details: { gross_amount: 1 } }))
          .text,
      ).toContain('order_id wajib diisi');
    } finally {
      await switches({ midtransLanguage: 'en' });
    }
  });
});

describe('Core', () => {
  it('refuses a wrong key in the format of each API', async () => {
    const authorization = 'Basic d3Jvbmc6';
    const snapDenied = await sim.midtrans('POST', '/snap/v1/transactions', snap('x'), { authorization });
    expect([snapDenied.status, snapDenied.body.error_messages]).toEqual([
      401,
      [expect.any(String), expect.any(String)],
    ]);
    const coreDenied = await sim.midtrans('GET', '/v2/x/status', undefined, { authorization });
    expect([coreDenied.status, coreDenied.body.status_code]).toEqual([401, '401']);
  });

  it('accepts the bodies that the SDK sends: {} on a GET, null on a POST', async () => {
    expect(await sim.getWithBody('/v2/nothing/status')).toBe(200);
    expect((await sim.midtrans('POST', '/v2/nothing/expire', null)).status).toBe(200);
  });

  it('expires a transaction with 407, notifies 202, and then reads 407', async () => {
    await sim.page('core-1');
    await sim.control('choose', { orderId: 'core-1' });
    const expired = await sim.midtrans('POST', '/v2/core-1/expire', null);
    expect([expired.status, expired.body]).toEqual([
      200,
      expect.objectContaining({ status_code: '407', transaction_status: 'expire' }),
    ]);
    const { body } = await sim.hookWhere(
      (h) => h.body.order_id === 'core-1' && h.body.transaction_status === 'expire',
    );
    expect(body.status_code).toBe('202');
    expect((await sim.status('core-1')).status_code).toBe('407');
    expect((await sim.midtrans('POST', '/v2/core-1/cancel', null)).body.status_code).toBe('412');
  });

  it('cancels, and a switch sets the status code of later reads', async () => {
    await sim.page('core-2');
    await sim.control('choose', { orderId: 'core-2' });
    expect((await sim.midtrans('POST', '/v2/core-2/cancel', null)).body).toMatchObject({
      status_code: '200',
      transaction_status: 'cancel',
    });
    expect((await sim.status('core-2')).status_code).toBe('200');
    await switches({ midtransCancelledStatusCode: '202' });
    expect((await sim.status('core-2')).status_code).toBe('202');
    await switches({ midtransCancelledStatusCode: '200' });
  });

  it('answers errors with real HTTP statuses by a switch', async () => {
    await switches({ midtransTrueHttpStatus: true });
    expect((await sim.midtrans('GET', '/v2/nothing/status')).status).toBe(404);
    await switches({ midtransTrueHttpStatus: false });
  });

  it('answers an id with a slash in its other format', async () => {
    const lost = await sim.midtrans('GET', '/v2/a/1/x/status');
    expect([lost.status, lost.body]).toEqual([
      404,
      expect.objectContaining({ status: 404, path: '/v2/a/1/x/status' }),
    ]);
  });

  it('replays the stored answer for a repeated Idempotency-Key', async () => {
    await sim.page('core-3');
    await sim.control('choose', { orderId: 'core-3' });
    const cancel = () => sim.midtrans('POST', '/v2/core-3/cancel', null, { 'idempotency-key': 'once' });
    const first = await cancel();
    expect((await cancel()).text).toBe(first.text);
    expect((await sim.midtrans('POST', '/v2/core-3/cancel', null)).body.status_code).toBe('412');
  });

  it('reports the transactions of a b2b status', async () => {
    await sim.page('core-4');
    await sim.control('pay', { orderId: 'core-4' });
    expect((await sim.midtrans('GET', '/v2/core-4/status/b2b')).body).toMatchObject({
      transactions: [{ order_id: 'core-4', transaction_status: 'settlement' }],
    });
  });
});

describe('payment methods', () => {
  it.each<[string, Json]>([
    ['qris', { payment_type: 'qris', transaction_type: 'off-us', issuer: 'dana', acquirer: 'gopay' }],
    ['gopay', { payment_type: 'gopay', merchant_cross_reference_id: expect.any(String) }],
    ['shopeepay', { payment_type: 'shopeepay', shopeepay_reference_number: expect.any(String) }],
    ['dana', { payment_type: 'dana' }],
    ['ovo', { payment_type: 'ovo', payer_phone_number: expect.any(String) }],
    [
      'bca_va',
      {
        payment_type: 'bank_transfer',
        va_numbers: [{ bank: 'bca', va_number: expect.stringMatching(/^\d{12}$/) }],
        payment_amounts: [{ paid_at: expect.any(String), amount: '150000.00' }],
      },
    ],
    ['permata_va', { payment_type: 'bank_transfer', permata_va_number: expect.any(String) }],
    [
      'bsi_va',
      { payment_type: 'bank_transfer', va_numbers: [{ bank: 'bsi', va_number: expect.any(String) }] },
    ],
    ['echannel', { payment_type: 'echannel', biller_code: '70012', bill_key: expect.any(String) }],
    ['indomaret', { payment_type: 'cstore', store: 'indomaret', approval_code: expect.any(String) }],
    ['alfamart', { payment_type: 'cstore', store: 'alfamart', payment_code: expect.any(String) }],
    ['kredivo', { payment_type: 'kredivo' }],
    ['akulaku', { payment_type: 'akulaku' }],
  ])('%s is paid with its own fields and a valid signature', async (method, fields) => {
    const orderId = `method-${method.replace('_', '-')}`;
    await sim.page(orderId, { custom_field1: 'satu', custom_field3: 'tiga' });
    expect((await sim.control('choose', { orderId, method })).status).toBe(200);
    expect((await sim.control('pay', { orderId })).status).toBe(200);
    const { body } = await sim.hookWhere(
      (h) => h.body.order_id === orderId && h.body.transaction_status === 'settlement',
    );
    expect(body).toMatchObject({
      ...fields,
      status_code: '200',
      custom_field1: 'satu',
      custom_field3: 'tiga',
    });
    expect('fraud_status' in body).toBe(method !== 'indomaret');
    expect('va_numbers' in body).toBe(method === 'bca_va' || method === 'bsi_va');
    const signed = `${orderId}200150000.00${serverKey}`;
    expect(body.signature_key).toBe(createHash('sha512').update(signed).digest('hex'));
    const isBiSnap = method === 'dana' || method === 'bsi_va';
    const read = await sim.status(isBiSnap ? String(body.transaction_id) : orderId);
    expect(read).toMatchObject({ ...fields, custom_field1: 'satu' });
    expect(read.order_id).toBe(isBiSnap ? read.transaction_id : orderId);
  });

  it('a card is captured, and settled later', async () => {
    await sim.page('card-1');
    await sim.control('pay', { orderId: 'card-1', method: 'credit_card' });
    expect(await sim.status('card-1')).toMatchObject({
      transaction_status: 'capture',
      fraud_status: 'accept',
      status_code: '200',
      masked_card: expect.any(String),
      channel_response_code: '00',
    });
    expect((await sim.control('settle', { orderId: 'card-1' })).status).toBe(200);
    expect(await sim.status('card-1')).toMatchObject({ transaction_status: 'settlement' });
    expect((await sim.control('settle', { orderId: 'card-1' })).status).toBe(409);
  });

  it('a challenged card is unpaid until the merchant approves it, and refused if the merchant denies it', async () => {
    await switches({ midtransCard: 'challenge' });
    for (const [action, state] of [
      ['approve', { transaction_status: 'capture', fraud_status: 'accept', status_code: '200' }],
      ['deny', { transaction_status: 'deny', status_code: '202' }],
    ] as const) {
      const orderId = `card-2-${action}`;
      await sim.page(orderId);
      await sim.control('pay', { orderId, method: 'credit_card' });
      expect(await sim.status(orderId)).toMatchObject({ fraud_status: 'challenge', status_code: '201' });
      await sim.midtrans('POST', `/v2/${orderId}/${action}`, null);
      expect(await sim.status(orderId)).toMatchObject(state);
      const payments = await sim.show<{ orderId: string }[]>('payments');
      expect(payments.some((p) => p.orderId === orderId)).toBe(action === 'approve');
    }
    await switches({ midtransCard: 'capture' });
  });

  it('an authorized card is captured in steps', async () => {
    await switches({ midtransCard: 'authorize' });
    await sim.page('card-3');
    await sim.control('pay', { orderId: 'card-3', method: 'credit_card' });
    await switches({ midtransCard: 'capture' });
    const seen = [(await sim.status('card-3')).transaction_status];
    for (let i = 0; i < 2; i += 1) {
      await sim.control('settle', { orderId: 'card-3' });
      seen.push((await sim.status('card-3')).transaction_status);
    }
    expect(seen).toEqual(['authorize', 'capture', 'settlement']);
  });

  it('DANA is pending as in its sample by a switch', async () => {
    await switches({ midtransDanaSample: true, midtransBiSnapByOrderId: true });
    await sim.page('dana-1');
    await sim.control('choose', { orderId: 'dana-1', method: 'dana' });
    expect(await sim.status('dana-1')).toMatchObject({ status_code: '200', transaction_status: 'PENDING' });
    await switches({ midtransDanaSample: false, midtransBiSnapByOrderId: false });
  });

  it('BI-SNAP payments are found only by transaction id, or by a switch by order id too', async () => {
    await sim.page('bsi-1');
    await sim.control('choose', { orderId: 'bsi-1', method: 'bsi_va' });
    await switches({ midtransBiSnapByOrderId: true });
    const id = String((await sim.status('bsi-1')).transaction_id);
    await switches({ midtransBiSnapByOrderId: false });
    expect((await sim.status('bsi-1')).status_code).toBe('404');
    expect((await sim.status(id)).status_code).toBe('201');
  });
});

describe('a payment that is late, wrong or taken back', () => {
  it('settles after expiry', async () => {
    await sim.page('late-1');
    await sim.control('choose', { orderId: 'late-1', method: 'bca_va' });
    await sim.control('expire', { orderId: 'late-1' });
    expect((await sim.control('pay', { orderId: 'late-1' })).status).toBe(409);
    expect((await sim.control('pay', { orderId: 'late-1', evenIfClosed: true })).status).toBe(200);
    expect(await sim.status('late-1')).toMatchObject({ transaction_status: 'settlement' });
    expect((await sim.control('pay', { orderId: 'late-1', evenIfClosed: true })).status).toBe(409);
  });

  it('settles with another amount', async () => {
    await sim.page('late-2');
    await sim.control('pay', { orderId: 'late-2', amountRupiah: 151_000 });
    expect(await sim.status('late-2')).toMatchObject({ gross_amount: '151000.00' });
  });

  it('is reversed, and charged back in part and in full', async () => {
    await sim.page('back-1');
    await sim.control('pay', { orderId: 'back-1' });
    await sim.control('reverse', { orderId: 'back-1' });
    expect(await sim.status('back-1')).toMatchObject({ transaction_status: 'deny', status_code: '202' });

    await sim.page('back-2');
    await sim.control('pay', { orderId: 'back-2' });
    await sim.control('chargeback', { orderId: 'back-2', amountRupiah: 50_000 });
    expect(await sim.status('back-2')).toMatchObject({ transaction_status: 'partial_chargeback' });
    expect((await sim.control('chargeback', { orderId: 'back-2', amountRupiah: 100_001 })).status).toBe(409);
    await sim.control('chargeback', { orderId: 'back-2' });
    expect(await sim.status('back-2')).toMatchObject({ transaction_status: 'chargeback' });

    const ledger = await sim.show<Json[]>('ledger');
    expect(ledger).toContainEqual(
      expect.objectContaining({ orderId: 'back-1', paidRupiah: 150_000, returnedRupiah: 150_000 }),
    );
    expect(ledger).toContainEqual(
      expect.objectContaining({
        orderId: 'back-2',
        returned: [
          expect.objectContaining({ kind: 'chargeback', amountRupiah: 50_000 }),
          expect.objectContaining({ kind: 'chargeback', amountRupiah: 100_000 }),
        ],
      }),
    );
  });
});

it('Midtrans notifies the addresses of the create, in place of the shop or besides it', async () => {
  const create = (orderId: string, headers: Record<string, string>) =>
    sim.midtrans('POST', '/snap/v1/transactions', snap(orderId), headers);
  await create('override-1', { 'x-override-notification': `${sim.shopUrl}/one, ${sim.shopUrl}/two` });
  await create('append-1', { 'x-append-notification': `${sim.shopUrl}/three` });
  await sim.control('pay', { orderId: 'override-1' });
  await sim.control('pay', { orderId: 'append-1' });
  for (const [path, id] of [
    ['/one', 'override-1'],
    ['/two', 'override-1'],
    ['/midtrans', 'append-1'],
    ['/three', 'append-1'],
  ])
    await sim.hookWhere((h) => h.path === path && h.body.order_id === id);
  expect(sim.hooksOf('override-1').map(({ path }) => path)).not.toContain('/midtrans');
});
