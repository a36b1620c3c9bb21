import { describe, expect, it } from 'vitest';
import { xenditWebhooks } from './webhooks.ts';

const receive = (body: unknown, token: string | string[] | undefined = 'new', tokens = ['old', 'new']) =>
  xenditWebhooks.receive({ headers: { 'x-callback-token': token }, body }, tokens);
const paid = { id: 'a', external_id: 'b', status: 'PAID', payment_id: 'p', amount: 150_000 };

describe('an event of Xendit', () => {
  it('is accepted with each current token only', () => {
    expect(receive(paid)).toMatchObject({ kind: 'payment' });
    expect(receive(paid, 'old')).toMatchObject({ kind: 'payment' });
    expect(receive(paid, 'other')).toMatchObject({ kind: 'unauthorized' });
    expect(receive(paid, '', [''])).toMatchObject({ kind: 'unauthorized' });
    expect(receive(paid, ['old'])).toMatchObject({ kind: 'unauthorized' });
    expect(xenditWebhooks.receive({ headers: {}, body: paid }, ['old'])).toMatchObject({
      kind: 'unauthorized',
    });
  });

  it('of an invoice names its attempt; invoice, status, payment and attempt identify the event', () => {
    expect(receive(paid)).toEqual({
      kind: 'payment',
      attemptId: 'b',
      dedupeKey: 'a/PAID/p/b',
      claim: { claimsPaid: true, claimedRupiah: 150_000 },
      payload: paid,
    });
    expect(receive({ id: 'a', external_id: 'b', status: 'EXPIRED' })).toMatchObject({
      dedupeKey: 'a/EXPIRED//b',
      claim: { claimsPaid: false, claimedRupiah: null },
    });
  });

  it('of a refund names it by our refund id, also when the event is nested', () => {
    const event = {
      event: 'refund.succeeded',
      business_id: 'b',
      data: { id: 'rfd-1', invoice_id: 'i', reference_id: 'rf-1', status: 'SUCCEEDED', failure_code: null },
    };
    const read = { kind: 'refund', refundId: 'rf-1', dedupeKey: 'rfd-1/SUCCEEDED/rf-1', gatewayRef: 'i' };
    expect(receive(event)).toEqual({ ...read, payload: event });
    expect(receive({ ...event, data: event })).toMatchObject(read);
    expect(receive({ data: event })).toMatchObject(read);
  });

  it.each([
    { event: 'refund.succeeded', data: {} },
    { event: 'payment.succeeded', data: { id: 'rfd-1', reference_id: 'rf-1', status: 'SUCCEEDED' } },
    {},
    [],
    'PAID',
    null,
  ])('of an unknown shape is ignored: %o', (body) => {
    expect(receive(body)).toEqual({ kind: 'ignored' });
  });

  it('without a body is reported as such, after the token is checked', () => {
    expect(receive(undefined)).toEqual({ kind: 'without_body' });
    expect(receive(undefined, 'other')).toMatchObject({ kind: 'unauthorized' });
  });
});

it.each([
  [{ status: 'PAID', amount: 150_000, paid_amount: 140_000 }, true, 140_000],
  [{ status: 'SETTLED', amount: 150_000 }, true, 150_000],
  [{ status: 'paid', amount: 150_000.5 }, true, null],
  [{ status: 'PENDING', amount: 150_000 }, false, 150_000],
  [{ status: 'EXPIRED' }, false, null],
  [{}, false, null],
])('a stored event of Xendit with %o claims: paid %s, %o', (payload, claimsPaid, claimedRupiah) => {
  expect(xenditWebhooks.claimOf(payload)).toEqual({ claimsPaid, claimedRupiah });
});
