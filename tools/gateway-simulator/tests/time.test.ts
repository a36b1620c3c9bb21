import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type OpenSimulator, openSimulator } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
// Only the clock is fake: timers and sockets are real.
beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());
const pass = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
const DAY = 1440;

it('a Snap page expires without a webhook, and its code can be paid until the method expires', async () => {
  const token = await sim.page('time-1', { page_expiry: { duration: 1, unit: 'minute' } });
  await sim.control('choose', { orderId: 'time-1', method: 'bca_va' });
  await sim.hookWhere(({ body }) => body.order_id === 'time-1');
  pass(2);
  const page = await sim.call(`/snap/v3/redirection/${token}`, {});
  expect([page.status, page.text]).toEqual([410, expect.stringContaining('masih berlaku sampai')]);
  expect((await sim.call(`/snap/v3/redirection/${token}/pay`, { method: 'POST' })).status).toBe(410);
  expect((await sim.status('time-1')).transaction_status).toBe('pending');
  expect((await sim.control('pay', { orderId: 'time-1' })).status).toBe(200);
  expect(sim.hooksOf('time-1').map(({ body }) => body.transaction_status)).not.toContain('expire');
});

it('a page without a chosen method expires without a webhook', async () => {
  await sim.page('time-2', { expiry: { duration: 5, unit: 'minute' } });
  pass(6);
  expect((await sim.control('pay', { orderId: 'time-2' })).status).toBe(409);
  expect((await sim.status('time-2')).status_code).toBe('404');
  expect(sim.hooksOf('time-2')).toEqual([]);
});

it('an expiry without a start counts from the choice of the method', async () => {
  await sim.page('time-3', {
    expiry: { duration: 5, unit: 'minute' },
    page_expiry: { duration: 1, unit: 'hour' },
  });
  pass(4);
  await sim.control('choose', { orderId: 'time-3' });
  pass(4);
  expect((await sim.status('time-3')).transaction_status).toBe('pending');
  pass(2);
  expect((await sim.status('time-3')).transaction_status).toBe('expire');
  const { body } = await sim.hookWhere(
    (h) => h.body.order_id === 'time-3' && h.body.transaction_status === 'expire',
  );
  expect(body.status_code).toBe('202');
});

it('an expiry with a start ends page and method together, whenever the method was chosen', async () => {
  const start = new Date(Date.now() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
  await sim.page('time-4', { expiry: { start_time: `${start} +0700`, duration: 5, unit: 'minute' } });
  pass(4);
  await sim.control('choose', { orderId: 'time-4', method: 'bca_va' });
  pass(2);
  // The sweep expires it, without a request.
  await sim.hookWhere((h) => h.body.order_id === 'time-4' && h.body.transaction_status === 'expire');
  expect((await sim.control('pay', { orderId: 'time-4' })).status).toBe(409);
});

it('a Xendit invoice expires without a request, with a webhook', async () => {
  const { id } = await sim.invoice('time-5', { invoice_duration: 60 });
  pass(2);
  expect((await sim.xendit('GET', `/v2/invoices/${id}`)).body.status).toBe('EXPIRED');
  const { body } = await sim.hookWhere((h) => h.body.external_id === 'time-5');
  expect([body.status, 'paid_at' in body]).toEqual(['EXPIRED', false]);
});

it('a QRIS payment can be refunded for seven days, and a refund key is remembered as long', async () => {
  await sim.page('time-6');
  await sim.control('pay', { orderId: 'time-6' });
  const refund = async (key: string) =>
    (await sim.midtrans('POST', '/v2/time-6/refund', { refund_key: key, amount: 1000 })).body.status_code;
  expect(await refund('first')).toBe('200');
  pass(6 * DAY);
  expect([await refund('first'), await refund('second')]).toEqual(['200', '200']);
  pass(2 * DAY);
  expect([await refund('first'), await refund('third')]).toEqual(['406', '412']);
});
