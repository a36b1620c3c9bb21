import { randomUUID } from 'node:crypto';
import type { StoredDetails } from '@antrean/db';
import { anOrder, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { online, type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl());
});
afterEach(() => api.close());

const ADDRESS = { street: 'Jl. Mawar 1', city: 'Bandung', province: 'Jawa Barat', postalCode: '40111' };
const ORDER = {
  ...anOrder(),
  customer: { ...anOrder().customer, id: 'siti-7' },
  shippingAddress: ADDRESS,
  note: 'titip di pos satpam',
  shippingFee: 20_000,
  returnUrl: `${ORIGIN}/selesai`,
};
const read = (orderId: string, headers: Record<string, string>, query = '') =>
  api.app.inject({ url: `/v1/orders/${orderId}${query}`, headers });
const asServer = (orderId: string, more: Record<string, string> = {}) =>
  read(orderId, { authorization: `Bearer ${api.keys.secret}`, ...more });
const asCustomer = (orderId: string) => read(orderId, {}, `?token=${api.token(orderId)}`);
const stored = (orderId: string): StoredDetails => ({
  orderId,
  customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '0812' },
  ...{ shippingAddress: ADDRESS, note: null, returnUrl: null, shippingFeeRupiah: 20_000 },
  receipts: [{ account: 'bank', amountRupiah: 70_000, at: '2026-12-12T05:00:00.123456+00:00' }],
  ...{ refunds: [], exceptions: [] },
});
const DETAILS = [
  ...['customer', 'shippingAddress', 'note', 'returnUrl', 'shippingFee', 'receipts', 'refunds', 'exceptions'],
  'details',
];

// The app of these tests has no PostgreSQL.
describe('a secret key', () => {
  it('reads what a queued order was placed with, from its job', async () => {
    const { orderId } = (await api.place(ORDER)).json<{ orderId: string }>();
    const answer = (await asServer(orderId)).json<object>();
    expect(answer).toMatchObject({
      status: 'queued',
      ...{ customer: ORDER.customer, shippingAddress: ADDRESS, note: ORDER.note, shippingFee: 20_000 },
      ...{ returnUrl: ORDER.returnUrl, receipts: [], refunds: [], exceptions: [] },
    });
    expect(answer).not.toHaveProperty('details');
  });

  it('reads the details of a later order from PostgreSQL, with a tag that changes with them', async () => {
    const orderId = await api.order('paid', online());
    let details = stored(orderId);
    api.postgres.readDetails = async () => details;
    const first = await asServer(orderId);
    expect(first.json()).toMatchObject({
      orderId,
      customer: { email: 'siti@example.test' },
      shippingAddress: ADDRESS,
      receipts: [{ gateway: 'bank_transfer', amount: 70_000, receivedAt: '2026-12-12T05:00:00.123Z' }],
    });
    const tag = { 'if-none-match': String(first.headers.etag) };
    expect((await asServer(orderId, tag)).statusCode).toBe(304);
    // The order keeps its version.
    const refund = { id: 'r-1', amountRupiah: 5_000, state: 'pending', reason: 'broken' } as const;
    details = { ...details, refunds: [{ ...refund, at: '2026-12-13T05:00:00Z' }] };
    const second = await asServer(orderId, tag);
    expect([second.statusCode, second.json<{ refunds: object[] }>().refunds]).toEqual([
      200,
      [
        {
          ...{ refundId: 'r-1', amount: 5_000, state: 'pending', reason: 'broken' },
          requestedAt: '2026-12-13T05:00:00.000Z',
        },
      ],
    ]);
  });

  it('reads the status with `details: "unavailable"` while PostgreSQL is away, or answers nothing', async () => {
    const orderId = await api.order('paid', online());
    for (const readDetails of [
      api.postgres.readDetails,
      () => new Promise<never>(() => undefined),
      async () => undefined,
    ]) {
      api.postgres.readDetails = readDetails;
      const answer = await asServer(orderId);
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toMatchObject({ orderId, status: 'paid', details: 'unavailable' });
      expect(answer.json()).not.toHaveProperty('customer');
    }
  });

  it('reads nothing of an order of another storefront', async () => {
    const { orderId } = (await api.place(ORDER)).json<{ orderId: string }>();
    const answer = await read(orderId, { authorization: `Bearer ${api.keys.other}` });
    expect([answer.statusCode, answer.body]).toEqual([404, expect.not.stringContaining('Siti')]);
  });
});

it('a client with the order’s token, or with a publishable key, gets no details', async () => {
  const { orderId } = (await api.place(ORDER)).json<{ orderId: string }>();
  const later = await api.order('paid', online());
  api.postgres.readDetails = async () => stored(later);
  for (const id of [orderId, later]) {
    const answer = await asCustomer(id);
    expect(answer.statusCode).toBe(200);
    for (const field of DETAILS) expect(answer.json()).not.toHaveProperty(field);
  }
  const page = await read(orderId, { authorization: `Bearer ${api.keys.publishable}`, origin: ORIGIN });
  expect([page.statusCode, page.body]).toEqual([403, expect.not.stringContaining('Siti')]);
  const replay = await api.place(ORDER, { 'idempotency-key': randomUUID() });
  for (const field of DETAILS) expect(replay.json()).not.toHaveProperty(field);
});

it('the status record of an order has none of its details', async () => {
  const { orderId } = (await api.place(ORDER)).json<{ orderId: string }>();
  const record = await api.redis.get(api.keyspace.status(orderId));
  expect(record).toContain(orderId);
  expect(record).not.toMatch(/Siti|siti|0812|812 3456|Mawar|satpam|selesai|20000/);
});
