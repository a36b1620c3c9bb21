import { once } from 'node:events';
import { openSubscriberRedis, waitForRedis } from '@antrean/redis';
import { redisUrl } from '@antrean/testing/vitest';
import { describe, expect, it } from 'vitest';

describe('a subscriber connection to a cluster', () => {
  it('connects to the next node when one is out of reach or its connection is lost', async () => {
    const { username, password, host } = new URL(redisUrl());
    const login = password === '' ? '' : `${username}:${password}@`;
    // Nothing listens at the first address; the second and third are the same server.
    const subscriber = openSubscriberRedis(`redis+cluster://${login}127.0.0.1:9,${host},${host}`);
    await waitForRedis(subscriber, 5_000);
    expect(`${subscriber.options.host}:${subscriber.options.port}`).toBe(host);
    const isLost = once(subscriber, 'close');
    subscriber.disconnect(true);
    await isLost;
    await waitForRedis(subscriber, 5_000);
    expect(await subscriber.ping()).toBe('PONG');
    subscriber.disconnect();
  });
});
