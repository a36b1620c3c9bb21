import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthServer {
  port: number;
  close(): void;
}

/**
 * Health routes for a process that serves no other HTTP: `/health/live` answers 200 while the process runs;
 * `/health/ready` answers 200 when `check` resolves, else 503 with `detail`.
 */
export async function startHealthServer({
  host,
  port,
  check,
  detail,
}: {
  host: string;
  port: number;
  check: () => Promise<unknown>;
  detail: string;
}): Promise<HealthServer> {
  const checks: Readonly<Record<string, () => Promise<unknown>>> = {
    '/health/live': async () => undefined,
    '/health/ready': check,
  };
  const server = createServer((request, response) => {
    const asked = checks[request.url ?? ''];
    if (asked === undefined) {
      response.writeHead(404).end('not found');
      return;
    }
    asked().then(
      () => response.writeHead(200).end('ok'),
      () => response.writeHead(503).end(detail),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
