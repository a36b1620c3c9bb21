import { createProducer } from '@antrean/queue';
import { type BreakerState, openRequestRedis, reportGatewayHealth, waitForRedis } from '@antrean/redis';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenApp, openApp, ORIGIN } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl());
});
afterEach(() => api.close());

const read = (key: string) =>
  api.app.inject({ url: '/v1/payment-methods', headers: { authorization: `Bearer ${key}`, origin: ORIGIN } });
const online = async () => (await read(api.keys.publishable)).json<{ methods: object[] }>().methods[0];
const report = async (states: Partial<Record<'midtrans' | 'xendit', BreakerState>>) => {
  for (const [gateway, state] of Object.entries(states)) {
    await reportGatewayHealth(api.redis, api.keyspace, gateway, state);
  }
};

// The app of these tests has no PostgreSQL.
describe('the payment methods', () => {
  it('are all available while no worker has reported, to any key, and kept for a moment', async () => {
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
            gateways: [
              { name: 'midtrans', state: 'unknown' },
              { name: 'xendit', state: 'unknown' },
            ],
          },
          { method: 'bank_transfer', available: true, state: 'available' },
        ],
      });
    }
    expect((await api.app.inject({ url: '/v1/payment-methods' })).statusCode).toBe(401);
    expect((await read('sk_of_nobody_at_all')).statusCode).toBe(401);
  });

  it.each([
    [{ midtrans: 'open', xendit: 'closed' }, 'available'],
    [{ midtrans: 'open' }, 'available'],
    [{ midtrans: 'half_open', xendit: 'closed' }, 'available'],
    [{ midtrans: 'open', xendit: 'half_open' }, 'delayed'],
    [{ midtrans: 'half_open', xendit: 'half_open' }, 'delayed'],
    [{ midtrans: 'open', xendit: 'open' }, 'unavailable'],
  ] as const)('with breakers %o: online is %s', async (states, state) => {
    await report(states);
    expect(await online()).toMatchObject({
      state,
      available: state !== 'unavailable',
      gateways: [
        { name: 'midtrans', state: states.midtrans },
        { name: 'xendit', state: 'xendit' in states ? states.xendit : 'unknown' },
      ],
    });
  });

  it('are delayed online while many payments wait to be made', async () => {
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
    await report({ midtrans: 'open', xendit: 'open' });
    expect(await online()).toMatchObject({ state: 'unavailable' });
    await producer.close();
    redis.disconnect();
  });
});
