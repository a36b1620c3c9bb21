import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, expect, it, vi } from 'vitest';
import { openApp } from './open-app.ts';

let open: Awaited<ReturnType<typeof openApp>>;
afterEach(() => open.close());

/** Opens a connection. `ended` resolves with the received text when the server closes it. */
async function connect() {
  const { port } = open.app.server.address() as AddressInfo;
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  return { socket, ended: once(socket, 'close').then(() => text) };
}

const asking = (orderId: string) =>
  `GET /v1/orders/${orderId}?token=${open.token(orderId)} HTTP/1.1\r\nHost: toko\r\n`;

it('a shutdown answers open requests, refuses new ones with a problem, and closes every connection', async () => {
  open = await openApp(redisUrl());
  await open.app.listen({ host: '127.0.0.1', port: 0 });
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<undefined>();
  open.postgres.readOrder = () => {
    asked.resolve();
    return answer.promise;
  };
  const underWay = await connect();
  underWay.socket.write(`${asking(randomUUID())}\r\n`);
  await asked.promise;
  const halfSent = await connect();
  halfSent.socket.write(`${asking(randomUUID())}Origin: ${ORIGIN}\r\n`);
  // The answer to this request shows that the API has read the earlier bytes.
  const idle = await connect();
  idle.socket.write('GET /health/live HTTP/1.1\r\nHost: toko\r\n\r\n');
  await once(idle.socket, 'data');

  const cut = vi.spyOn(open.app.server, 'closeAllConnections');
  const closed = open.app.close();
  expect(await idle.ended).toMatch(/^HTTP\/1\.1 200 /);
  halfSent.socket.write('\r\n');
  const refused = await halfSent.ended;
  expect(refused).toMatch(/^HTTP\/1\.1 503 /);
  expect(refused).toContain('application/problem+json');
  expect(refused.toLowerCase()).toContain('retry-after: 1\r\n');
  expect(refused).toContain('"code":"temporarily_unavailable"');
  expect(refused).toContain(`access-control-allow-origin: ${ORIGIN}`);

  answer.resolve(undefined);
  expect(await underWay.ended).toMatch(/^HTTP\/1\.1 404 /);
  await closed;
  expect(cut).not.toHaveBeenCalled();
});

it('a shutdown does not wait for a client that never completes its request', async () => {
  open = await openApp(redisUrl());
  await open.app.listen({ host: '127.0.0.1', port: 0 });
  const { socket, ended } = await connect();
  const reading = once(open.app.server, 'request');
  socket.write(
    `POST /v1/orders HTTP/1.1\r\nHost: toko\r\nAuthorization: Bearer ${open.keys.secret}\r\n` +
      'Idempotency-Key: slow\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  );
  await reading;
  await open.app.close();
  expect(await ended).toBe('');
});
