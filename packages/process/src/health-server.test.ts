import { afterEach, expect, it } from 'vitest';
import { type HealthServer, startHealthServer } from './health-server.ts';

let server: HealthServer;
afterEach(() => server.close());

it('the health server answers whether the process runs and whether it can do its work', async () => {
  let isReady = true;
  const check = () => (isReady ? Promise.resolve() : Promise.reject(new Error('away')));
  server = await startHealthServer({ host: '127.0.0.1', port: 0, check, detail: 'Redis does not answer' });
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return [answer.status, await answer.text()];
  };
  expect(await ask('/health/live')).toEqual([200, 'ok']);
  expect(await ask('/health/ready')).toEqual([200, 'ok']);
  expect(await ask('/health')).toEqual([404, 'not found']);
  isReady = false;
  expect(await ask('/health/live')).toEqual([200, 'ok']);
  expect(await ask('/health/ready')).toEqual([503, 'Redis does not answer']);
});

it('the health server fails to start on a port that is taken', async () => {
  const options = { host: '127.0.0.1', check: async () => undefined, detail: '' };
  server = await startHealthServer({ ...options, port: 0 });
  await expect(startHealthServer({ ...options, port: server.port })).rejects.toThrow('EADDRINUSE');
});
