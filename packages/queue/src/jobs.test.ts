import { expect, it } from 'vitest';
import { JOBS, sameWork, sweptJobId } from './jobs.ts';

it('apply-payment-event accepts an older job, which has no claim', () => {
  const event = {
    ...{ gateway: 'midtrans', attemptId: 'a-1', transactionId: 'tx-1', dedupeKey: 'd', requestId: 'r' },
    payload: { transaction_status: 'settlement', status_code: '200' },
  };
  const { payload: schema } = JOBS['apply-payment-event'];
  expect(schema.parse(event)).toEqual(event);
  const read = { ...event, claim: { claimsPaid: true, claimedRupiah: null } };
  expect(schema.parse(read)).toEqual(read);
  expect(schema.safeParse({ ...event, gateway: 'bank_transfer' }).success).toBe(false);
});

it('reserve-order accepts an older job, which has no settings of the storefront, and ignores what a newer one adds', () => {
  const { payload } = JOBS['reserve-order'];
  const older = {
    ...{ orderId: '7c0f6f0e-1f5b-8c3a-9d2e-5b8f4a1c2d3e', storefrontId: 'toko', idempotencyKey: 'k' },
    ...{ fingerprint: 'f', requestId: 'r', acceptedAtMs: 1, shippingFeeRupiah: 0 },
    customer: { name: 'Siti', email: 'siti@example.test', phone: '0812' },
    items: [{ sku: 'KOPI', quantity: 1 }],
    paymentMethod: 'online',
  };
  expect(payload.parse(older)).toEqual(older);
  const settings = { timeToPayMinutes: 45, offeredMethods: ['online'], returnUrl: 'https://toko.test/' };
  expect(payload.parse({ ...older, ...settings, later: 1 })).toEqual({ ...older, ...settings });
});

it('a report of a gateway and a day is the same work in every round, and another day is other work', () => {
  const work = (of: string, round: number) =>
    sameWork('settlement-report', sweptJobId('settlement-report', of, round));
  expect(work('midtrans-2026-12-12', 82_000)).toBe('settlement-report-midtrans-2026-12-12');
  expect(work('midtrans-2026-12-12', 82_001)).toBe(work('midtrans-2026-12-12', 82_000));
  expect(work('midtrans-2026-12-13', 82_001)).not.toBe(work('midtrans-2026-12-12', 82_001));
});
