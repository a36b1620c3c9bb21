import { expect, it } from 'vitest';
import { JOBS } from './jobs.ts';

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
