import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createFaults, operationOf } from '../src/faults.ts';
import { createRandom } from '../src/random.ts';
import { type Json, type OpenSimulator, openSimulator, snap } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());
afterEach(async () => {
  for (const gateway of ['midtrans', 'xendit']) await sim.control('faults', { gateway, mode: 'none' });
});
const fault = (gateway: string, mode: string, more: Json = {}) =>
  sim.control('faults', { gateway, mode, ...more });
const invoices = (externalId: string) => sim.xendit('GET', `/v2/invoices?external_id=${externalId}`);
const create = (externalId: string) =>
  sim.xendit('POST', '/v2/invoices/', { external_id: externalId, amount: 1000 });
const countOf = async (externalId: string) => {
  await fault('xendit', 'none');
  return ((await invoices(externalId)).body as unknown as Json[]).length;
};

describe('a fault before the request is processed', () => {
  it.each([
    ['http_429', 429, 'RATE_LIMIT_EXCEEDED'],
    ['http_500', 500, 'SERVER_ERROR'],
    ['http_503', 503, 'CHANNEL_UNAVAILABLE'],
    ['html_502', 502, '<html>'],
    ['html_200', 200, '<html>'],
    ['empty_200', 200, ''],
  ])('%s answers without an effect', async (mode, status, text) => {
    await fault('xendit', mode, { operation: 'create' });
    const answer = await create(`before-${mode}`);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
    if (mode === 'empty_200') expect(answer.text).toBe('');
    if (mode === 'http_429') expect(answer.headers.get('rate-limit-remaining')).toBe('0');
    expect(await countOf(`before-${mode}`)).toBe(0);
  });

  it('reset closes the connection, and hang does not answer', async () => {
    await fault('xendit', 'reset', { operation: 'create' });
    await expect(create('before-reset')).rejects.toThrow('fetch failed');
    await fault('xendit', 'hang', { operation: 'create' });
    const authorization = `Basic ${Buffer.from('xnd_development_test:').toString('base64')}`;
    const hanging = sim.call('/v2/invoices/', {
      method: 'POST',
      headers: { authorization },
      body: '{"external_id":"before-reset","amount":1}',
      signal: AbortSignal.timeout(100),
    });
    await expect(hanging).rejects.toThrow('timeout');
    expect(await countOf('before-reset')).toBe(0);
  });

  it('has the error format of Snap or of Core', async () => {
    await fault('midtrans', 'http_503');
    expect((await sim.midtrans('POST', '/snap/v1/transactions', snap('x'))).body).toHaveProperty(
      'error_messages',
    );
    expect((await sim.midtrans('GET', '/v2/x/status')).body).toMatchObject({ status_code: '503' });
  });
});

describe('a fault after the request was processed', () => {
  it('reset_after closes the connection after the effect', async () => {
    await fault('xendit', 'reset_after', { operation: 'create' });
    await expect(create('after-reset')).rejects.toThrow('fetch failed');
    expect(await countOf('after-reset')).toBe(1);
  });

  it('truncated_json sends half of the answer', async () => {
    await fault('xendit', 'truncated_json', { operation: 'create' });
    const answer = await create('after-truncated');
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect(answer.text).toContain('"id"');
    expect(await countOf('after-truncated')).toBe(1);
  });

  it('slow lets the webhook arrive before the answer', async () => {
    await fault('xendit', 'slow', { operation: 'create', delayMs: 500, times: 1 });
    let answered = false;
    const slow = create('after-slow').then((answer) => {
      answered = true;
      return answer;
    });
    await expect
      .poll(async () => (await sim.control('pay', { orderId: 'after-slow' })).status, { interval: 5 })
      .toBe(200);
    await sim.hookWhere(({ body }) => body.external_id === 'after-slow');
    expect(answered).toBe(false);
    expect((await slow).status).toBe(200);
  });
});

describe('the requests that fail', () => {
  it('are selected by gateway and operation', async () => {
    await fault('midtrans', 'http_500', { operation: 'refund' });
    await sim.page('op-1');
    await sim.control('pay', { orderId: 'op-1' });
    expect((await sim.midtrans('POST', '/v2/op-1/refund', {})).status).toBe(500);
    expect((await sim.midtrans('GET', '/v2/op-1/status')).status).toBe(200);
    expect((await invoices('op-1')).status).toBe(200);
    await fault('midtrans', 'none', { operation: 'refund' });
    expect((await sim.midtrans('POST', '/v2/op-1/refund', {})).body.status_code).toBe('200');
  });

  it.each([
    ['POST', '/snap/v1/transactions', 'midtrans', 'create'],
    ['POST', '/snap/v1/transactions/t/cancel', 'midtrans', 'cancel_session'],
    ['GET', '/v2/x/status', 'midtrans', 'status'],
    ['POST', '/v2/x/cancel', 'midtrans', 'cancel'],
    ['POST', '/v2/x/expire', 'midtrans', 'expire'],
    ['POST', '/v2/x/refund/online/direct', 'midtrans', 'refund'],
    ['POST', '/v2/x/approve', 'midtrans', undefined],
    ['POST', '/v2/invoices/', 'xendit', 'create'],
    ['GET', '/v2/invoices?limit=1', 'xendit', 'list'],
    ['GET', '/v2/invoices/x', 'xendit', 'status'],
    ['POST', '/invoices/x/expire!', 'xendit', 'expire'],
    ['POST', '/refunds', 'xendit', 'refund'],
    ['GET', '/refunds/x', 'xendit', 'status'],
    ['POST', '/refunds/x/cancel', 'xendit', 'cancel'],
  ])('include %s %s as %s %s', (method, url, gateway, operation) => {
    expect(operationOf(method, url)).toEqual({ gateway, operation });
  });

  it.each(['/__sim/faults', '/web/x/pay', '/snap/v3/redirection/x', '/health/live'])(
    'never include %s',
    (url) => {
      expect(operationOf('POST', url)).toBeUndefined();
    },
  );

  it('are limited in number', async () => {
    await fault('xendit', 'http_500', { times: 2 });
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await invoices('x')).status);
    expect(seen).toEqual([500, 500, 200]);
  });

  it('follow a script, each step for the next matching call', async () => {
    await sim.control('script', {
      gateway: 'xendit',
      steps: [
        { operation: 'create', mode: 'http_503' },
        { operation: 'list', mode: 'none' },
        { operation: 'list', mode: 'html_502' },
      ],
    });
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await invoices('x')).status);
    seen.push((await create('script')).status, (await create('script')).status);
    expect(seen).toEqual([200, 502, 200, 503, 200]);
  });

  it('are drawn at random, and repeated by a seed', () => {
    const draw = () => {
      const faults = createFaults(createRandom(7));
      faults.set({ gateway: 'xendit', mode: 'reset', probability: 0.5 });
      return Array.from({ length: 200 }, () => faults.take('xendit', 'list') !== undefined);
    };
    expect(draw()).toEqual(draw());
    expect(draw().filter(Boolean).length).toBeGreaterThan(70);
    expect(draw().filter(Boolean).length).toBeLessThan(130);
  });
});

it('an endpoint has a rate limit if a switch sets one', async () => {
  await sim.control('switches', { xenditRatePerMinute: 2, midtransRatePerMinute: 1 });
  try {
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push(await invoices('x'));
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(seen[2]?.body).toMatchObject({ error_code: 'RATE_LIMIT_EXCEEDED' });
    expect(seen.map(({ headers }) => headers.get('rate-limit-remaining'))).toEqual(['1', '0', '0']);
    expect(seen[0]?.headers.get('rate-limit-limit')).toBe('2');
    expect(Number(seen[0]?.headers.get('rate-limit-reset'))).toBeGreaterThan(0);
    expect((await create('rate')).status).toBe(200);
    await sim.midtrans('GET', '/v2/x/status');
    const limited = await sim.midtrans('GET', '/v2/x/status');
    expect([limited.status, limited.body.status_code]).toEqual([429, '429']);
  } finally {
    await sim.control('switches', { xenditRatePerMinute: null, midtransRatePerMinute: null });
  }
});
