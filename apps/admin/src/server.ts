import type { AddressInfo } from 'node:net';
import { openDatabase, pingDatabase, readOrderTimeline } from '@antrean/db';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import type { AdminConfig } from './config.ts';

/** Few, so that admins' reads leave the connections to orders. */
const MAX_CONNECTIONS = 3;

export interface RunningAdmin {
  url: string;
  stop(): Promise<void>;
}

export async function startAdmin(config: AdminConfig, log: Logger): Promise<RunningAdmin> {
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: MAX_CONNECTIONS });
  const deps = {
    config,
    readOrderTimeline: (orderId: string) => readOrderTimeline(db, orderId),
    pingDatabase: () => pingDatabase(db),
  };
  const app = await buildApp(deps, log);
  await app.listen({ host: config.ADMIN_HOST, port: config.ADMIN_PORT });
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await app.close();
    await db.destroy();
  };
  return {
    url: `http://${config.ADMIN_HOST}:${(app.server.address() as AddressInfo).port}`,
    stop: () => (stopping ??= stop()),
  };
}
