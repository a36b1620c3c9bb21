import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The hosts to which a client asked this proxy to connect. */
const asked: string[] = [];
const proxy = createServer();
proxy.on('connect', (request, socket) => {
  asked.push(request.url ?? '');
  socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
});
beforeAll(() => new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => proxy.close(resolve)));

// Node reads these variables once, at its start. Nothing listens at the addresses without a proxy.
const CALLS = `
  const { createMidtransGateway, createXenditGateway } = await import(process.argv[1]);
  const o = { timeoutMs: 5_000, baseUrl: 'https://127.0.0.1:9' };
  await createMidtransGateway({ ...o, serverKey: 'k', isProduction: false, baseUrl: 'https://127.0.0.1:9' }).status({ attemptId: 'a-1' });
  await createXenditGateway({ ...o, secretKey: 'k', baseUrl: 'https://127.0.0.1:8' }).status({ attemptId: 'a-1' });
`;

async function hostsAskedWith(env: Record<string, string>): Promise<string[]> {
  asked.length = 0;
  const gateways = fileURLToPath(new URL('../src/index.ts', import.meta.url));
  const child = spawn(process.execPath, ['--input-type=module', '-e', CALLS, gateways], {
    stdio: 'inherit',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
  return asked.toSorted();
}

describe('a proxy in the environment', () => {
  const address = () => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  it('is used by both gateways with NODE_USE_ENV_PROXY=1', async () => {
    const hosts = await hostsAskedWith({ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: address() });
    expect(hosts).toEqual(['127.0.0.1:8', '127.0.0.1:9']);
  });

  it('is used by neither without it, or for a host in NO_PROXY', async () => {
    expect(await hostsAskedWith({ HTTPS_PROXY: address(), https_proxy: address() })).toEqual([]);
    const excepted = { NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: address(), NO_PROXY: '127.0.0.1' };
    expect(await hostsAskedWith(excepted)).toEqual([]);
  });
});
