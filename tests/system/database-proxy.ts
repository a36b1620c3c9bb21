import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy of PostgreSQL that can be taken away and brought back, and that records statements. */
export async function openProxy(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  let isAway = false;
  let refused = 0;
  const server = createServer((client) => {
    if (isAway) {
      refused += 1;
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port || 5432), target.hostname);
    const listen = listener((statement) => asked.push(statement));
    client.on('data', listen);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = `${(server.address() as AddressInfo).port}`;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    /** Refused connections. */
    refused: () => refused,
    /** Every statement since the last call, but for session settings. */
    statements: () => asked.splice(0).filter((statement) => !/^\s*set /i.test(statement)),
    takeAway() {
      isAway = true;
      cut();
    },
    bringBack() {
      isAway = false;
    },
    close() {
      server.close();
      cut();
    },
  };
}

/** Reads one connection's messages from the client: Query and Parse contain statements. */
function listener(onStatement: (text: string) => void) {
  let rest = Buffer.alloc(0);
  // The first message has no type.
  let header = 0;
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= header + 4) {
      const length = header + rest.readInt32BE(header);
      if (rest.length < length) return;
      const type = header === 0 ? '' : String.fromCodePoint(rest[0] ?? 0);
      const strings = rest
        .subarray(header + 4, length)
        .toString()
        .split('\0');
      if (type === 'Q') onStatement(strings[0] ?? '');
      if (type === 'P') onStatement(strings[1] ?? '');
      rest = rest.subarray(length);
      header = 1;
    }
  };
}
