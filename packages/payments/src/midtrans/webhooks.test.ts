import { describe, expect, it } from 'vitest';
import { midtransWebhooks } from './webhooks.ts';

const key = 'SB-Mid-server-DUMMYKEY1234567890';
const signed = (statusCode: string, signature: string, grossAmount = '150000.00') => ({
  order_id: 'INV-2026-000123-1',
  status_code: statusCode,
  gross_amount: grossAmount,
  signature_key: signature,
  transaction_id: '7b0f7c52-3a61-4a57-9a0e-3f8f6e0b1c2d',
  transaction_status: 'settlement',
});
const vectors: [string, string][] = [
  [
    '200',
    '893bf1c3bdae81e6a4355e3bc3d6f16487989272527b16601225ef7527f8b22a25c4c7bbadc8721c3baff5f83b6a1dd1fb653e28b565d6449094ffab6a0b1aa9',
  ],
  [
    '201',
    'ad4559bca4c48737504ca84e9ada992c0cd6a8162f49f8ff94c98f4d651fba534c295eeb460d7868a6566280803d2a5f61dd3200f4a064c4a9172f63b5605237',
  ],
  [
    '202',
    'fea6a53ce19005dc3a1dd1f35790d2adceffcc4c8a31a59ce09ded6513a73a7df151e893471473fb057305bab3454e6182e0582d562779c3ff5c1339bdb31414',
  ],
  [
    '407',
    '06c966fee4bb511e95d30d7f036f84aa17700a9c87dd11b9ffe7c1840a7d0a71440315fe22b02b6863ae4aa2179bf668d4d4a74ea7d306aff23b2b4ebeeb2bde',
  ],
];
const wrongAmount =
  'f9b7ef142b25b51a0e2eec1b0dd2be7a2f7c9a42a93440786b9431020ad9f5bc9915688c1af7ad33f5e8bb77813b5fb0562a375b42b5dfd8a6e7141cc665b0ad';
const settled = signed('200', vectors[0]?.[1] ?? '');
const receive = (body: unknown, keys: readonly string[] = [key]) =>
  midtransWebhooks.receive({ headers: {}, body }, keys);

describe('a notification of Midtrans', () => {
  it.each(vectors)(
    'is accepted with the signature of the documented example for status code %s',
    (code, signature) => {
      const body = signed(code, signature);
      const { signature_key: _, ...payload } = body;
      expect(receive(body, ['another key', key])).toEqual({
        kind: 'payment',
        attemptId: 'INV-2026-000123-1',
        transactionId: '7b0f7c52-3a61-4a57-9a0e-3f8f6e0b1c2d',
        dedupeKey: expect.any(String),
        claim: { claimsPaid: code === '200', claimedRupiah: 150_000 },
        payload,
      });
    },
  );

  it.each(['transaction_id', 'transaction_status', 'fraud_status', 'metadata', 'refunds'])(
    'is accepted when %s is null',
    (field) => {
      const event = receive({ ...settled, [field]: null });
      expect(event).toMatchObject({ kind: 'payment', attemptId: 'INV-2026-000123-1' });
      if (field === 'transaction_id') expect(event).not.toHaveProperty('transactionId');
      const claimsPaid = field !== 'transaction_status';
      expect(event).toMatchObject({ claim: { claimsPaid, claimedRupiah: 150_000 } });
    },
  );

  it('claims all that the customer paid, and stores what explains a fee', () => {
    const metadata = {
      extra_info: {
        gross_amount_info: {
          ...{ original_amount: '149929', gross_amount: '150000' },
          customer_imposed_payment_fee: '71',
        },
      },
    };
    expect(receive({ ...settled, metadata })).toMatchObject({
      claim: { claimsPaid: true, claimedRupiah: 150_000 },
      payload: { metadata },
    });
  });

  it('is one event whatever fields come with it that say nothing about the payment', () => {
    const keyOf = (change: object) => {
      const event = receive({ ...settled, ...change });
      return event.kind === 'payment' ? event.dedupeKey : event;
    };
    const altered = Array.from({ length: 200 }, (_, n) => keyOf({ custom_field1: `x${n}`, unknown: { n } }));
    expect(new Set([keyOf({}), ...altered]).size).toBe(1);
    const facts = [
      ...[{}, { transaction_status: 'refund' }, { transaction_id: 'another' }, { fraud_status: 'deny' }],
      ...[{ refund_amount: '1.00' }, { settlement_time: '2026-01-15 09:31:03' }],
      { refunds: [{ refund_key: 'rf-1' }] },
      { refunds: [{ refund_key: 'rf-1', bank_confirmed_at: '2026-01-16 10:00:00' }] },
    ];
    expect(new Set(facts.map(keyOf)).size).toBe(facts.length);
  });

  it('stores its refunds, currency and fraud status, and ignores malformed fields', () => {
    const told = {
      ...settled,
      currency: 'IDR',
      fraud_status: 'accept',
      refunds: [{ refund_key: 'rf-1', bank_confirmed_at: '2026-01-16 10:00:00' }, { refund_amount: '1.00' }],
    };
    expect(receive(told)).toMatchObject({
      payload: { currency: 'IDR', fraud_status: 'accept', refunds: told.refunds },
    });
    expect(receive({ ...settled, refunds: 'none' })).toMatchObject({ kind: 'payment' });
  });

  it.each([
    ['a signature over another amount text', signed('200', wrongAmount), [key]],
    ['another amount', signed('200', vectors[0]?.[1] ?? '', '1.00'), [key]],
    ['a signature that is not hex', signed('200', 'zz'.repeat(64)), [key]],
    ['a short signature', signed('200', 'ab'), [key]],
    ['another key', settled, ['SB-Mid-server-other']],
    ['no key', settled, []],
    ['an empty body', {}, [key]],
    ['null', null, [key]],
  ])('is refused with %s', (_name, body, keys) => {
    expect(receive(body, keys)).toMatchObject({ kind: 'unauthorized' });
  });

  it('without a body is reported as such', () => {
    expect(receive(undefined)).toEqual({ kind: 'without_body' });
  });
});

describe('the claim of a stored notification', () => {
  const claims = { transaction_status: 'settlement', status_code: '200', gross_amount: '150000.00' };
  it.each([
    [{}, true],
    [{ transaction_status: 'SETTLEMENT' }, true],
    [{ transaction_status: 'capture', fraud_status: 'accept' }, true],
    [{ transaction_status: 'capture', fraud_status: 'challenge' }, false],
    [{ status_code: '201' }, false],
    [{ transaction_status: 'pending' }, false],
    [{ transaction_status: 'refund' }, false],
    [{ transaction_status: 'chargeback' }, false],
    [{ transaction_status: undefined }, false],
  ])('%o: paid is %s', (fields, claimsPaid) => {
    expect(midtransWebhooks.claimOf({ ...claims, ...fields })).toEqual({
      claimsPaid,
      claimedRupiah: 150_000,
    });
  });

  it.each(['1.50', 'much', '0.00', '-1.00', undefined, null])('has no amount for %o', (gross_amount) => {
    expect(midtransWebhooks.claimOf({ ...claims, gross_amount }).claimedRupiah).toBeNull();
  });
});
