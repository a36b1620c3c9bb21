import { createProducer } from '@antrean/queue';
import { ONLINE_GATEWAYS } from '@antrean/domain';
import { type BreakerState, openRequestRedis, reportGatewayHealth, waitForRedis } from '@antrean/redis';
import { ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl());
});
afterEach(() => api.close());

const read = (key: string) =>
  api.app.inject({ url: '/v1/payment-methods', headers: { authorization: `Bearer ${key}`, origin: ORIGIN } });
const online = async () => (await read(api.keys.publishable)).json<{ methods: object[] }>().methods[0];
/** Reports the breaker states of the first gateway and of all others; undefined reports none. */
const report = async (first: BreakerState, others: BreakerState | undefined) => {
  for (const [index, gateway] of ONLINE_GATEWAYS.entries()) {
    const state = index === 0 ? first : others;
    if (state !== undefined) await reportGatewayHealth(api.redis, api.keyspace, gateway, state);
  }
};

// The app of these tests has no PostgreSQL.
describe('the payment methods', () => {
  it('are all available to any key while no worker has reported, and cached for 5 seconds', async () => {
    for (const key of [api.keys.publishable, api.keys.secret]) {
      const answer = await read(key);
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['cache-control']).toBe('private, max-age=5');
      expect(answer.json()).toEqual({
        methods: [
          {
            method: 'online',
            available: true,
            state: 'available',
            gateways: ONLINE_GATEWAYS.map((name) => ({ name, state: 'unknown' })),
          },
          { method: 'bank_transfer', available: true, state: 'available' },
        ],
      });
    }
    expect((await api.app.inject({ url: '/v1/payment-methods' })).statusCode).toBe(401);
    expect((await read('sk_of_nobody_at_all')).statusCode).toBe(401);
  });

  it.each([
    ['open', 'closed', 'available'],
    ['open', undefined, 'available'],
    ['half_open', 'closed', 'available'],
    ['open', 'half_open', 'delayed'],
    ['half_open', 'half_open', 'delayed'],
    ['open', 'open', 'unavailable'],
  ] as const)('with the first breaker %s and the others %s: online is %s', async (first, others, state) => {
    await report(first, others);
    expect(await online()).toMatchObject({
      state,
      available: state !== 'unavailable',
      gateways: ONLINE_GATEWAYS.map((name, index) => ({
        name,
        state: (index === 0 ? first : others) ?? 'unknown',
      })),
    });
  });

  it('are delayed online while many payment jobs wait', async () => {
    const redis = openRequestRedis(redisUrl());
    await waitForRedis(redis, 5_000);
    const producer = createProducer(redis, api.keyspace);
    const add = (from: number, to: number) =>
      producer.addAll(
        'create-payment',
        Array.from({ length: to - from }, (_, i) => ({
          payload: { orderId: crypto.randomUUID(), requestId: 'r' },
          jobId: `job-${from + i}`,
        })),
      );
    await add(0, 300);
    expect(await online()).toMatchObject({ state: 'available' });
    await add(300, 301);
    expect(await online()).toMatchObject({ state: 'delayed', available: true });
    await report('open', 'open');
    expect(await online()).toMatchObject({ state: 'unavailable' });
    await producer.close();
    redis.disconnect();
  });
});
