import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { isDatabaseUnavailable, openDatabase } from '@antrean/db';
import { sql } from 'kysely';
import { postgresUrl } from '@antrean/testing/vitest';
import { describe, expect, it, vi } from 'vitest';

describe('a connection to PostgreSQL that stops responding', () => {
  it('fails its query after 15 s, and is replaced', async () => {
    const target = new URL(postgresUrl());
    const sockets: Socket[] = [];
    const proxy = createServer((client) => {
      const server = connect(Number(target.port || 5432), target.hostname);
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on('error', () => undefined);
      sockets.push(client, server);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = `${(proxy.address() as AddressInfo).port}`;
    const db = openDatabase({ url: url.href, maxConnections: 1 });
    const ask = () => sql<{ one: number }>`select 1 as one`.execute(db);
    try {
      await ask();
      // No bytes pass any more, and neither side is told.
      for (const socket of sockets) socket.unpipe().pause();
      const error = await ask().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Error);
      expect(isDatabaseUnavailable(error)).toBe(true);
      // The pool may hand out the dead connection once more before it notices.
      await vi.waitFor(async () => expect((await ask()).rows).toEqual([{ one: 1 }]), { timeout: 5_000 });
    } finally {
      await db.destroy();
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  }, 60_000);
});
